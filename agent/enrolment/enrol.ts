import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { checkAuthority, checkOffered, install, installed, isComplete, stampOf, Unfit } from './certificate.ts';
import { hostKey, type HostKey } from './key.ts';
import { makeCode, PendingCode } from './pending.ts';
import { day } from './revoked.ts';

export interface EnrolOptions { certs: string; state: string; minutes: number; again: boolean; name?: string; request?: string; certificate?: string; authority?: string }

/** The largest file that is read from a folder, bytes. */
const MAX_BYTES = 1024 * 1024;
const RESTART = 'systemctl restart tandem-agent';

/** `tandem agent enrol`: resolves with what to print. Throws with the reason when nothing was done. */
export async function enrol(options: EnrolOptions): Promise<string[]> {
  if (options.request !== undefined && options.certificate !== undefined) throw new Error('--request makes what is to be signed, --certificate installs what was signed: one at a time');
  if (options.certificate !== undefined && options.authority === undefined) throw new Error('--certificate without --authority FINGERPRINT: the folder alone does not tell whose it is; the coordinator shows the whole command');
  if (options.certificate === undefined && options.authority !== undefined) throw new Error('--authority is of use with --certificate only: a code is proof enough');
  refuseSecond(options);
  if (options.request !== undefined) return await writeRequest(options, options.request);
  if (options.certificate !== undefined) return await installFrom(options, options.certificate, options.authority ?? '');
  return newCode(options);
}

const hostOf = ({ name }: EnrolOptions): string => name ?? (hostname().split('.')[0] ?? '').toLowerCase();
const colons = (fingerprint: Buffer): string => fingerprint.toString('hex').toUpperCase().replaceAll(/..(?=.)/g, '$&:');

function refuseSecond({ certs, again }: EnrolOptions): void {
  if (!existsSync(join(certs, 'agent.crt')) || again) return;
  let until = 'by a certificate that cannot be read';
  try { until = `until ${day(installed(certs)?.validToDate ?? new Date(0))}`; } catch (error) { if (!(error instanceof Unfit)) throw error; }
  throw new Error(`this host is enrolled already, ${until}; to enrol it again: --again (to give it a new key too, move ${join(certs, 'agent.key')} away first)`);
}

/** One code at a time: an old one is void. An old certificate stays in force; the agent must be started anew to wait for another. */
function newCode(options: EnrolOptions): string[] {
  const { certs, state, minutes } = options, key = hostKey(certs);
  const old = stampOf(certs), { text, untilMs } = makeCode(state, key.fingerprint, minutes, Date.now(), old);
  return [
    `code         ${text}`,
    `fingerprint  ${colons(key.fingerprint)}  (SHA-256 of this host's public key; the code holds it)`,
    `good until   ${new Date(untilMs).toISOString().slice(0, 16).replace('T', ' ')} UTC by this host's clock, for one enrolment; another tandem agent enrol makes it void`,
    ...(old === undefined ? ['Next, with the agent running here (systemctl start tandem-agent), on the coordinator:'] : [stays(options, key), `Next, here: ${RESTART}`, 'Then, on the coordinator:']),
    `  tandem enrol ${hostOf(options)} --code -${old === undefined ? '' : ' --again --reason TEXT'}`,
    'It reads the code: paste it, then Enter and Ctrl-D.',
  ];
}

/** What becomes of the certificate that is here. */
const stays = ({ certs }: EnrolOptions, key: HostKey): string => isComplete(certs, key)
  ? 'The certificate that is here stays in force until the new one has come. From the restart on the agent waits for that, and does nothing else; when the code is used or void, it serves again.'
  : "The certificate that is here does not fit this host's key and ca.crt: from the restart on this host is not enrolled until the new one has come.";

async function writeRequest(options: EnrolOptions, file: string): Promise<string[]> {
  const key = hostKey(options.certs), host = hostOf(options);
  const pem = await (await import('./request.ts')).requestFor(key, host);
  try {
    writeFileSync(file, pem, { mode: 0o644, flag: 'wx' });
  } catch (error) {
    throw new Error((error as NodeJS.ErrnoException).code === 'EEXIST' ? `${file} is there already; move it away, or choose another name` : (error as Error).message);
  }
  return [
    `request      ${file}`,
    `fingerprint  ${colons(key.fingerprint)}  (SHA-256 of this host's public key: write it down, it goes another way than the file)`,
    `Next, with that file on the coordinator: tandem enrol ${host} --request FILE --fingerprint FINGERPRINT`,
    'Then, with the folder that it makes, here: tandem agent enrol --certificate FOLDER --authority FINGERPRINT (the coordinator shows it)',
  ];
}

async function installFrom({ certs, state, name }: EnrolOptions, folder: string, authority: string): Promise<string[]> {
  const offered = { certificatePem: read(join(folder, 'agent.crt')), caPem: read(join(folder, 'ca.crt')), crlPem: existsSync(join(folder, 'ca.crl')) ? read(join(folder, 'ca.crl')) : '' };
  checkAuthority(offered.caPem, authority);
  const enrolment = await checkOffered(certs, hostKey(certs), offered, Date.now());
  if (name !== undefined && name !== enrolment.host) throw new Unfit(`agent.crt is of ${enrolment.host}, not of ${name}; nothing was changed`);
  const old = stampOf(certs);
  install(certs, enrolment);
  new PendingCode(state).drop();
  return [
    `Enrolled as ${enrolment.host} of site ${enrolment.site}, until ${day(enrolment.until)} (certificate ${enrolment.serial}).`,
    `authority    ${enrolment.ca.fingerprint256}  (SHA-256 of ca.crt, as --authority said)`,
    old === undefined ? 'The agent, where it runs, takes it up by itself; else: systemctl start tandem-agent' : `The old certificate is now ${join(certs, 'agent.crt.old')}; an agent that runs goes on with it until it is started anew.\nNext: ${RESTART}`,
  ];
}

function read(path: string): string {
  if (statSync(path).size > MAX_BYTES) throw new Error(`${path} is larger than ${String(MAX_BYTES)} bytes: no certificate`);
  return readFileSync(path, 'utf8');
}
