import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { finding, operation, type Operation } from '../../agent/operations/operation.ts';
import { RunLog } from '../../agent/runlog.ts';
import { openLocalStore } from '../../coordinator/store/local.ts';
import type { RunRecord, RunWriter } from '../../coordinator/store/runstore.ts';
import { Witness } from '../../coordinator/witness.ts';
import { GENESIS, Journal } from '../../proto/journal.ts';
import { signHead } from '../../proto/heads.ts';
import { headToWire } from '../../proto/wire.ts';
import { startAgent, type AgentHere } from './agent-here.ts';
import { siteHere, type SiteHere } from './command-line.ts';

let done: string[], agent: AgentHere, site: SiteHere;
const lineAdded: Operation = operation({
  name: 'line.added', summary: 'test', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
  check: (_probe, { text }) => Promise.resolve(finding({ text, seen: 'half \ud800' }, done.includes(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }])),
  apply: (_host, { text }) => { done.push(text); return Promise.resolve(); },
});

beforeEach(async () => {
  done = [];
  agent = await startAgent([lineAdded]);
  site = siteHere(agent.port);
  site.pki('operator', agent.identity('operator'));
  site.plan([{ id: 'A1', args: { text: 'a' } }, { id: 'A2', args: { text: 'b' } }]);
});
afterEach(async () => { site.remove(); await agent.remove(); });

const ofRun = (name: string): string => join(site.folder, 'state/runs/r1', name);
const run = async (): Promise<number> => (await site.tandem('run', '--plan', join(site.folder, 'plan.json'), '--run-id', 'r1')).code;
const verify = async (...more: string[]): ReturnType<SiteHere['tandem']> => await site.tandem('audit', 'verify', 'r1', ...more);

/** One exchange more, as a run makes it. */
async function exchange(writer: RunWriter = openLocalStore(join(site.folder, 'state')).open('r1')): Promise<string | undefined> {
  const records = openLocalStore(join(site.folder, 'state')).read('r1')?.records ?? [], witness = new Witness('r1', agent.identity('operator'), writer, records);
  try {
    return await witness.exchange('h1', agent.link(), (event) => {
      writer.append({ type: 'event', host: 'h1', event });
      witness.hear('h1', event);
    });
  } finally { writer.close(); }
}

test('a run whose heads were exchanged is proven to its end; the journal that fetch saves is the agent\'s own, byte for byte', async () => {
  expect(await run()).toBe(0);
  expect(await exchange()).toBeUndefined();
  const proven = await verify();
  expect(proven.out).toContain('Record of run r1: PROVEN');
  expect(proven.code).toBe(0);
  const fetched = await site.tandem('audit', 'fetch', 'r1');
  expect(fetched).toMatchObject({ code: 0, err: '' });
  expect(fetched.out).toContain(`lines in ${ofRun('agents/h1.jsonl')}`);
  expect(readFileSync(ofRun('agents/h1.jsonl'), 'utf8')).toBe(readFileSync(RunLog.path(agent.state, 'r1'), 'utf8'));
  expect((await verify()).out).toContain('held against its own journal');
  expect(JSON.parse((await verify('--json')).out)).toMatchObject({ run: 'r1', verdict: 'proven', findings: [], hosts: [{ host: 'h1', journalAtHand: true }] });
});

test('what was changed is named, and the exit code is 3: in the coordinator\'s journal, in the host\'s, in the plan', async () => {
  await run();
  await exchange();
  const journal = readFileSync(ofRun('journal.jsonl'), 'utf8'), plan = readFileSync(ofRun('plan.json'), 'utf8'), copy = join(site.folder, 'h1.jsonl');
  writeFileSync(ofRun('journal.jsonl'), journal.replace('"result":"changed"', '"result":"unchanged"'));
  const changed = await verify();
  expect(changed.code).toBe(3);
  expect(changed.out).toMatch(/BROKEN\n\nNot as it was written:\n {2}\S+journal\.jsonl:\d+: the line was changed: its hash does not hold\n/);
  writeFileSync(ofRun('journal.jsonl'), journal);
  copyFileSync(RunLog.path(agent.state, 'r1'), copy);
  expect((await verify('--journal', `h1=${copy}`)).code).toBe(0);
  writeFileSync(copy, readFileSync(copy, 'utf8').replace('"result":"changed"', '"result":"unchanged"'));
  expect((await verify('--journal', `h1=${copy}`)).out).toMatch(/h1\.jsonl:\d+: the line was changed/);
  writeFileSync(ofRun('plan.json'), plan.replace('Step A1', 'Step B1'));
  expect((await verify()).out).toContain('plan.json: the plan was changed after it was made');
});

