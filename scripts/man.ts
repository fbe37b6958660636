// man.ts FOLDER: writes tandem.1 and completion.bash there, both made from the command definitions.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, type Option } from 'commander';
import { main as agent } from '../agent/main.ts';
import { bashScript } from '../coordinator/commands/completion.ts';
import { main as coordinator } from '../coordinator/main.ts';
import release from '../generated/version.json' with { type: 'json' };

/** The command tree as its main function builds it: taken where it would begin to read arguments. */
export async function treeOf(main: (argv: string[]) => Promise<number>): Promise<Command> {
  const trees: Command[] = [];
  const { parseAsync } = Object.getOwnPropertyDescriptors(Command.prototype);
  Command.prototype.parseAsync = async function take(this: Command) { trees.push(this); return this; };
  await main([]);
  Object.defineProperty(Command.prototype, 'parseAsync', parseAsync);
  const [tree] = trees;
  if (tree === undefined) throw new Error('no command was built');
  return tree;
}

/** Backslash, hyphen and a leading dot or quote mean something else to roff. */
const roff = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^(?=[.'])/gm, '\\&');
const optionLines = (option: Option): string => `.TP\n.B ${roff(option.flags)}\n${roff(option.description)}${option.defaultValue === undefined ? '' : roff(` (default ${String(option.defaultValue)})`)}`;

/** What was added behind a command's help, its example, as it is. */
function helpEnd(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => { text += part; } }).outputHelp();
  const [, after = ''] = text.split(command.helpInformation());
  return after.trim() === '' ? '' : `.PP\n.nf\n${roff(after.trim())}\n.fi`;
}

function sections(command: Command, path: string): string[] {
  const below = command.commands.flatMap((child) => sections(child, `${path} ${child.name()}`));
  return [[`.SS ${roff(`${path} ${command.usage()}`)}`, roff(command.description()), ...command.options.map(optionLines), helpEnd(command)].filter((line) => line !== '').join('\n'), ...below];
}

/** tandem(1): one page with every command of coordinator and agent. */
export async function manPage(): Promise<string> {
  const [root, host] = [await treeOf(coordinator), await treeOf(agent)];
  return `${[
    `.TH TANDEM 1 "" "Tandem ${release.version}" "Tandem"`,
    '.SH NAME', `tandem \\- ${roff(root.description())}`,
    '.SH SYNOPSIS', '.B tandem', '[options] COMMAND ...', '.br', '.B tandem agent', 'COMMAND ...',
    '.SH OPTIONS', ...root.options.map(optionLines),
    '.SH COMMANDS', ...root.commands.flatMap((command) => sections(command, `tandem ${command.name()}`)),
    '.SH ON A HOST', roff(host.description()), ...host.commands.flatMap((command) => sections(command, `tandem agent ${command.name()}`)),
    '.SH FILES', ...[['/etc/tandem/agent.env', 'settings of the agent'], ['/etc/tandem/pki', 'certificate and key of the host'], ['/etc/tandem/policy.yaml', 'what the host allows its agent'], ['/opt/tandem/lib', 'the C library that the file carries, for hosts whose own is too old'], ['/var/lib/tandem', 'journals, saved copies and dumps of the agent']].map(([path, what]) => `.TP\n.I ${path ?? ''}\n${what ?? ''}`),
  ].join('\n')}\n`;
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error('usage: man.ts FOLDER');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tandem.1'), await manPage());
  writeFileSync(join(folder, 'completion.bash'), `${bashScript(await treeOf(coordinator), await treeOf(agent))}\n`);
}
