import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Event } from '../../proto/events.ts';
import * as lab from '../lab/lab.ts';
import { resultsOf, startLabSite, until, type LabSite } from './lab-site.ts';
import { writeShortRunbook } from './short-runbook.ts';
import { runId } from './step-host.ts';

/**
 * The agent is killed with -9 around the database sync of row C27; systemd starts it again. Each migration writes a line
 * into the effects file when it has been made: however the agent died, every one stands there once.
 */
const id = runId('kill');
const killer = '/root/kill-when.py';
const migrations = [...Array.from({ length: 11 }, (_, at) => `db_sync applied ${45 + at}`), 'db_sync applied revoke:1', 'db_sync applied revoke:2'];
let site: LabSite;
/** The database after a sync that nothing disturbed. */
let undisturbed: string;

const contents = async (): Promise<string> => await site.sh('controller', 'mysqldump --defaults-file=/root/.my.cnf --skip-dump-date --skip-comments --order-by-primary keystone | sha256sum');
const effects = async (): Promise<string[]> => (await site.sh('controller', 'grep "^db_sync " /var/log/tandem-lab/effects || true')).split('\n').filter((line) => line !== '');
const agentPid = async (): Promise<string> => await site.sh('controller', 'systemctl show -p MainPID --value tandem-agent');

beforeAll(async () => {
  site = await startLabSite(id, 'controller');
  site.useRunbook(writeShortRunbook(join(site.folder, 'before'), ['R5', 'C17', 'C18', 'C19', 'C20', 'C22.adopted', 'C22', 'C23', 'C25', 'C26', 'C27.dump']));
  await site.must('plan');
  await site.must('run', '--run-id', 'before');
  await lab.exec(id, 'controller', ['sh', '-c', `cat >${killer}`], { input: readFileSync(join(import.meta.dirname, 'kill-when.py')) });
  site.useRunbook(writeShortRunbook(join(site.folder, 'sync'), ['C27', 'C28b']));
  await site.must('plan');
  await back();
  await site.must('run', '--run-id', 'undisturbed');
  expect(await effects()).toEqual(migrations);
  undisturbed = await contents();
});
afterAll(() => site.down());

/** The host as it was before row C27: the database from the dump that the product made, at version 44. */
async function back(): Promise<void> {
  await site.sh('controller', `set -e; mysql --defaults-file=/root/.my.cnf -e 'DROP DATABASE keystone; CREATE DATABASE keystone DEFAULT CHARACTER SET utf8'
    mysql --defaults-file=/root/.my.cnf keystone </var/lib/tandem/dumps/keystone.sql
    rm -f /root/keystonerc_admin; : >/var/log/tandem-lab/effects; mkdir -p /etc/tandem-lab; echo 0.2 >/etc/tandem-lab/slow-migration-s`);
}

interface Killed { agent: number; syncsRunning: number; counted: string[] }

/** The killer waits for its moment; resolves, when it watches, with what ends when it has killed. */
async function killing(run: string, file: string, what: string, options: string[] = []): Promise<{ ended: Promise<lab.Result> }> {
  const ended = lab.exec(id, 'controller', ['sh', '-c', `exec python3 ${killer} "$@" >/root/${run}.killed`, 'sh', file, what, ...options]);
  await until('the killer watches', async () => (await site.sh('controller', `cat /root/${run}.killed 2>&1 || true`)) === 'watching');
  return { ended };
}

/** Runs C27 and C28b while the killer waits for its moment; resolves with what it saw then and the journal afterwards. `meanwhile` goes on beside the run. */
async function runKilled(run: string, file: string, what: string, options: string[] = [], meanwhile: () => Promise<void> = async () => undefined): Promise<{ killed: Killed; journal: Event[] }> {
  await back();
  expect(await effects()).toEqual([]);
  const before = await agentPid();
  const kill = await killing(run, file, what, options);
  const [ended] = await Promise.all([site.tandem('run', '--run-id', run), meanwhile()]);
  expect(await kill.ended).toMatchObject({ code: 0 });
  const killed = JSON.parse((await site.sh('controller', `tail -n +2 /root/${run}.killed`))) as Killed;
  expect(String(killed.agent)).toBe(before);
  expect(await agentPid(), 'systemd started it again').not.toBe(before);
  expect(ended.code, `the run ends right: ${ended.stdout}${ended.stderr}`).toBe(0);
  expect(resultsOf(await site.report(run), 'controller')).toEqual({ C27: 'changed', C28b: 'changed' });
  expect(await effects(), 'each migration once, in order').toEqual(migrations);
  expect(await contents(), 'the same database as without a kill').toBe(undisturbed);
  const journal = (await site.sh('controller', `cat ${journalOf(run)}`)).split('\n').map((line) => (JSON.parse(line) as { at: Event }).at);
  expect(journal.filter(({ kind }) => kind === 'finished').map(({ step }) => step), 'one result a step').toEqual(['C27', 'C28b']);
  return { killed, journal };
}

