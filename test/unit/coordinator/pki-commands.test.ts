import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { main } from '../../../coordinator/main.ts';
import { initPki, issueFor } from '../../../coordinator/pki/folder.ts';

const root = join(import.meta.dirname, '../../..'), DAY_MS = 86_400_000;
let folder: string, said: string[];
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'pki-commands-')); said = []; });
afterEach(() => { rmSync(folder, { recursive: true }); });

async function tandem(...argv: string[]): Promise<number> {
  const take = (text: unknown): boolean => { said.push(String(text)); return true; };
  vi.spyOn(console, 'log').mockImplementation(take);
  vi.spyOn(console, 'error').mockImplementation(take);
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  try { return await main(argv); } finally { vi.restoreAllMocks(); }
}

test('pki issue says that it moves a key, that this is for labs where it is a host\'s, and what a host gets instead', async () => {
  expect(await tandem('pki', 'issue', '--help')).toBe(0);
  const help = said.join('').replaceAll(/\s+/g, ' ');
  expect(help).toContain('For a host (role agent) that is meant for labs and tests: its key would have to be moved there.');
  expect(help).toContain('tandem enrol HOST --code CODE');
  expect(said.join('').split('\n').filter((line) => line.startsWith('  tandem pki issue') && !/--role (observer|operator)/.test(line)), 'no example makes a host\'s').toEqual([]);
});

/** docs/decisions/0012-enrolment.md: a host's key stays on it. */
test('no page of the guide and no message of the agent sends a host to pki issue', () => {
  const pages = globSync('docs/*.md', { cwd: root }), sources = globSync('agent/**/*.ts', { cwd: root });
  expect([pages.length > 10, sources.length > 100]).toEqual([true, true]);
  const advice = pages.flatMap((page) => readFileSync(join(root, page), 'utf8').split('\n').filter((line) => /tandem pki issue/.test(line) && !/--role/.test(line)).map((line) => `${page}: ${line}`));
  expect(advice.filter((line) => !line.startsWith('docs/lab.md:'))).toEqual([]);
  expect(sources.filter((path) => readFileSync(join(root, path), 'utf8').includes('pki issue'))).toEqual([]);
});

test('pki list says for each whose certificate ends how it gets another: a host by enrolment, a person by pki issue', async () => {
  const made = Date.now() - 720 * DAY_MS; // certificates hold 730 days
  await initPki(folder, 'lab', made);
  await issueFor(folder, 'agent', 'h1', [], made);
  await issueFor(folder, 'observer', 'eye', [], made);
  expect(await tandem('pki', 'list', '--dir', folder)).toBe(0);
  expect(said.at(-1)).toBe('Next: a new certificate for h1: tandem enrol HOST --again --reason TEXT; eye, operator: tandem pki issue NAME --role ROLE');
});
