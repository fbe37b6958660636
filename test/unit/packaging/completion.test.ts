import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { bashScript } from '../../../coordinator/commands/completion.ts';
import { realTrees } from './command-tree.ts';

const root = new Command('tandem').option('--site <file>', 'x');
root.command('plan').option('--policy <host>', 'x');
const host = new Command('tandem agent');
host.command('enrol').option('--code', 'x').option('--request <file>', 'x');
host.command('idle');

/** What bash offers for the last of these words. */
const offered = (script: string, ...words: string[]): string =>
  execFileSync('bash', ['-c', `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tandem; echo "\${COMPREPLY[*]}"`, '_', ...words], { encoding: 'utf8' }).trim();

test('with both trees the agent\'s commands and options are completed', () => {
  const script = bashScript(root, host);
  expect(offered(script, 'tandem', 'a')).toBe('agent');
  expect(offered(script, 'tandem', 'agent', 'en')).toBe('enrol');
  expect(offered(script, 'tandem', 'agent', 'enrol', '--')).toBe('--code --request --help');
  expect(offered(script, 'tandem', 'agent', 'enrol', '--request', 'x'), 'a file').toBe('');
  expect(offered(script, 'tandem', 'agent', 'enrol', '--site'), 'an option of the coordinator alone').toBe('');
  expect(offered(script, 'tandem', 'plan', '--')).toBe('--policy --site --help');
});

test('without the agent\'s tree it is the coordinator\'s alone', () => {
  expect(offered(bashScript(root), 'tandem', 'a')).toBe('');
  expect(offered(bashScript(root), 'tandem', 'pl')).toBe('plan');
});

test('of the real programs every command is offered with its commands, choices and options; behind one that takes a value, files', async () => {
  const { root: tandem, host: agent, all } = await realTrees(), script = bashScript(tandem, agent);
  // One bash for all questions: a line of words each, a line of what is offered.
  const ask = (questions: string[]): string[][] => execFileSync('bash', ['-c', `${script}\nwhile IFS= read -r line; do read -ra COMP_WORDS <<<"$line"; COMP_WORDS+=(''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _tandem; echo "\${COMPREPLY[*]}"; done`], { encoding: 'utf8', input: `${questions.join('\n')}\n` }).split('\n').slice(0, questions.length).map((line) => line.split(' '));
  const programs = [{ path: 'tandem', command: tandem }, { path: 'tandem agent', command: agent }, ...all];
  const offers = ask(programs.map(({ path }) => path));
  const missing = programs.flatMap(({ path, command }, at) => {
    const wanted = [...command.commands.map((child) => child.name()), ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []), ...command.options.map(({ long }) => long ?? 'an option without a long name'), '--help', ...path.startsWith('tandem agent') ? [] : ['--site', '--state']];
    return wanted.filter((word) => !offers[at]?.includes(word)).map((word) => `${path} ${word}`);
  });
  expect(missing).toEqual([]);
  expect(offers).toHaveLength(programs.length);
  const valued = all.flatMap(({ path, command }) => command.options.filter(({ required }) => required).map(({ long }) => `${path} ${String(long)}`));
  expect(valued.length).toBeGreaterThan(20);
  const behind = ask(valued);
  expect(valued.filter((_, at) => behind[at]?.join('') !== '')).toEqual([]);
});
