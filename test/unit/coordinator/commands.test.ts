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
  const facts = readFileSync(join(import.meta.dirname, '../../fixtures/plan/captured/controller.json'), 'utf8');
  mkdirSync(join(folder, 'captured'));
  writeFileSync(join(folder, 'captured/controller.json'), facts.replaceAll('controller.example.test', 'controller.example.com'));
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
  expect(said).toEqual([expect.stringMatching(/site\.yaml:21:15: found no file \.\/captured\/controller\.json, expected the facts captured on the old host$/)]);
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

test('a folder that is not there is told in one line, without a stack trace', async () => {
  await tandem('init');
  putFacts();
  said = [];
  expect(await tandem('plan', '--out', join(folder, 'none/plan.json'))).toBe(1);
  expect(said).toEqual([`tandem: ENOENT: no such file or directory, open '${folder}/none/plan.json'`]);
});

test.each(['init', 'pki', 'pki init', 'pki issue', 'hosts', 'health', 'facts', 'plan', 'check', 'run', 'stop', 'status', 'report', 'runs', 'op', 'completion bash', ''])('"tandem %s --help" shows an example', async (command) => {
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
