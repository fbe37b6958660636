import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { main } from '../../../coordinator/main.ts';

let folder: string, said: string[];
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'commands-')); said = []; });
afterEach(() => { vi.restoreAllMocks(); rmSync(folder, { recursive: true }); });

/** Facts of the old controller that the site file of `init` names. */
function putFacts(): void {
  mkdirSync(join(folder, 'captured'));
  for (const host of ['controller', 'compute1']) {
    const facts = readFileSync(join(import.meta.dirname, `../../fixtures/plan/captured/${host}.json`), 'utf8');
    writeFileSync(join(folder, `captured/${host}.json`), facts.replaceAll('.example.test', '.example.com').replaceAll('10.77.0.', '192.0.2.'));
  }
}

/** `tandem` in the test's folder; gives the exit code, what it printed is in `said`. */
async function tandem(...argv: string[]): Promise<number> {
  const take = (text: unknown): boolean => { said.push(String(text)); return true; };
  vi.spyOn(console, 'log').mockImplementation(take);
  vi.spyOn(console, 'error').mockImplementation(take);
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  try { return await main(['--site', join(folder, 'site.yaml'), '--state', join(folder, 'state'), ...argv]); } finally { vi.restoreAllMocks(); }
}

test('init writes a site file that plans as it stands once the captured facts are there, and never overwrites one', async () => {
  expect(await tandem('init', '--name', 'north')).toBe(0);
  expect(readFileSync(join(folder, 'site.yaml'), 'utf8')).toContain('\nsite: north\n');
  said = [];
  expect(await tandem('plan')).toBe(2);
  expect(said.join('\n')).toMatch(/site\.yaml:21:15: found no file \.\/captured\/controller\.json, expected the facts captured on the old host\n.*site\.yaml:27:15: found no file \.\/captured\/compute1\.json/);
  putFacts();
  said = [];
  const code = await tandem('plan');
  expect([code, said.join('\n')]).toEqual([0, expect.stringContaining('Next: tandem check')]);
  said = [];
  expect(await tandem('init')).toBe(2);
  expect(said).toEqual([`${join(folder, 'site.yaml')}:1:1: found a file, expected none: it is never overwritten (--site FILE names another)`]);
});

test('run without a plan says how to make one; report without a run too', async () => {
  await tandem('init');
  said = [];
  expect(await tandem('run')).toBe(2);
  expect(await tandem('report')).toBe(2);
  expect(said).toEqual([
    `${join(folder, 'site.yaml')}:1:1: found no plan of site mysite in ${folder}/state, expected one made before: tandem plan`,
    `${folder}/state:1:1: found no runs, expected at least one: tandem run makes them (--state FOLDER names another folder)`,
  ]);
});

test('plan --coverage prints the rows; a row that no step carries is exit code 3, a runbook without its rows 2', async () => {
  mkdirSync(join(folder, 'r'));
  const write = (procedure: string): void => { writeFileSync(join(folder, 'r/runbook.yaml'), `tandem: 1\nname: r\ntitle: t\nroles: {controller: {min: 1}}\nphases: [p.yaml]\n${procedure}`); };
  writeFileSync(join(folder, 'r/p.yaml'), 'phase: p\ntitle: t\nstages:\n  - {stage: a, on: controller, strategy: serial, steps: [{id: C1, title: t, human: Read it}]}\n');
  writeFileSync(join(folder, 'site.yaml'), 'tandem: 1\nsite: s\nrunbook: ./r\ncoordinator: {address: 10.0.0.9}\nhosts:\n  c: {role: controller, address: 10.0.0.1, fqdn: c.example.test}\n');
  write('procedure: {rows: [C1, C2]}\n');
  expect(await tandem('plan', '--coverage')).toBe(3);
  expect(said.join('\n')).toContain('2 rows: 1 human, 1 MISSING (C2)');
  said = [];
  expect(await tandem('plan', '--coverage', '--json')).toBe(3);
  expect(JSON.parse(said.join('\n'))).toMatchObject([{ row: 'C1', kind: 'human' }, { row: 'C2', kind: 'missing' }]);
  write('procedure: {rows: [C1]}\n');
  expect(await tandem('plan', '--coverage')).toBe(0);
  write('');
  said = [];
  expect(await tandem('plan', '--coverage')).toBe(2);
  expect(said.join('\n')).toContain('found no "procedure", expected procedure: {rows: [...]}, all rows of the procedure');
});

