import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RunLog } from '../../agent/runlog.ts';
import { commandId } from '../../proto/command.ts';
import { agent, effects, fails, restart, results, run, site } from './three-lines.ts';

describe('a host whose journal ends in whole lines that do not hold', () => {
  const path = (): string => RunLog.path(agent.state, 'r1'), GARBAGE = 'x\n{"n":7}\n\n###';

  test('goes on where nothing that it told is lost; until its coordinator has seen to that, it takes nothing up', async () => {
    fails.add('b');
    await run();
    fails.clear();
    await agent.close();
    const { planDigest } = JSON.parse((await site.tandem('report', '--format', 'json')).out) as { planDigest: string };
    const id = commandId({ run: 'r1', planDigest, step: 'A2', host: 'h1', mode: 'apply', attempt: 2 }), log = new RunLog(agent.state, 'r1');
    log.record(id, 'A2', { kind: 'accepted', operation: 'line.added', args: { text: 'b' }, mode: 'apply', batch: 'one/only/2', timeoutS: 5, attempt: 2, needsSecrets: false, fence: 1 });
    log.close();
    appendFileSync(path(), GARBAGE);
    await restart();
    expect([agent.dispatcher.busy, effects, existsSync(`${path()}.damaged`)]).toEqual([false, ['a'], false]);
    expect(agent.dispatcher.list()).toMatchObject([{ runId: 'r1', unfinished: true, trouble: expect.stringContaining('whole lines at the end of its journal do not hold') as string }]);
    expect((await site.tandem('resume', 'r1')).code).toBe(0);
    expect([effects, readFileSync(`${path()}.damaged`, 'utf8')]).toEqual([['a', 'b', 'c'], GARBAGE]);
    expect((await site.tandem('audit', 'fetch', 'r1')).code).toBe(0);
    expect((await site.tandem('audit', 'verify', 'r1')).out).toContain('Record of run r1: PROVEN');
  });

  test('is refused where something is', async () => {
    fails.add('b');
    await run();
    await agent.close();
    const lines = readFileSync(path(), 'utf8').split('\n');
    writeFileSync(path(), `${lines.slice(0, -3).join('\n')}\n${GARBAGE}`);
    await restart();
    const { code, err } = await site.tandem('resume', 'r1');
    expect([code, err]).toEqual([3, expect.stringContaining('h1: its journal of run r1 is not the one this run knows: it told of')]);
    expect(effects).toEqual(['a']);
  });
});

test('a coordinator whose journal ends in whole lines that do not hold: what the hosts did is told again, and the run goes on', async () => {
  fails.add('b');
  await run();
  fails.clear();
  const path = join(site.folder, 'state/runs/r1/journal.jsonl'), lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, `${lines.slice(0, 6).join('\n')}\nx\ny\n`);
  expect((await site.tandem('resume', 'r1')).code).toBe(0);
  expect(effects).toEqual(['a', 'b', 'c']);
  expect(await results()).toEqual(['A1 changed', 'A2 changed', 'A3 changed']);
});
