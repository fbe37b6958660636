import { Client, credentials, Metadata, status, type ClientDuplexStream } from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { commandId, type Command } from '../../proto/command.ts';
import type { Event } from '../../proto/events.ts';
import { agentService, commandToWire } from '../../proto/wire.ts';
import { startAgentProcess, type AgentProcess } from './agent-process.ts';

/** The wire as an enemy with a valid certificate, or with none, would use it, on a real agent: it stays up, small, and answers others meanwhile. */
let agent: AgentProcess, fence: number, idleMb: number;
/** Above what it has when idle. Node gives memory back late, so this is a bound for "does not grow with the flood" and no measurement. */
const MOST_MB = 400;
/** On an idle machine it is well under a second. Before each command gave others a turn, no answer came until the whole flood was through. */
const MOST_ANSWER_MS = 15_000;

vi.setConfig({ testTimeout: 120_000 });
beforeAll(async () => {
  agent = await startAgentProcess();
  const answer = await agent.link().call('AcquireLease', { runId: 'r1', owner: 'eve', ttlS: 3600 });
  fence = Number(answer['fence']);
  await agent.link().call('GetHealth', {});
  idleMb = agent.memoryMb();
});
afterAll(async () => { await agent.stop(); });

function command(step: string, args: unknown, more: Partial<Command> = {}): Command {
  const key = { run: 'r1', planDigest: 'd', step, host: 'h1', mode: 'apply' as const, attempt: 1, ...more };
  return { id: commandId(key), run: key.run, planDigest: 'd', step, batch: step, attempt: key.attempt, operation: 'ini.set', args: args as Command['args'], timeoutS: 5, mode: key.mode, fence, secrets: {}, ...more };
}
const send = async (commands: Command[]): Promise<Event[]> => {
  const events: Event[] = [];
  await agent.link().execute(commands, 0, (event) => events.push(event));
  return events;
};
const refusal = async (bad: Command): Promise<string> => await send([bad]).then((events) => events.map(({ kind }) => kind).join(), (error: unknown) => (error as Error).message);

/** Asks as another coordinator would, until `work` is done, and at least once: the longest answer counts. */
async function whileOthersAsk(work: Promise<unknown>): Promise<number> {
  let longestMs = 0, mostMb = 0;
  const state = { over: false }, done = work.finally(() => { state.over = true; });
  done.catch(() => undefined); // told below, once it has been waited for
  const other = agent.link();
  do {
    const begun = performance.now();
    expect(await other.call('GetHealth', {})).toMatchObject({ health: { host: 'h1' } });
    longestMs = Math.max(longestMs, performance.now() - begun);
    mostMb = Math.max(mostMb, agent.memoryMb());
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  } while (!state.over);
  await done;
  expect(agent.isUp(), agent.said()).toBe(true);
  expect(longestMs, 'ms for an answer to somebody else').toBeLessThan(MOST_ANSWER_MS);
  expect(mostMb - idleMb, 'MB above idle').toBeLessThan(MOST_MB);
  console.log(`longest answer ${longestMs.toFixed(0)} ms, ${mostMb.toFixed(0)} MB at most, ${idleMb.toFixed(0)} MB idle`);
  return longestMs;
}

test('paths that go up, are relative or hold a NUL are refused before anything is looked at', async () => {
  const good = { section: 'DEFAULT', settings: { x: '1' } };
  for (const [at, file] of ['/etc/../etc/passwd', '/../etc/passwd', '/etc/passwd\0.conf', 'etc/passwd', '-x', '', '/', '/etc/./x', '/etc//passwd', '/ü'].entries()) {
    const events = await send([command(`P${String(at)}`, { ...good, file })]);
    if (file === '/') expect(events.at(-1)).toMatchObject({ result: 'failed' });
    else expect(events.map((event) => [event.kind, event.kind === 'finished' ? event.code : '']), file).toEqual([['accepted', ''], ['finished', 'invalid_args']]);
  }
});

test('names that become files of the agent hold nothing but letters, digits and dashes', async () => {
  for (const step of ['../x', 'A/../../x', 'A\0', '-A', 'A.-/..', '', 'A'.repeat(100)]) expect(await refusal(command(step, {})), step).toMatch(/is not of the form/);
  for (const run of ['../x', 'r\0', '-r', '', 'R1', 'r/1', 'r'.repeat(64)]) {
    expect(await refusal(command('A1', {}, { run })), run).toMatch(/held by run|is not of the form/);
    expect(await agent.link().call('AcquireLease', { runId: run, owner: 'eve' }).catch((error: unknown) => (error as Error).message), run).toMatch(/is not of the form/);
    expect(await agent.link().call('Stop', { runId: run, reason: '' }), run).toEqual({ stepInHand: '', skipped: 0 });
  }
  expect(readdirSync(join(agent.folder, 'state/runs'))).toEqual(['r1']);
});