const journalOf = (run: string): string => `/var/lib/tandem/runs/${run}/journal.jsonl`;
const effectsFile = '/var/log/tandem-lab/effects';
const spawnedSyncs = (journal: Event[]): Event[] => journal.filter((event) => event.kind === 'spawned' && event.argv.includes('db_sync') && event.pid !== 0);
const kinds = (journal: Event[]): string[] => journal.filter(({ step, kind }) => step === 'C27' && ['checked', 'applied', 'verified', 'finished'].includes(kind)).map(({ kind }) => kind);

describe('the agent is killed with -9 around a database sync', () => {
  test('right before: the intent is on record, nothing was begun', async () => {
    const { killed, journal } = await runKilled('intent', journalOf('intent'), '"step":"C27" "kind":"checked"');
    expect(killed).toMatchObject({ counted: [], syncsRunning: 0 });
    expect(spawnedSyncs(journal)).toHaveLength(1);
    expect(kinds(journal)).toEqual(['checked', 'checked', 'applied', 'verified', 'finished']);
  });

  test('as it is started, before or after its process is on record', async () => {
    const { killed } = await runKilled('starting', journalOf('starting'), '"kind":"spawned" "db_sync" "pid":0');
    expect(killed.counted).toEqual([]);
  });

  test('in the middle: the sync goes on without the agent, and the next one waits for it', async () => {
    const { killed, journal } = await runKilled('middle', effectsFile, 'db_sync applied 50', ['--hold'], async () => {
      await until('the next agent waits for the sync', async () => (await site.sh('controller', `grep -c 'of an earlier try still runs' ${journalOf('middle')} || true`)) === '1');
      await site.sh('controller', 'echo 0 >/etc/tandem-lab/slow-migration-s');
    });
    expect(killed.counted).toEqual(migrations.slice(0, 6));
    expect(killed.syncsRunning).toBeGreaterThan(0);
    expect(spawnedSyncs(journal), 'no second sync').toHaveLength(1);
    expect(journal).toContainEqual(expect.objectContaining({ kind: 'progress', text: expect.stringContaining('of an earlier try still runs') as string }));
    // Found done and proven, so never applied by the second agent.
    expect(kinds(journal)).toEqual(['checked', 'checked', 'verified', 'finished']);
  });

  test('in the middle, and the sync with it: the next one goes on where it was', async () => {
    const { killed, journal } = await runKilled('both', effectsFile, 'db_sync applied 50', ['--sync', '--after', '0.1']);
    expect(killed.counted).toEqual(migrations.slice(0, 6));
    expect(spawnedSyncs(journal)).toHaveLength(2);
    expect(kinds(journal)).toEqual(['checked', 'checked', 'applied', 'verified', 'finished']);
  });

  test('between the main schema and its extension, and the sync with it', async () => {
    const { killed, journal } = await runKilled('further', effectsFile, 'db_sync applied 55', ['--sync', '--after', '0.1']);
    expect(killed.counted).toEqual(migrations.slice(0, 11));
    expect(spawnedSyncs(journal)).toHaveLength(2);
  });

  test('right after: applied, not yet proven', async () => {
    const { killed, journal } = await runKilled('applied', journalOf('applied'), '"step":"C27" "kind":"applied"');
    expect(killed.counted).toEqual(migrations);
    expect(spawnedSyncs(journal)).toHaveLength(1);
    expect(kinds(journal)).toEqual(['checked', 'applied', 'checked', 'verified', 'finished']);
  });

  test('once its result is on record: the stored result counts', async () => {
    const { journal } = await runKilled('finished', journalOf('finished'), '"step":"C27" "kind":"finished"');
    expect(spawnedSyncs(journal)).toHaveLength(1);
    expect(kinds(journal)).toEqual(['checked', 'applied', 'verified', 'finished']);
  });
});

