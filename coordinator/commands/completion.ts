import { Command, type Option } from 'commander';
import type { Context } from '../context.ts';

/** `root` gives the whole command tree when the command runs: everything is in it then. */
export function completionCommand(context: Context, root: () => Command): Command {
  const completion = new Command('completion').description('Print a completion script for a shell.');
  completion.command('bash').description('For bash.')
    .addHelpText('after', '\nExample:\n  tandem completion bash >/etc/bash_completion.d/tandem')
    .action(() => { context.say(bashScript(root())); });
  return completion;
}

interface Words { path: string; words: string[] }

/** Each command by its path with the words that may come next. */
function wordsOf(command: Command, path: string, inherited: string[]): Words[] {
  const flags = command.options.flatMap((option: Option) => (option.long === undefined ? [] : [option.long]));
  const below = command.commands.flatMap((child) => wordsOf(child, `${path} ${child.name()}`, [...inherited, ...(command.parent === null ? flags : [])]));
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  return [{ path, words: [...command.commands.map((child) => child.name()), ...choices, ...flags, ...inherited, '--help'] }, ...below];
}

const valuedFlags = (command: Command): string[] => [
  ...command.options.flatMap((option: Option) => (option.required && option.long !== undefined ? [option.long] : [])), ...command.commands.flatMap(valuedFlags),
];

/**
 * Words are looked up by the path of commands typed so far; behind an option that takes a value, files are offered. `host` is the tree of
 * `tandem agent`: who has both trees gives it (scripts/man.ts), as the coordinator does not load the agent.
 */
export function bashScript(root: Command, host?: Command): string {
  const all = wordsOf(root, root.name(), []);
  if (host !== undefined) {
    all[0]?.words.unshift('agent');
    all.push(...wordsOf(host, host.name(), []));
  }
  const valued = new Set([root, ...(host === undefined ? [] : [host])].flatMap(valuedFlags));
  return `# bash completion of tandem; made by: tandem completion bash
_tandem() {
  local current=\${COMP_WORDS[COMP_CWORD]} path=${root.name()} word value=
  local -A words=(
${all.map(({ path, words }) => `    ['${path}']='${[...new Set(words)].join(' ')}'`).join('\n')}
  )
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$value" ]; then
      value=
    elif [[ ' ${[...valued].join(' ')} ' == *" $word "* ]]; then
      value=yes
    elif [ -n "\${words["$path $word"]+known}" ]; then
      path="$path $word"
    fi
  done
  COMPREPLY=()
  [ -z "$value" ] || return
  mapfile -t COMPREPLY < <(compgen -W "\${words["$path"]}" -- "$current")
}
complete -o default -F _tandem tandem`;
}
