import { Command, CommanderError } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import { JournalCorrupt, JournalFull } from '../proto/journal.ts';
import { approveCommand } from './commands/approve.ts';
import { auditCommand } from './commands/audit.ts';
import { captureScriptCommand } from './commands/capture-script.ts';
import { completionCommand } from './commands/completion.ts';
import { enrolCommand } from './commands/enrol.ts';
import { factsCommand } from './commands/facts.ts';
import { healthCommand } from './commands/health.ts';
import { hostsCommand } from './commands/hosts.ts';
import { initCommand } from './commands/init.ts';
import { opCommand } from './commands/op.ts';
import { pkiCommand } from './commands/pki.ts';
import { planCommand } from './commands/plan.ts';
import { resolveCommand, resumeCommand } from './commands/resume.ts';
import { revertCommand } from './commands/revert.ts';
import { reportCommand } from './commands/report.ts';
import { checkCommand, runCommand } from './commands/run.ts';
import { runsCommand } from './commands/runs.ts';
import { statusCommand } from './commands/status.ts';
import { stopCommand } from './commands/stop.ts';
import type { Context } from './context.ts';
import { argumentProblem, ARGUMENTS, placeOf, pointAt } from './input/arguments.ts';
import { Inhibited } from './inhibitors.ts';
import { InputError } from './input/problem.ts';
import { AgentRefused, Unreachable } from './link.ts';
import { Locked } from './leases.ts';
import { EXIT } from './verdict.ts';
import { stateFolder } from './store/local.ts';
import { RunInHand } from './store/runstore.ts';

/** In the order in which a site needs them. */
const COMMANDS = [
  initCommand, captureScriptCommand, pkiCommand, enrolCommand, hostsCommand, healthCommand, factsCommand, planCommand, checkCommand, runCommand,
  resumeCommand, approveCommand, resolveCommand, revertCommand, stopCommand, statusCommand, reportCommand, auditCommand, runsCommand, opCommand,
];

/** `tandem ...` save `tandem agent ...`: resolves with the exit code (coordinator/run.ts, EXIT). */
export async function main(argv: string[]): Promise<number> {
  let exitCode: number = EXIT.done;
  // Whoever read our output has gone: a run goes on all the same.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') throw error; });
  const program = new Command('tandem');
  const context: Context = {
    siteFile: () => program.opts<{ site: string }>().site,
    siteGiven: () => program.getOptionValueSource('site') !== 'default',
    stateFolder: () => stateFolder(program.opts<{ state?: string }>().state),
    at: (word, offset) => placeOf(argv, word === undefined || !argv.includes(word) ? argv.length : argv.lastIndexOf(word), offset),
    say: (text) => { console.log(text); },
    tell: (text) => { console.error(text); },
    finish: (code) => { exitCode = code; },
  };
  program.description('Moves an OpenStack cloud from RHEL OSP 5 to OSP 6, old and new side by side.').version(release.version)
    .option('--site <file>', 'the site file', 'site.yaml')
    .option('--state <folder>', 'where plans and runs are kept (default: $XDG_STATE_HOME/tandem, else ~/.local/state/tandem)')
    .addHelpText('after', '\nExamples:\n  tandem init\n  tandem pki init\n  tandem plan\n  tandem check\n  tandem run\n  tandem report\n\nOn a host: tandem agent --help');
  for (const make of COMMANDS) program.addCommand(make(context));
  program.addCommand(completionCommand(context, () => program));
  // Commander ends the process and words its errors itself unless every single command is told not to.
  everyCommand(program, (command) => { command.exitOverride().configureOutput({ outputError: () => undefined }); });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explain(error, program, argv, context);
  }
}

function everyCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  command.commands.forEach((child) => { everyCommand(child, visit); });
}

/** Says what went wrong in words; a stack trace only for what is a fault of this program. */
function explain(error: unknown, program: Command, argv: string[], { tell }: Pick<Context, 'tell'>): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done;
    if (error.code === 'commander.help') return EXIT.usage;
    return explain(new InputError([argumentProblem(error, program, argv)]), program, argv, { tell });
  }
  if (error instanceof InputError) {
    for (const each of error.problems) tell(each.file === ARGUMENTS ? `${each.message}\n${pointAt(argv, each)}` : each.message);
    return EXIT.usage;
  }
  if (error instanceof Inhibited) { tell(`${error.message}\nNo plan was made.\nNext: mend it and capture the facts again; or, where a person answers for it: tandem plan --waive NAME --by WHO --reason TEXT.`); return EXIT.inhibited; }
  if (error instanceof RunInHand) { tell(`${error.message}\nNext: tandem status shows how far it is; Ctrl-C there, or tandem stop, ends it.`); return EXIT.locked; }
  if (error instanceof Locked) { tell(`${error.message}\nNext: ${nextWhenLocked(error)}`); return EXIT.locked; }
  if (error instanceof Unreachable) { tell(`${error.message}\nNext: tandem hosts shows which hosts answer.`); return EXIT.unreachable; }
  if (error instanceof AgentRefused) { tell(error.message); return ['PERMISSION_DENIED', 'UNAUTHENTICATED'].includes(error.code) ? EXIT.usage : EXIT.failed; }
  // A full disk, a folder that is not there, no permission: the system's own words name the path.
  if (error instanceof JournalCorrupt || error instanceof JournalFull || (error instanceof Error && 'syscall' in error)) { tell(`tandem: ${error.message}`); return EXIT.internal; }
  throw error;
}

const nextWhenLocked = ({ holder, lapsed }: Locked): string => (lapsed
  ? `tandem resume ${holder} goes on with that run, where it was begun; tandem status ${holder} shows how far it is. The same command with --take-over takes the host.`
  : `wait for it, or: tandem stop ${holder}. Where its coordinator has died: tandem status ${holder} says how to go on`);