describe('what a person does afterwards', () => {
  test('nobody can tell whether the sync was done: what a person says is looked at, and the run goes on from what is there', async () => {
    await back();
    // The database is away when the agent comes back: its look cannot tell.
    const away = '/etc/systemd/system/tandem-agent.service.d/away.conf';
    await site.sh('controller', `mkdir -p $(dirname ${away}); printf '[Service]\\nExecStartPre=/bin/systemctl stop mariadb\\n' >${away}; systemctl daemon-reload`);
    const kill = await killing('word', journalOf('word'), '"step":"C27" "kind":"checked"'), ended = await site.tandem('run', '--run-id', 'word');
    expect(await kill.ended).toMatchObject({ code: 0 });
    expect(ended).toMatchObject({ code: 8, stdout: expect.stringContaining('tandem resolve word C27 done|not-done --host controller') as string });
    await site.sh('controller', `rm ${away}; systemctl daemon-reload; systemctl start mariadb`);
    const word = await site.tandem('resolve', 'word', 'C27', 'done', '--host', 'controller', '--by', 'ann', '--reason', 'I believe so');
    expect(word, 'what the host contradicts is not taken').toMatchObject({ code: 8, stdout: expect.stringContaining('C27 is not done, whatever was said') as string });
    expect(await effects()).toEqual([]);
    await site.must('resume', 'word');
    expect(resultsOf(await site.report('word'), 'controller')).toEqual({ C27: 'changed', C28b: 'changed' });
    expect(await effects()).toEqual(migrations);
    expect(await contents()).toBe(undisturbed);
  });

  test('the way back: the database from its dump, the file gone, each seen by another path; the record of it can be proven, and made anew', async () => {
    await back();
    const before = await contents();
    await site.must('run', '--run-id', 'there');
    expect(await contents()).toBe(undisturbed);
    expect(await site.tandem('revert', 'there', '--to', 'start')).toMatchObject({ code: 6 });
    expect(await contents()).toBe(before);
    expect(await site.sh('controller', 'ls /root/keystonerc_admin 2>/dev/null || echo none')).toBe('none');
    await site.must('audit', 'fetch', 'there');
    await site.must('audit', 'verify', 'there');
    const told = resultsOf(await site.report('there'), 'controller');
    expect(told).toEqual({ C27: 'reverted', C28b: 'reverted' });
    rmSync(join(site.folder, 'state/runs/there'), { recursive: true });
    await site.must('runs', 'rebuild', 'there');
    expect(resultsOf(await site.report('there'), 'controller')).toEqual(told);
  });
});

test('mysql_upgrade outlives an agent that is killed: it is waited for, and run once', async () => {
  const noted = '/var/lib/mysql/mysql_upgrade_info', tool = '/usr/bin/mysql_upgrade';
  // A wrapper of the real tool: its start is counted, and it is still there when the next agent looks.
  await site.sh('controller', `set -e; rm ${noted}; : >${effectsFile}; mv ${tool} ${tool}.real; printf '#!/bin/sh\\necho mysql_upgrade begun >>${effectsFile}\\nsleep 4\\nexec ${tool}.real "$@"\\n' >${tool}; chmod 755 ${tool}`);
  site.useRunbook(writeShortRunbook(join(site.folder, 'upgrade'), ['C23']));
  await site.must('plan');
  const kill = await killing('upgrade', effectsFile, 'mysql_upgrade begun', ['--after', '0.3']);
  await site.must('run', '--run-id', 'upgrade');
  expect(await kill.ended).toMatchObject({ code: 0 });
  expect(resultsOf(await site.report('upgrade'), 'controller')).toEqual({ C23: 'changed' });
  expect(await site.sh('controller', `cat ${effectsFile}; stat -c %U ${noted}; grep -c 'of an earlier try still runs' ${journalOf('upgrade')}`)).toBe('mysql_upgrade begun\nmysql\n1');
});
