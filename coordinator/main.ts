import { Command, CommanderError } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import { JournalCorrupt } from '../proto/journal.ts';
import { hostsCommand } from './commands/hosts.ts';
import { pkiCommand } from './commands/pki.ts';
import { planCommand } from './commands/plan.ts';
import { reportCommand } from './commands/report.ts';
import { checkCommand, runCommand } from './commands/run.ts';
import type { Context } from './context.ts';
import { InputError } from './input/problem.ts';
import { AgentRefused, Unreachable } from './link.ts';
import { EXIT, Locked } from './run.ts';
import { stateFolder } from './store/local.ts';

const COMMANDS = [pkiCommand, hostsCommand, planCommand, checkCommand, runCommand, reportCommand];

/** `tandem ...` save `tandem agent ...`: resolves with the exit code (coordinator/run.ts, EXIT). */
export async function main(argv: string[]): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = new Command('tandem');
  const context: Context = {
    siteFile: () => program.opts<{ site: string }>().site,
    siteGiven: () => program.getOptionValueSource('site') !== 'default',
    stateFolder: () => stateFolder(program.opts<{ state?: string }>().state),
    say: (text) => { console.log(text); },
    tell: (text) => { console.error(text); },
    finish: (code) => { exitCode = code; },
  };
  program.description('Moves an OpenStack cloud from RHEL OSP 5 to OSP 6, old and new side by side.').version(release.version)
    .option('--site <file>', 'the site file', 'site.yaml')
    .option('--state <folder>', 'where plans and runs are kept (default: $XDG_STATE_HOME/tandem, else ~/.local/state/tandem)')
    .addHelpText('after', '\nExamples:\n  tandem init\n  tandem pki init\n  tandem plan\n  tandem check\n  tandem run\n  tandem report\n\nOn a host: tandem agent --help');
  for (const make of COMMANDS) program.addCommand(make(context));
  everyCommand(program, (command) => { command.exitOverride(); });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explain(error, context);
  }
}

function everyCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  command.commands.forEach((child) => { everyCommand(child, visit); });
}

/** Says what went wrong in words; a stack trace only for what is a fault of this program. */
function explain(error: unknown, { tell }: Context): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof InputError) { tell(error.message); return EXIT.usage; }
  if (error instanceof Locked) { tell(`${error.message}\n${error.lapsed ? 'Next: tandem status RUN shows how far that run is; the same command with --take-over takes the host.' : 'Next: wait for it, or: tandem stop RUN'}`); return EXIT.locked; }
  if (error instanceof Unreachable) { tell(`${error.message}\nNext: tandem hosts shows which hosts answer.`); return EXIT.unreachable; }
  if (error instanceof AgentRefused) { tell(error.message); return ['PERMISSION_DENIED', 'UNAUTHENTICATED'].includes(error.code) ? EXIT.usage : EXIT.failed; }
  if (error instanceof JournalCorrupt) { tell(error.message); return EXIT.internal; }
  throw error;
}
