import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readJournal } from '../../proto/journal.ts';
import type { Event } from '../../proto/events.ts';
import { startAgentProcess, type AgentProcess } from './agent-process.ts';
import { siteHere, type SiteHere } from './command-line.ts';

/** The policy from end to end: made from a plan, put on the host, kept by the agent. */
let agent: AgentProcess, site: SiteHere;
const file = (name: string): string => join(site.folder, 'here', name);
const policyFile = (): string => join(agent.folder, 'policy.yaml');
const journal = (run: string): Event[] => readJournal<Event>(join(agent.folder, 'state/runs', run, 'journal.jsonl')).records;

beforeEach(async () => {
  agent = await startAgentProcess('operations: []\n');
  site = siteHere(agent.port);
  site.pki('operator', agent.identity);
  mkdirSync(join(site.folder, 'here'));
  mkdirSync(join(site.folder, 'book'));
  for (const name of ['a.conf', 'b.conf', 'c.conf']) writeFileSync(file(name), '[DEFAULT]\nx = 1\n');
  const set = (id: string, name: string, title: string) => ({ id, title, operation: 'ini.set', with: { file: file(name), section: 'DEFAULT', settings: { x: '2' } } });
  writeFileSync(join(site.folder, 'book/runbook.yaml'), JSON.stringify({ tandem: 1, name: 'tiny', title: 'Tiny', roles: { controller: { min: 1 } }, phases: ['phase.yaml'] }));
  writeFileSync(join(site.folder, 'book/phase.yaml'), JSON.stringify({ phase: 'p', title: 'P', stages: [{ stage: 's', on: 'controller', strategy: 'serial', steps: [
    set('A1', 'a.conf', 'One file'), set('A2', 'b.conf', 'Another'), { id: 'A3', title: 'The agent', operation: 'port.listening', with: { address: '127.0.0.1', port: agent.port } },
  ] }] }));
  const siteFile = join(site.folder, 'site.yaml');
  writeFileSync(siteFile, readFileSync(siteFile, 'utf8').replace('runbook: osp5-to-osp6', `runbook: ${join(site.folder, 'book')}`));
});
afterEach(async () => { site.remove(); await agent.stop(); });

/** One operation by hand: refused, with these words as its reason; nothing was even looked at, and the journal holds it. */
async function expectRefused(run: string, reason: string, ...words: string[]): Promise<void> {
  const ran = await site.tandem('op', ...words, '--host', 'h1', '--run-id', run);
  expect(ran).toMatchObject({ code: 3, out: expect.stringContaining(reason) as string });
  expect(journal(run).map(({ kind }) => kind).filter((kind) => kind !== 'witnessed')).toEqual(['accepted', 'finished']);
  expect(journal(run)[1]).toMatchObject({ result: 'failed', code: 'refused_by_policy', reason: expect.stringContaining(reason) as string });
}

