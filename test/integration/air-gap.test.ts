import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as lab from '../lab/lab.ts';
import { asRun, fill, firstMissing, PLACEHOLDERS, readPage, type Block, type Seen } from './air-gap-page.ts';
import { root } from './lab-site.ts';
import { runId } from './step-host.ts';

/** docs/air-gap.md is followed, command by command, on lab hosts: one is the coordinator, and none has a route to anything. */
const blocks = readPage(join(root, 'docs/air-gap.md'));
const run = runId('air');
/** Names in the page: those of the lab's hosts. */
const HOSTS: Record<string, string> = { coordinator: 'desk', controller: 'controller', compute1: 'compute1' };
const folder = mkdtempSync('/var/tmp/tandem-air-gap-'), home = join(folder, 'gnupg');
const NEXT = '99.0.0';
let seen: Seen;

const hostOf = (name: string): string => { const host = HOSTS[name]; if (host === undefined) throw new Error(`the page names a host "${name}" that is not here`); return host; };
const said = async (command: string, ...args: string[]): Promise<string> => (await promisify(execFile)(command, args, { maxBuffer: 1e9 })).stdout.trim();
const onHost = async (host: string, script: string, input?: string | Buffer): Promise<lab.Result> => await lab.exec(run, host, ['bash', '-c', `{ ${script}\n} 2>&1`], input === undefined ? {} : { input });
async function put(host: string, path: string, bytes: Buffer | string): Promise<void> {
  expect(await onHost(host, `mkdir -p ${dirname(path)} && cat >${path}`, bytes)).toMatchObject({ code: 0 });
}

const bundle = (version: string): string => `tandem-${version}-bundle.tar.gz`;
async function makeKey(name: string): Promise<void> {
  await said('gpg', '--homedir', home, '--batch', '--quiet', '--passphrase', '', '--quick-gen-key', `Tandem test <${name}>`, 'rsa3072', 'sign', 'never');
}
async function makeBundle(out: string, key: string, ...options: string[]): Promise<void> {
  await promisify(execFile)(join(root, 'scripts/bundle'), ['--key', key, '--gnupg-home', home, '--out', out, ...options]);
}

beforeAll(async () => {
  await said('bash', '-c', `. ${root}/test/lab/hosts/tools.sh; need_tools rpmbuild=rpm createrepo_c=createrepo-c gpg=gnupg readelf=binutils`);
  mkdirSync(home, { mode: 0o700 });
  await makeKey('air-gap@example.test');
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(await said('gpg', '--homedir', home, '--with-colons', '--list-keys'))![1]!;
  const version = (await said(join(root, 'dist/tandem'), '--version')).replace('tandem ', '');
  await makeBundle(folder, 'air-gap@example.test');
  await makeBundle(folder, 'air-gap@example.test', '--version', NEXT);
  await lab.up(run, 'controller', 'compute1', 'desk=plain');
  // What differs here from the page: the lab's addresses and domain, and what a person knows beforehand.
  seen = new Map([
    ['192.0.2.254', '10.77.0.3'], ['192.0.2.1', '10.77.0.1'], ['192.0.2.2', '10.77.0.2'], ['example.com', 'example.test'],
    ['VERSION', version], ['NEXT', NEXT], ['FINGERPRINT', `${fingerprint.slice(0, 20).match(/.{4}/g)!.join(' ')} ${fingerprint.slice(20).match(/.{4}/g)!.join(' ')}`],
  ]);
  for (const host of Object.values(HOSTS)) for (const each of [version, NEXT]) await put(host, `/media/${bundle(each)}`, readFileSync(join(folder, bundle(each))));
});
afterAll(async () => {
  await lab.down(run);
  await said('gpgconf', '--homedir', home, '--kill', 'all');
  rmSync(folder, { recursive: true });
});

test('no host has a route to anything but the others', async () => {
  for (const host of Object.values(HOSTS)) {
    expect(await onHost(host, 'ip -4 route; ip -6 route show default'), host).toMatchObject({ code: 0, stdout: expect.stringMatching(/^10\.77\.0\.0\/24 dev eth0 [^\n]*\n$/) as string });
    expect(await onHost(host, 'timeout 5 bash -c "exec 3<>/dev/tcp/203.0.113.1/443"'), host).toMatchObject({ code: 1, stdout: expect.stringContaining('Network is unreachable') as string });
  }
});

