import { StepError } from '../proto/errors.ts';
import type { Host } from './host/host.ts';

export const FILE = '/opt/tandem/bin/tandem';
const UNIT = '/etc/systemd/system/tandem-agent.service';
const RPM_UNIT = '/usr/lib/systemd/system/tandem-agent.service';
const SETTINGS = '/etc/tandem/agent.env';
const ROOT = { uid: 0, gid: 0 };
const FOLDERS: readonly [path: string, mode: number][] = [['/opt/tandem', 0o755], ['/opt/tandem/bin', 0o755], ['/etc/tandem', 0o700], ['/etc/tandem/pki', 0o700], ['/var/lib/tandem', 0o700]];

export interface Payload { self: string; unit: string; settings: string }

/** Sets a host up from the bare file, as the RPM would; a second time changes nothing. Answers what it did, a line each. */
export async function install(host: Host, payload: Payload): Promise<string[]> {
  const owner = await packageThatOwns(host, [FILE, RPM_UNIT]);
  if (owner !== undefined) throw new Error(`package ${owner} has installed Tandem here: upgrade it with yum, or remove it first (yum remove tandem; /etc/tandem/pki and /var/lib/tandem stay)`);
  const done: string[] = [];
  for (const [path, mode] of FOLDERS) if (await folder(host, path, mode)) done.push(`${path}: folder of root, mode 0${mode.toString(8)}`);
  if (await program(host, payload.self)) done.push(`${FILE}: this file`);
  if (await host.stat(SETTINGS) === undefined) { // a site's own settings stay
    await host.writeFile(SETTINGS, payload.settings, { ...ROOT, mode: 0o600 });
    done.push(`${SETTINGS}: settings, as they come`);
  }
  if (await host.readFile(UNIT) !== payload.unit || !await isOf(host, UNIT, 0o644)) {
    await host.writeFile(UNIT, payload.unit, { ...ROOT, mode: 0o644 });
    done.push(`${UNIT}: unit`);
  }
  await host.act(['systemctl', 'daemon-reload']); // each time: an earlier try may have been cut off before it
  return done;
}

/** A file of root with this mode: what another user may write, root must not run. */
async function isOf(host: Host, path: string, mode: number): Promise<boolean> {
  const found = await host.stat(path);
  return found?.type === 'file' && found.mode === mode && found.uid === 0 && found.gid === 0;
}

async function folder(host: Host, path: string, mode: number): Promise<boolean> {
  const found = await host.stat(path);
  if (found === undefined) await host.makeDirectory(path, { ...ROOT, mode });
  else if (found.type !== 'directory') throw new Error(`${path} is a ${found.type}, expected a folder; nothing more was done`);
  else if (found.mode !== mode || found.uid !== 0 || found.gid !== 0) await host.setOwnership(path, { ...ROOT, mode });
  else return false;
  return true;
}

/** A running agent keeps the old file until it is restarted: the new one is renamed into place. */
async function program(host: Host, self: string): Promise<boolean> {
  if (await isOf(host, FILE, 0o755) && (self === FILE || await host.sha256(FILE) === await host.sha256(self))) return false;
  const fresh = `${FILE}.new`;
  await host.remove(fresh); // of a try that was cut off
  await host.copy(self, fresh, { ...ROOT, mode: 0o755 });
  await host.move(fresh, FILE);
  return true;
}

/** The package that owns one of these files; undefined where none does, or there is no rpm. */
async function packageThatOwns(host: Host, paths: string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await host.stat(path) === undefined) continue;
    try {
      const { exitCode, stdout } = await host.read(['rpm', '-qf', '--qf', '%{NAME}\n', path], { okCodes: [0, 1] }); // 1: owned by none
      if (exitCode === 0) return stdout.trim();
    } catch (error) {
      if (error instanceof StepError && error.message.startsWith('there is no rpm')) return undefined;
      throw error;
    }
  }
  return undefined;
}
