import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Link, type Identity } from '../../coordinator/link.ts';
import { createAuthority, issue, type KeyPair } from '../../coordinator/pki/certificates.ts';

/** The real agent in a process of its own, on loopback, with the whole catalogue: what it takes and what it says can be seen from outside. */
export interface AgentProcess {
  folder: string; port: number; pid: number;
  /** All it printed. */
  said(): string;
  link(): Link;
  identity: Identity;
  /** The site's, which signs revocation lists; the agent's is FOLDER/agent/ca.crl. */
  authority: KeyPair;
  /** Resident memory, MB. */
  memoryMb(): number;
  isUp(): boolean;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');
/** Not on a disk where that can be: how long a flood takes would depend on who else writes. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Starts an agent of host h1. `policy`: text of its policy file, FOLDER/policy.yaml; `ages`: days since its site's authority and its own certificate were made. */
export async function startAgentProcess(policy?: string, ages: { authority?: number; agent?: number } = {}): Promise<AgentProcess> {
  const folder = mkdtempSync(join(MEMORY, 'agent-process-')), now = Date.now(), pki = join(folder, 'agent');
  const before = (days = 0): number => now - days * 86_400_000;
  const authority = await createAuthority('lab', before(ages.authority)), agent = await issue(authority, 'agent', 'lab', 'h1', before(ages.agent)), operator = await issue(authority, 'operator', 'lab', 'ops', now);
  mkdirSync(pki);
  writeFileSync(join(pki, 'ca.crt'), authority.certificatePem);
  writeFileSync(join(pki, 'agent.crt'), agent.certificatePem);
  writeFileSync(join(pki, 'agent.key'), agent.keyPem, { mode: 0o600 });
  if (policy !== undefined) writeFileSync(join(folder, 'policy.yaml'), policy, { mode: 0o600 });
  const child: ChildProcess = spawn(process.execPath, [join(root, 'tandem.ts'), 'agent', 'serve', '--state', join(folder, 'state'), '--certs', pki, '--listen', '127.0.0.1:0', ...policy === undefined ? [] : ['--policy', join(folder, 'policy.yaml')]], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { said += text; });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout?.on('data', () => { const at = /listening on port (\d+)\npolicy: .*\n/.exec(said); if (at !== null) resolve(Number(at[1])); });
    child.once('exit', (code) => { reject(new Error(`the agent ended with ${String(code)}: ${said}`)); });
  });
  const identity = { ca: Buffer.from(authority.certificatePem), certificate: Buffer.from(operator.certificatePem), key: Buffer.from(operator.keyPem) };
  const links: Link[] = [], pid = child.pid ?? 0;
  return {
    folder, port, pid, identity, authority, said: () => said,
    link() {
      const link = new Link({ host: 'h1', address: '127.0.0.1', port }, identity);
      links.push(link);
      return link;
    },
    memoryMb: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1024,
    isUp: () => child.exitCode === null && child.signalCode === null,
    async stop() {
      links.forEach((link) => { link.close(); });
      child.kill();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