test('arguments that are no object, that would change how objects work, or are nested without end', async () => {
  for (const [at, args] of [null, [], 'x', 1, JSON.parse('{"__proto__": {"file": "/x"}}'), { constructor: 1 }, { file: { toString: 1 } }].entries()) {
    expect((await send([command(`N${String(at)}`, args)])).at(-1)).toMatchObject({ kind: 'finished', code: 'invalid_args' });
  }
  const deep = commandToWire(command('D1', {}));
  deep['argsJson'] = '['.repeat(500_000) + ']'.repeat(500_000);
  expect(await rawStream().sends(deep)).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('nested deeper than') as string });
  for (const text of ['{', '{"a":NaN}', '\0', '{}x']) expect(await rawStream().sends({ ...commandToWire(command('D2', {})), argsJson: text }), text).toMatchObject({ code: status.INVALID_ARGUMENT });
  const half = rawStream(); // half a character: the wire makes another of it
  expect([await half.sends({ ...commandToWire(command('D4', {})), argsJson: '"\ud800"' }), half.finished()]).toEqual([undefined, 1]);
  expect(await refusal(command('D3', {}, { mode: 'remove' as 'apply' }))).toContain('mode MODE_UNSPECIFIED is not one of');
  expect(agent.said(), 'none of it was a failure of the agent').not.toContain('RangeError');
  await whileOthersAsk(Promise.resolve());
});

test('a message of more than 4 MiB is refused, on whatever call, and the stream beside it lives', async () => {
  const beside = rawStream();
  beside.call.write({ command: commandToWire(command('B1', {})) });
  const large = 'x'.repeat(5 * 1024 * 1024);
  expect(await refusal(command('L1', { file: large }))).toMatch(/larger than max/i);
  await expect(agent.link().call('Stop', { runId: large, reason: '' })).rejects.toThrow(/larger than max/i);
  beside.call.write({ command: commandToWire(command('B2', {})) });
  beside.call.end();
  await beside.ended;
  expect(beside.finished()).toBe(2);
  await whileOthersAsk(Promise.all(Array.from({ length: 20 }, async (_, at) => refusal(command(`L1${String(at)}`, { file: large })))));
});

test('20,000 commands on one stream', async () => {
  const commands = Array.from({ length: 20_000 }, (_, at) => command(`F${String(at)}`, { file: '/nothing', section: 'a' }));
  let finished = 0;
  await whileOthersAsk(agent.link().execute(commands, 0, (event) => { if (event.kind === 'finished') finished += 1; }));
  expect(finished).toBe(20_000);
});

test('more commands on one stream than may wait', async () => {
  const wait = command('W', { address: '127.0.0.1', port: 1, deadlineS: 15 }, { operation: 'port.listening', timeoutS: 60 });
  const commands = [wait, ...Array.from({ length: 20_001 }, (_, at) => command(`W${String(at)}`, {}))];
  await whileOthersAsk(expect(agent.link().execute(commands, 0, () => undefined)).rejects.toThrow(/more than 20000 commands wait on one stream/));
  await agent.link().call('Stop', { runId: 'r1', reason: 'enough' });
});

test('200 streams at once, and 100 begun and broken off', async () => {
  const clients = Array.from({ length: 4 }, () => rawClient());
  const streams = Array.from({ length: 200 }, (_, at) => rawStream(clients[at % 4]));
  streams.forEach(({ call }, at) => { for (let n = 0; n < 10; n += 1) call.write({ command: commandToWire(command(`S${String(at)}x${String(n)}`, {}, { attempt: 2 })) }); });
  await whileOthersAsk(Promise.all(streams.map(({ call, ended }) => { call.end(); return ended; })));
  expect(streams.reduce((sum, stream) => sum + stream.finished(), 0)).toBe(2000);
  await whileOthersAsk((async () => {
    for (let at = 0; at < 100; at += 1) {
      const { call, ended } = rawStream(clients[at % 4]);
      call.write({ command: commandToWire(command('S0x0', {}, { attempt: 2 })) });
      call.cancel();
      await ended;
    }
  })());
  clients.forEach((client) => { client.close(); });
});

test('1,000 connections that say nothing, half of a greeting, or noise', async () => {
  const sockets: Socket[] = [];
  for (let at = 0; at < 1000; at += 1) {
    const socket = connect(agent.port, '127.0.0.1');
    socket.on('error', () => undefined);
    if (at % 3 === 1) socket.write(Buffer.from('16030102000100', 'hex'));
    if (at % 3 === 2) socket.write(randomBytes(2000));
    sockets.push(socket);
  }
  await whileOthersAsk(new Promise((resolve) => { setTimeout(resolve, 1500); }));
  sockets.forEach((socket) => { socket.destroy(); });
  await whileOthersAsk(Promise.resolve());
  expect(existsSync(join(agent.folder, 'state/runs/r1/journal.jsonl'))).toBe(true);
});

function rawClient(): Client {
  const { ca, key, certificate } = agent.identity;
  return new Client(`127.0.0.1:${String(agent.port)}`, credentials.createSsl(ca, key, certificate), { 'grpc.ssl_target_name_override': 'h1', 'grpc.default_authority': 'h1', 'grpc.use_local_subchannel_pool': 1 });
}

interface RawStream { call: ClientDuplexStream<unknown, unknown>; ended: Promise<unknown>; finished(): number; sends(message: unknown): Promise<unknown> }

/** An Execute stream without the care that Link takes. */
function rawStream(given?: Client): RawStream {
  const client = given ?? rawClient(), { path, requestSerialize, responseDeserialize } = agentService['Execute']!;
  const call = client.makeBidiStreamRequest(path, requestSerialize as (value: unknown) => Buffer, responseDeserialize as (bytes: Buffer) => unknown, new Metadata());
  let finished = 0;
  call.on('data', (message: { event?: { kind?: string } }) => { if (message.event?.kind === 'finished') finished += 1; });
  const ended = new Promise((resolve) => { call.on('error', resolve).on('end', () => { resolve(undefined); }); }).finally(() => { if (given === undefined) client.close(); });
  return { call, ended, finished: () => finished, async sends(message) { call.write({ command: message }); call.end(); return await ended; } };
}
