// A revoked peer: refused at its next call, and put out of the calls it has open; what it had ordered goes on.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { finding, operation } from '../../agent/operations/operation.ts';
import { AgentRefused, type Identity } from '../../coordinator/link.ts';
import { createAuthority } from '../../coordinator/pki/certificates.ts';
import { createList } from '../../coordinator/pki/revocation-list.ts';
import { commandId } from '../../proto/command.ts';
import { healthService } from '../../proto/wire.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { startAgentProcess } from './agent-process.ts';

type Role = 'operator' | 'observer' | 'agent';
let goOn: () => void, done: boolean;
/** Takes as long as the test wants. */
const slow = operation({
  name: 'slow.done', summary: 'test', timeoutS: 60, mayKill: true, describe: () => '', args: z.strictObject({}),
  check: () => Promise.resolve(finding({ done }, done ? [] : [{ what: 'it', found: 'undone', wanted: 'done' }])),
  apply: () => new Promise<void>((resolve) => { goOn = () => { done = true; resolve(); }; }),
});

let agent: AgentHere;
beforeEach(async () => { done = false; agent = await startAgent([slow], 'h1', undefined, 'catalogue', 200); });
afterEach(async () => { await agent.remove(); });

const serial = (role: Role): string => new X509Certificate(agent.identity(role).certificate).serialNumber;
const list = async (number: number, ...roles: Role[]): Promise<string> => await createList(agent.authority, number, roles.map((role) => ({ serial: serial(role), atMs: Date.now() })), Date.now());
const byFile = async (number: number, ...roles: Role[]): Promise<void> => { writeFileSync(join(agent.state, 'ca.crl'), await list(number, ...roles)); };
const REVOKED = /^h1: certificate [0-9a-f]+ of (ops|eye) was revoked on 20\d\d-\d\d-\d\d$/;

function slowCommand(fence: number) {
  const of = { run: 'r1', planDigest: 'd', step: 'S1', mode: 'apply' as const, attempt: 1 };
  return { ...of, id: commandId({ ...of, host: 'h1' }), batch: 'b', operation: 'slow.done', args: {}, timeoutS: 60, fence, secrets: {} };
}
/** Opens grpc.health.v1 Watch; resolves with the status it ends with, `first` when it has begun. */
function watch(port: number, { ca, key, certificate }: Identity): { first: Promise<void>; ended: Promise<ServiceError>; cancel(): void } {
  const client = new Client(`127.0.0.1:${String(port)}`, credentials.createSsl(ca, key, certificate), { 'grpc.ssl_target_name_override': 'h1', 'grpc.use_local_subchannel_pool': 1 }), { path, requestSerialize, responseDeserialize } = healthService['Watch']!;
  const call = client.makeServerStreamRequest(path, requestSerialize as (value: unknown) => Buffer, responseDeserialize as (bytes: Buffer) => unknown, { service: '' }, new Metadata());
  const first = new Promise<void>((resolve) => { call.once('data', () => { resolve(); }); });
  return { first, cancel: () => { call.cancel(); }, ended: new Promise<ServiceError>((resolve) => { call.once('error', resolve); }).finally(() => { client.close(); }) };
}