test('the policy that the plan needs lets all of it through, and nothing else', async () => {
  const made = await site.tandem('plan', '--policy', 'h1');
  expect(made).toMatchObject({ code: 0, err: expect.stringContaining('put it on h1 as /etc/tandem/policy.yaml') as string });
  expect(made.out).toBe(`${made.out.split('\n').slice(0, 2).join('\n')}\noperations:\n  - ini.set\n  - port.listening\npaths:\n  - ${file('a.conf')}\n  - ${file('b.conf')}\npackages: []\nunits: []`);
  expect(await site.tandem('run', '--run-id', 'before')).toMatchObject({ code: 3 });
  expect(journal('before').find(({ kind }) => kind === 'finished')).toMatchObject({ step: 'A1', code: 'refused_by_policy', reason: `${policyFile()}:1:1: "operations" does not allow "ini.set"` });
  expect(readFileSync(file('a.conf'), 'utf8')).toBe('[DEFAULT]\nx = 1\n');

  writeFileSync(policyFile(), made.out);
  expect(await site.tandem('hosts')).toMatchObject({ code: 0, out: expect.stringMatching(/ yes .* in force/) as string });
  expect(await site.tandem('run', '--run-id', 'under')).toMatchObject({ code: 0 });
  expect(['a.conf', 'b.conf'].map((name) => readFileSync(file(name), 'utf8'))).toEqual(['[DEFAULT]\nx = 2\n', '[DEFAULT]\nx = 2\n']);

  await expectRefused('path', `:6:1: "paths" does not allow "${file('c.conf')}"`, 'ini.set', `file=${file('c.conf')}`, 'section=DEFAULT', 'settings={"x": "2"}');
  await expectRefused('secret', ':6:1: "paths" does not allow "/etc/shadow"', 'ini.set', `file=${file('a.conf')}`, 'section=DEFAULT', 'secrets={"x": "file:/etc/shadow"}');
  await expectRefused('operation', ':3:1: "operations" does not allow "file.owned"', 'file.owned', `path=${file('a.conf')}`, 'user=root');
  await expectRefused('dry', ':3:1: "operations" does not allow "http.answered"', 'http.answered', 'url=http://127.0.0.1:1/', '--check');
  expect(readFileSync(file('c.conf'), 'utf8')).toBe('[DEFAULT]\nx = 1\n');

  writeFileSync(policyFile(), 'operations: [package.installed, service.masked]\npackages: [ntp]\nunits: [ntpd]\n');
  await expectRefused('package', ':2:1: "packages" does not allow "kernel"', 'package.installed', 'names=ntp', 'names=kernel');
  await expectRefused('unit', ':3:1: "units" does not allow "sshd.service"', 'service.masked', 'units=ntpd', 'units=sshd');
});

test('a secret behind a link is not carried out of what the policy allows', async () => {
  const outside = realpathSync(site.folder), allowed = join(outside, 'here');
  writeFileSync(join(outside, 'pw'), 'hidden-word\n');
  symlinkSync(join(outside, 'pw'), join(allowed, 'link'));
  symlinkSync(outside, join(allowed, 'way'));
  writeFileSync(policyFile(), `operations: [ini.set]\npaths: [${allowed}]\n`);
  const carry = async (run: string, from: string) => await site.tandem('op', 'ini.set', `file=${join(allowed, 'a.conf')}`, 'section=DEFAULT', `secrets={"x": "file:${join(allowed, from)}"}`, '--host', 'h1', '--run-id', run);
  const finished = (run: string): Event | undefined => journal(run).find(({ kind }) => kind === 'finished');
  expect(await carry('link', 'link')).toMatchObject({ code: 3 });
  expect(finished('link')).toMatchObject({ result: 'failed', code: 'precondition_failed', reason: expect.stringContaining(`${join(allowed, 'link')} is a link`) as string });
  expect(await carry('way', 'way/pw')).toMatchObject({ code: 3 });
  expect(finished('way')).toMatchObject({ result: 'failed', code: 'refused_by_policy', reason: `${policyFile()}:2:1: "paths" does not allow "${join(outside, 'pw')}"` });
  expect(readFileSync(file('a.conf'), 'utf8')).toBe('[DEFAULT]\nx = 1\n');
  writeFileSync(policyFile(), `operations: [ini.set]\npaths: [${allowed}, ${join(outside, 'pw')}]\n`);
  expect(await carry('both', 'way/pw'), 'both names are allowed').toMatchObject({ code: 0 });
  expect(readFileSync(file('a.conf'), 'utf8')).toBe('[DEFAULT]\nx = hidden-word\n');
});

test('a mistake in the policy closes the host, and health says where it is', async () => {
  writeFileSync(policyFile(), 'operations: [ini.set\npaths: []\n');
  await expectRefused('broken', `the policy cannot be relied on, so nothing is allowed: ${policyFile()}:`, 'ini.set', `file=${file('a.conf')}`, 'section=DEFAULT', 'settings={"x": "2"}');
  expect(await site.tandem('hosts')).toMatchObject({ out: expect.stringMatching(/critical +broken/) as string });
  expect((await site.tandem('health')).out).toMatch(/policy +critical +.*policy\.yaml:\d+:\d+: found what is no YAML/);
});

test('tandem plan --policy names a host of the site', async () => {
  expect(await site.tandem('plan', '--policy', 'h2')).toMatchObject({ code: 2, err: expect.stringContaining('found unknown host "h2", expected h1') as string });
});
