// An agent that is enrolled and is to be enrolled again, as a process: its old certificate serves until there is a new one, whatever happens in between.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { enrol } from '../../agent/enrolment/enrol.ts';
import type { Code } from '../../proto/enrolment.ts';
import { killerAtRename, peerOf, printedCode, rawCaller, site, unenrolledHost, type RawCaller, type Running, type Unenrolled } from './enrolment-process.ts';

let lab: Awaited<ReturnType<typeof site>>;
beforeAll(async () => { lab = await site(); });

let host: Unenrolled, callers: RawCaller[];
beforeEach(() => { host = unenrolledHost(); callers = []; });
afterEach(async () => { callers.forEach((caller) => { caller.close(); }); await host.remove(); });

const dial = async (port: number): Promise<RawCaller> => { const caller = await rawCaller(port); callers.push(caller); return caller; };
async function worksAt(port: number): Promise<void> {
  const link = lab.link(port);
  try { expect(await link.call('ListOperations', {})).toMatchObject({ host: 'h1' }); } finally { link.close(); }
}

/** Enrolled by code, and asked to be enrolled again; `again` gives another code. */
async function enrolledHost(): Promise<{ agent: Running; again: () => Promise<Code>; first: string; here: () => string }> {
  const agent = await host.start(), here = (): string => readFileSync(join(host.certs, 'agent.crt'), 'utf8');
  await enrolWith(await host.code(), agent.port);
  await agent.says(/of h1 listening on port/);
  return { agent, first: here(), here, again: async () => printedCode((await enrol({ certs: host.certs, state: host.state, minutes: 60, again: true, name: 'h1' })).join('\n')) };
}
async function enrolWith(code: Code, port: number): Promise<void> {
  const caller = await dial(port), { nonce, csrPem } = await caller.request(code);
  await caller.call('InstallCertificate', { ...await lab.offer(code, nonce, csrPem) });
}
function expire(): void {
  const file = join(host.state, 'enrolment.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')) as object, untilMs: Date.now() - 1 }));
}

test('enrolled again by code: the old certificate serves until the restart, and is kept when the new one has come', async () => {
  const { agent, again, first, here } = await enrolledHost(), code = await again();
  await worksAt(agent.port);
  expect(here()).toBe(first);
  await agent.kill();
  const waiting = await host.start();
  expect(waiting.said()).toMatch(/is to be enrolled again; it waits for that on port \d+\nWhen its code is used, void or too old, it serves as before\n/);
  await enrolWith(code, waiting.port);
  await waiting.says(/this host is enrolled now\n[^]*of h1 listening on port/);
  await worksAt(waiting.port);
  expect([here() === first, readFileSync(join(host.certs, 'agent.crt.old'), 'utf8') === first, readdirSync(host.state).includes('enrolment.json')]).toEqual([false, true, false]);
  expect((await peerOf(waiting.port)).fingerprint256).toBe(new X509Certificate(here()).fingerprint256);
});

test('enrolled again, and forgotten: when the code has expired the old certificate serves, without a restart and after one', async () => {
  const { agent, again, first, here } = await enrolledHost();
  await again();
  await agent.kill();
  const waiting = await host.start();
  expire();
  await waiting.says(/goes on with the certificate that it has\n[^]*of h1 listening on port/);
  await worksAt(waiting.port);
  await again();
  expire();
  await waiting.kill();
  const restarted = await host.start();
  expect(restarted.said()).not.toContain('enrolled');
  await worksAt(restarted.port);
  expect([here() === first, readdirSync(host.state).includes('enrolment.json')]).toEqual([true, false]);
});

test('a start while a run is on the host does not wait for an enrolment', async () => {
  const { agent, again } = await enrolledHost();
  await again();
  writeFileSync(join(host.state, 'lease.json'), JSON.stringify({ run: 'r1', owner: 'ops', fence: 1, expiresMs: Date.now() + 600_000 }));
  await agent.kill();
  const restarted = await host.start();
  expect(restarted.said()).toContain('this host is not enrolled again now, for a run is on it (run r1 of ops holds this host)');
  await worksAt(restarted.port);
});

test('enrolled again, killed just before and just after agent.crt: the same code, and then none, is waited for', async () => {
  const { agent, again, first, here } = await enrolledHost(), code = await again(), kept = readFileSync(join(host.state, 'enrolment.json'));
  await agent.kill();
  const waiting = await host.start('--import', killerAtRename(host.folder, 'agent.crt'));
  await expect(enrolWith(code, waiting.port)).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await waiting.ended;
  expect(here()).toBe(first);
  const second = await host.start();
  await enrolWith(code, second.port);
  await second.says(/of h1 listening on port/);
  await second.kill();
  writeFileSync(join(host.state, 'enrolment.json'), kept); // as if killed before the code was dropped
  const third = await host.start();
  expect(third.said()).not.toContain('enrolled');
  await worksAt(third.port);
  expect(readdirSync(host.state)).not.toContain('enrolment.json');
});

test('a certificate of another key than the host has now: it is not enrolled, and a new code enrols it', async () => {
  const { agent, again } = await enrolledHost();
  rmSync(join(host.certs, 'agent.key'));
  const code = await again();
  await agent.kill();
  const waiting = await host.start();
  expect(waiting.said()).toMatch(/is not enrolled: agent\.crt does not fit agent\.key and ca\.crt; it waits/);
  await enrolWith(code, waiting.port);
  await waiting.says(/of h1 listening on port/);
  await worksAt(waiting.port);
});

test('enrolled again, where the disk takes no more: the old certificate stands, and the same code enrols it when there is room', async () => {
  const { agent, again, first, here } = await enrolledHost(), code = await again();
  await agent.kill();
  const waiting = await host.start();
  mkdirSync(join(host.certs, 'agent.crt.new')); // nothing can be written there
  await expect(enrolWith(code, waiting.port)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringMatching(/; nothing was changed\. It has its old certificate; the code is still good$/) as string });
  expect(here()).toBe(first);
  rmSync(join(host.certs, 'agent.crt.new'), { recursive: true });
  await enrolWith(code, waiting.port);
  await waiting.says(/of h1 listening on port/);
});