/** The genuine bundle with one byte of the file flipped, and the sums as they were or made anew. */
async function tampered(sumsAnew: boolean): Promise<string> {
  const out = join(folder, sumsAnew ? 'sums-anew' : 'flipped'), version = seen.get('VERSION')!;
  mkdirSync(out);
  await said('tar', '-C', out, '-xzf', join(folder, bundle(version)));
  const file = join(out, `tandem-${version}`, 'tandem'), bytes = readFileSync(file), middle = bytes.length >> 1;
  bytes[middle] = bytes[middle]! ^ 1;
  writeFileSync(file, bytes);
  if (sumsAnew) await said('bash', '-c', `cd ${out}/tandem-${version} && cut -c67- SHA256SUMS | xargs -d '\n' sha256sum >new && mv new SHA256SUMS`);
  await said('tar', '-C', out, '-czf', join(out, bundle(version)), `tandem-${version}`);
  return join(out, bundle(version));
}
async function forged(): Promise<string> {
  await makeKey('forger@example.test');
  await makeBundle(join(folder, 'forged'), 'forger@example.test');
  return join(folder, 'forged', bundle(seen.get('VERSION')!));
}

// What tells the person to stop: the line that the page shows and the host does not print.
test.each<[string, () => Promise<string>, string, RegExp]>([
  ['another key has signed', forged, '…fingerprint: FINGERPRINT', /every file is whole/],
  ['a byte is flipped', () => tampered(false), 'every file is whole', /Good signature[^]*tandem: FAILED/],
  ['a byte is flipped and the sums are made anew', () => tampered(true), '…Good signature from…', /BAD signature/],
])('a bundle in which %s is found before anything is installed', async (_what, make, missing, printed) => {
  const genuine = readFileSync(join(folder, bundle(seen.get('VERSION')!))), medium = fill('/media/tandem-VERSION-bundle.tar.gz', seen);
  const block = blocks.find((each) => each.kind === 'run' && each.hosts.includes('compute1'));
  if (block?.kind !== 'run') throw new Error('the page has no block for compute1');
  await put('compute1', medium, readFileSync(await make()));
  const { stdout } = await onHost('compute1', fill(block.script, seen));
  expect(stdout).toMatch(printed);
  expect(firstMissing(block.expected.map((line) => fill(line, seen)), stdout, new Map()), stdout).toBe(fill(block.expected.find((line) => line === missing)!, seen));
  expect(await onHost('compute1', 'rpm -q tandem; ls -d /opt/tandem /srv/tandem /etc/yum.repos.d/tandem.repo')).toMatchObject({ stdout: expect.not.stringMatching(/^(?:\/|tandem-)/m) as string });
  await put('compute1', medium, genuine);
  expect(await onHost('compute1', `rm -rf /root/.gnupg ${fill('/srv/tandem-VERSION', seen)}`)).toMatchObject({ code: 0 });
});

async function follow(block: Block): Promise<void> {
  const place = `docs/air-gap.md:${block.line}`;
  if (block.kind === 'write') { await put(hostOf(block.host), block.path, fill(block.text, seen)); return; }
  if (block.kind === 'carry') {
    for (const { from, path, to, toPath } of block.ways) {
      const packed = await promisify(execFile)(join(root, 'scripts/lab'), ['exec', run, hostOf(from), 'tar', '-C', fill(path, seen), '-c', '.'], { encoding: 'buffer' }).catch(() => undefined);
      if (packed === undefined) await put(hostOf(to), toPath, (await lab.exec(run, hostOf(from), ['cat', fill(path, seen)])).stdout);
      else expect(await onHost(hostOf(to), `mkdir -p ${toPath} && tar --no-same-owner -x -C ${toPath}`, packed.stdout), place).toMatchObject({ code: 0 });
    }
    return;
  }
  for (const host of block.hosts) {
    const { code, stdout } = await onHost(hostOf(host), fill(asRun(block.script), seen));
    expect(block.exits, `${place} on ${host}: exit code ${code}\n${stdout}`).toContain(code);
    const known = new Map([...seen].filter(([name]) => PLACEHOLDERS[name] === undefined));
    expect(firstMissing(block.expected.map((line) => fill(line, known)), stdout, seen), `${place} on ${host} printed:\n${stdout}`).toBeUndefined();
  }
}

// One after the other, as a person would: what follows a block that failed would say nothing.
let failed = false;
for (const block of blocks) {
  const title = block.kind === 'run' ? `${block.hosts.join(', ')}: ${block.script.split('\n').filter((line) => !line.startsWith('cd ')).join('; ').slice(0, 70)}` : block.kind === 'write' ? `${block.host}: ${block.path}` : block.ways.map(({ from, path, to }) => `${path} from ${from} to ${to}`).join(', ');
  test(`line ${block.line}: ${title}`, async () => {
    expect(failed, 'an earlier block of the page failed').toBe(false);
    failed = true;
    await follow(block);
    failed = false;
  });
}

test('nothing was unpacked or changed beside the package, and the removed one is gone', async () => {
  expect(await onHost('compute1', 'ls /var/cache/tandem 2>/dev/null; rpm -V tandem && systemctl is-active tandem-agent')).toMatchObject({ code: 0, stdout: 'active\n' });
  expect(await onHost('controller', 'rpm -q tandem; ls /opt/tandem')).toMatchObject({ stdout: expect.stringMatching(/not installed[\s\S]*No such file/) as string });
});