test('at its next call a revoked operator is refused, on a connection that it had and on a new one; others are not', async () => {
  const before = agent.link();
  await before.call('ListOperations', {});
  await byFile(1, 'operator');
  for (const link of [before, agent.link()]) {
    await expect(link.call('ListOperations', {})).rejects.toThrow(REVOKED);
    await expect(link.execute([slowCommand(1)], 5, () => undefined)).rejects.toThrow(REVOKED);
    await expect(link.attach('r1', 1, () => undefined)).rejects.toThrow(REVOKED);
  }
  expect(await agent.link('observer').call('GetHealth', {})).toHaveProperty('health');
  await expect(before.call('ListOperations', {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('every kind of open call of a revoked peer is ended, and what it had ordered goes on', async () => {
  const link = agent.link(), { fence } = await link.call('AcquireLease', { runId: 'r1', owner: 'ops', ttlS: 60 });
  const begun = Promise.withResolvers<undefined>(), stop = new AbortController();
  const working = link.execute([slowCommand(Number(fence))], 5, (event) => { if (event.kind === 'checked') begun.resolve(undefined); });
  working.catch(() => undefined);
  await begun.promise;
  const attached = Promise.withResolvers<undefined>(), healthy = Promise.withResolvers<undefined>(), watching = watch(agent.port, agent.identity('operator'));
  const open = [working, agent.link().attach('r1', 1, () => { attached.resolve(undefined); }), agent.link().watchHealth(1, () => { healthy.resolve(undefined); }, stop.signal)];
  const observer = agent.link('observer').watchHealth(1, () => undefined, stop.signal), ends = Promise.allSettled(open);
  await Promise.all([attached.promise, healthy.promise, watching.first]);
  await byFile(1, 'operator');
  for (const outcome of await ends) expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(AgentRefused) as unknown });
  for (const call of open) await expect(call).rejects.toThrow(REVOKED);
  expect((await watching.ended).details).toMatch(/was revoked on/);
  goOn();
  await vi.waitFor(() => { expect(agent.dispatcher.pending('r1')).toBe(false); });
  expect(done).toBe(true);
  stop.abort();
  await observer; // was not put out
});

test('commands that a revoked peer still has on the way are not taken', async () => {
  await byFile(1, 'operator');
  await expect(agent.link().execute(Array.from({ length: 50 }, () => slowCommand(0)), 1, () => undefined)).rejects.toThrow(REVOKED);
  expect(agent.dispatcher.known('r1')).toBeUndefined();
});

test('over the wire an operator brings a newer list; an observer, an older list and a foreign one bring nothing', async () => {
  const operator = agent.link(), put = async (pem: string, by = operator) => await by.call('PutRevocations', { crlPem: pem });
  expect(await put(await list(4, 'observer'))).toEqual({ taken: true, number: 4 });
  await expect(agent.link('observer').call('GetHealth', {})).rejects.toThrow(REVOKED);
  expect(await put(await list(3))).toEqual({ taken: false, number: 4 });
  expect(await put(readFileSync(join(agent.state, 'ca.crl'), 'utf8'))).toEqual({ taken: false, number: 4 });
  await expect(put(await list(4))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', message: expect.stringMatching(/^h1: this host holds another revocation list with the same number 4/) as string });
  const stranger = await createAuthority('lab', Date.now());
  await expect(put(await createList(stranger, 9, [], Date.now()))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: "h1: a revocation list that the site's authority has not signed" });
  for (const text of ['', 'x', agent.authority.certificatePem]) await expect(put(text)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(agent.link('observer').call('GetHealth', {})).rejects.toThrow(REVOKED);
  expect(await put(await list(5))).toEqual({ taken: true, number: 5 });
  await expect(agent.link('observer').call('PutRevocations', { crlPem: await list(6) })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  const kept = readFileSync(join(agent.state, 'ca.crl'), 'utf8');
  agent = await agent.restart();
  expect(readFileSync(join(agent.state, 'ca.crl'), 'utf8')).toBe(kept);
});

test('who brings a list that names itself is answered, and out', async () => {
  const operator = agent.link();
  expect(await operator.call('PutRevocations', { crlPem: await list(1, 'operator') })).toEqual({ taken: true, number: 1 });
  await expect(operator.call('ListOperations', {})).rejects.toThrow(REVOKED);
});

test('the real agent: an open call is ended within ten seconds of the file, and health tells of the list', async () => {
  const real = await startAgentProcess();
  try {
    const link = real.link(), stop = new AbortController(), told: { items: { subsystem: string; grade: string; reason: string }[] }[] = [];
    const item = () => told.at(-1)?.items.find((each) => each.subsystem === 'revocation list');
    const watching = link.watchHealth(1, (health) => { told.push(health as never); }, stop.signal);
    watching.catch(() => undefined);
    await vi.waitFor(() => { expect(item()).toMatchObject({ grade: 'ok', reason: 'none' }); }, { timeout: 20_000 });
    const { authority } = real, { serialNumber } = new X509Certificate(real.identity.certificate);
    writeFileSync(join(real.folder, 'agent/ca.crl'), 'nonsense');
    await vi.waitFor(() => { expect(item()).toMatchObject({ grade: 'warn' }); }, { timeout: 20_000 });
    const atMs = performance.now();
    writeFileSync(join(real.folder, 'agent/ca.crl'), await createList(authority, 1, [{ serial: serialNumber, atMs: Date.now() }], Date.now()));
    await expect(watching).rejects.toThrow(REVOKED);
    expect(performance.now() - atMs).toBeLessThan(10_000);
    await expect(real.link().call('GetHealth', {})).rejects.toThrow(REVOKED);
  } finally { await real.stop(); }
});