test('a folder that is not there is told in one line, without a stack trace', async () => {
  await tandem('init');
  putFacts();
  said = [];
  expect(await tandem('plan', '--out', join(folder, 'none/plan.json'))).toBe(1);
  expect(said).toEqual([`tandem: ENOENT: no such file or directory, open '${folder}/none/plan.json'`]);
});

test.each(['init', 'pki', 'pki init', 'pki issue', 'hosts', 'health', 'facts', 'plan', 'check', 'run', 'approve', 'stop', 'status', 'report', 'runs', 'op', 'completion bash', ''])('"tandem %s --help" shows an example', async (command) => {
  expect(await tandem(...command.split(' ').filter((word) => word !== ''), '--help')).toBe(0);
  expect(said.join('')).toMatch(/\nExamples?:\n {2}tandem /);
});

test('the completion script completes commands, their options and the global ones', async () => {
  await tandem('completion', 'bash');
  const complete = (...words: string[]): string[] => execFileSync('bash', ['-c', `${said.join('\n')}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _tandem; printf '%s\\n' "\${COMPREPLY[@]}"`, 'bash', 'tandem', ...words], { encoding: 'utf8' }).trim().split('\n');
  expect(complete('he')).toEqual(['health']);
  expect(complete('--site', 'run', 'pki', 'i')).toEqual(['init', 'issue']);
  expect(complete('report', '--')).toEqual(['--format', '--out', '--version', '--site', '--state', '--help']);
});

test('capture-script prints the script of the runbook, as it stands, and never overwrites a file', async () => {
  const script = readFileSync(join(import.meta.dirname, '../../../runbooks/osp5-to-osp6/capture.sh'), 'utf8'), out = join(folder, 'capture.sh');
  const print = async (...argv: string[]): Promise<number> => { said = []; vi.spyOn(console, 'log').mockImplementation((text) => { said.push(String(text)); }); vi.spyOn(console, 'error').mockImplementation((text) => { said.push(String(text)); }); try { return await main(argv); } finally { vi.restoreAllMocks(); } };
  expect(await print('capture-script')).toBe(0);
  expect(said).toEqual([script.trimEnd()]);
  expect(await print('capture-script', '--out', out)).toBe(0);
  expect(readFileSync(out, 'utf8')).toBe(script);
  expect(await print('capture-script', '--out', out)).toBe(1);
  expect(said).toEqual([`tandem: EEXIST: file already exists, open '${out}'`]);
});

test('capture-script gives the script of the runbook that the site names, and says where there is none', async () => {
  await tandem('init');
  said = [];
  expect(await tandem('capture-script')).toBe(0);
  writeFileSync(join(folder, 'site.yaml'), readFileSync(join(folder, 'site.yaml'), 'utf8').replace('runbook: osp5-to-osp6', 'runbook: ./mine'));
  said = [];
  expect(await tandem('capture-script')).toBe(2);
  expect(said).toEqual([expect.stringMatching(/site\.yaml:5:10: found no file \.\/mine\/capture\.sh, expected a runbook with a script for its old hosts$/)]);
  mkdirSync(join(folder, 'mine'));
  writeFileSync(join(folder, 'mine/capture.sh'), 'echo mine\n');
  said = [];
  expect(await tandem('capture-script')).toBe(0);
  expect(said).toEqual(['echo mine']);
});
