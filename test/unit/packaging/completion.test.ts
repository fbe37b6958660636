import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { bashScript } from '../../../coordinator/commands/completion.ts';

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
