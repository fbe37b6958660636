import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dispatcher } from '../../agent/dispatcher.ts';
import { LeaseKeeper } from '../../agent/lease.ts';
import type { Operation } from '../../agent/operations/operation.ts';
import { RevocationKeeper } from '../../agent/revocation.ts';
import { serve } from '../../agent/service/server.ts';
import { workWith } from '../../agent/worker.ts';
import { Link, type Identity } from '../../coordinator/link.ts';
import { createAuthority, issue, type KeyPair } from '../../coordinator/pki/certificates.ts';

const buffers = (authority: KeyPair, own: KeyPair): Identity => ({ ca: Buffer.from(authority.certificatePem), certificate: Buffer.from(own.certificatePem), key: Buffer.from(own.keyPem) });

/** A real agent server in this process on loopback: the real wire, journal and dispatcher, with operations of the test's own. */
export interface AgentHere {
  port: number;
  state: string;
  dispatcher: Dispatcher;
  link(role?: 'operator' | 'observer' | 'agent' | 'stranger'): Link;
  /** What a holder of this role has in its pki folder. */
  identity(role: 'operator' | 'observer' | 'agent' | 'stranger'): Identity;
  /** The site's, which signs revocation lists; the agent's is STATE/ca.crl. */
  authority: KeyPair;
  /** Lets the lease run out, as after some minutes without its coordinator. */
  lapse(): void;
  /** Stops listening; journals stay. */
  close(): Promise<void>;
  /** A new agent over the same state folder, with the same certificate on the same port, as after a restart; with another catalogue, as of another version. */
  restart(digest?: string): Promise<AgentHere>;
  remove(): Promise<void>;
}

/** `sweepMs`: how often open calls are held against the revocation list. */
export async function startAgent(operations: Operation[], host: string = 'h1', state: string = mkdtempSync(join(tmpdir(), 'agent-here-')), digest: string = 'catalogue', sweepMs?: number): Promise<AgentHere> {
  return await listen({ operations, host, state, digest, sweepMs, port: 0, pki: await pkiOf(host) });
}

async function pkiOf(host: string) {
  const now = Date.now(), authority = await createAuthority('lab', now), stranger = await createAuthority('lab', now);
  return {
    authority, stranger,
    certificates: {
      agent: await issue(authority, 'agent', 'lab', host, now), operator: await issue(authority, 'operator', 'lab', 'ops', now),
      observer: await issue(authority, 'observer', 'lab', 'eye', now), stranger: await issue(stranger, 'operator', 'lab', 'ops', now),
    },
  };
}

interface Setting { operations: Operation[]; host: string; state: string; digest: string; sweepMs: number | undefined; port: number; pki: Awaited<ReturnType<typeof pkiOf>> }

async function listen(setting: Setting): Promise<AgentHere> {
  const { operations, host, state, digest, pki: { authority, stranger, certificates } } = setting;
  const leases = new LeaseKeeper(state), dispatcher = new Dispatcher(host, state, workWith((name) => operations.find((entry) => entry.name === name)), { lease: () => leases.current, isAnother: (run) => Promise.resolve(leases.hasOther(run, digest)) });
  const { ca, certificate, key } = buffers(authority, certificates.agent);
  const server = await serve({
    dispatcher, leases, revocations: new RevocationKeeper(join(state, 'ca.crl'), ca, certificate),
    health: () => Promise.resolve({ host, agentVersion: '0', timeMs: 0, grade: 'ok' as const, items: [{ subsystem: 'disks', grade: 'critical' as const, reason: 'full', values: {} }] }),
    facts: () => Promise.resolve({ host }), operations: () => Promise.resolve({ operations: [], catalogueDigest: digest, agentVersion: '0', host }),
  }, { ca, certificate, key }, `127.0.0.1:${String(setting.port)}`, setting.sweepMs);
  const identity = (role: 'operator' | 'observer' | 'agent' | 'stranger'): Identity => buffers(role === 'stranger' ? stranger : authority, certificates[role]);
  const links: Link[] = [];
  const close = async (): Promise<void> => { links.splice(0).forEach((link) => { link.close(); }); await server.close(); };
  return {
    port: server.port, state, dispatcher, authority, close,
    identity,
    link(role = 'operator') {
      const link = new Link({ host, address: '127.0.0.1', port: server.port }, identity(role));
      links.push(link);
      return link;
    },
    lapse() { leases.acquire({ ...leases.current, ttlS: -1, takeOver: false }); },
    async restart(other = digest) { await close(); return await listen({ ...setting, digest: other, port: server.port }); },
    async remove() { await close(); rmSync(state, { recursive: true, force: true }); },
  };
}