test('an agent takes no head of a coordinator whose journal was cut, or written anew; the run says so', async () => {
  await run();
  await exchange();
  const path = ofRun('journal.jsonl'), lines = readFileSync(path, 'utf8').split('\n').slice(0, -1), records = openLocalStore(join(site.folder, 'state')).read('r1')?.records ?? [];
  writeFileSync(path, `${lines.slice(0, 3).join('\n')}\n`);
  expect(await exchange()).toMatch(/^the record up to here is not witnessed: h1: the coordinator's journal of run r1 had \d+ lines when ops showed it to this host, and has 3: it was cut, written anew, or is another one$/);
  writeFileSync(path, '');
  const anew = new Journal<RunRecord>(path), witnessedAt = Number(/"n":(\d+),"of":"ops"/.exec(lines.findLast((line) => line.includes('"witnessed"')) ?? '')?.[1]);
  records.slice(0, witnessedAt).forEach((record) => { anew.append(record.type === 'begun' ? { ...record, by: 'eve' } : record, false); });
  anew.close();
  expect(await exchange()).toContain('has another in place of the last');
});

test('an agent takes a head of the caller only, that holds; observers exchange none; a run it does not know has no head', async () => {
  await run();
  const link = agent.link(), own = agent.identity('operator'), before = openLocalStore(join(site.folder, 'state')).read('r1')?.records.length ?? 0;
  const ask = async (head: object, runId = 'r1'): Promise<unknown> => await link.call('ExchangeHeads', { runId, head });
  const head = headToWire(signHead('r1', { n: before, hash: GENESIS }, own));
  await expect(ask({ ...head, n: before + 1 })).rejects.toThrow('the head of run r1 is not taken: its signature does not hold');
  await expect(ask(headToWire(signHead('r1', { n: 1, hash: GENESIS }, agent.identity('stranger'))))).rejects.toThrow("the site's authority has not signed it");
  await expect(ask(headToWire(signHead('r1', { n: 1, hash: GENESIS }, agent.identity('observer'))))).rejects.toThrow('that of observer eye, expected operator eye');
  await expect(ask({})).rejects.toThrow('its certificate is damaged');
  await expect(ask(headToWire(signHead('r9', { n: 1, hash: GENESIS }, own)), 'r9')).rejects.toThrow('this host has no journal of run r9');
  await expect(agent.link('observer').call('ExchangeHeads', { runId: 'r1', head })).rejects.toThrow('eye is an observer');
  expect(readFileSync(RunLog.path(agent.state, 'r1'), 'utf8')).not.toContain(GENESIS.slice(1) + '","of"');
});

test('a host whose journal is not what it told is noted, and its signed head kept against it', async () => {
  await run();
  const store = openLocalStore(join(site.folder, 'state')), records: RunRecord[] = (store.read('r1')?.records ?? []).map((record) => (record.type === 'event' && record.event.kind === 'finished' ? { ...record, event: { ...record.event, result: 'unchanged' } } : record));
  const writer = store.open('r1'), witness = new Witness('r1', agent.identity('operator'), writer, records);
  const trouble = await witness.exchange('h1', agent.link(), (event) => { witness.hear('h1', event); });
  writer.close();
  expect(trouble).toMatch(/^h1's journal is not what it told: its line \d+ has the hash [0-9a-f]{12}, what it told gives [0-9a-f]{12}$/);
  expect(store.read('r1')?.records.at(-1)).toMatchObject({ type: 'witness', host: 'h1' });
});

test('a host that told nothing is asked all the same: it may have been told to stop; one that has no line of the run is nothing to note', async () => {
  const records: RunRecord[] = [], writer: RunWriter = { append: (record) => records.push(record), head: () => ({ n: 1, hash: GENESIS }), close: () => undefined };
  const asked = async (): Promise<string | undefined> => { const witness = new Witness('r1', agent.identity('operator'), writer); return await witness.exchange('h1', agent.link(), (event) => { writer.append({ type: 'event', host: 'h1', event }); witness.hear('h1', event); }); };
  expect([await asked(), records]).toEqual([undefined, []]);
  agent.dispatcher.run('r1').record('', '', { kind: 'stopped', reason: 'asked for', attempt: 1, fence: 1 });
  expect(await asked()).toBeUndefined();
  expect(records.map((record) => (record.type === 'event' ? record.event.kind : record.type))).toEqual(['stopped', 'witnessed', 'witness']);
});

test('what came behind the last exchange is unproven, until fetch makes it good; while a run goes on, that run exchanges', async () => {
  await run();
  agent.dispatcher.stop('r1', 'asked for by another');
  const own = `h1=${RunLog.path(agent.state, 'r1')}`, unproven = await verify('--journal', own);
  expect(unproven.code).toBe(3);
  expect(unproven.out).toMatch(/NOT PROVEN\n\nNot proven:\n.*h1's journal goes on for \d+ lines that are not on record at the coordinator/);
  const alone = await openLocalStore(join(site.folder, 'state')).hold('r1');
  expect((await site.tandem('audit', 'fetch', 'r1')).err).toBe('Run r1 goes on: it exchanges heads itself.');
  expect((await verify('--journal', own)).code).toBe(3);
  alone.close();
  expect((await site.tandem('audit', 'fetch', 'r1')).code).toBe(0);
  expect(await verify('--journal', own)).toMatchObject({ code: 0, out: expect.stringContaining('PROVEN') as string });
});

test('an old head stays with the agent over a restart', async () => {
  await run();
  await exchange();
  agent = await agent.restart();
  site.pki('operator', agent.identity('operator')); // a new authority: the old certificates go with the old agent
  expect(agent.dispatcher.known('r1')?.witnessed).toMatchObject({ of: 'ops' });
});

test('what is asked for wrongly is said in words', async () => {
  await run();
  expect(await site.tandem('audit', 'verify', 'r2')).toMatchObject({ code: 2, err: expect.stringContaining('no run "r2"') as string });
  expect(await verify('--journal', 'h1')).toMatchObject({ code: 2, err: expect.stringContaining('expected HOST=FILE') as string });
  expect(await verify('--ca', '/nonexistent')).toMatchObject({ code: 2, err: expect.stringContaining("the certificate of the site's authority (--ca FILE)") as string });
  expect(await site.tandem('audit', 'fetch', 'r1', '--host', 'h9')).toMatchObject({ code: 2, err: expect.stringContaining('no host "h9"') as string });
  await agent.close();
  const unreached = await site.tandem('audit', 'fetch', 'r1');
  expect(unreached.code).toBe(5);
  expect(unreached.err).toContain('an earlier copy stays as it is');
});
