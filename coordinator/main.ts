import { basename, dirname } from 'node:path';
import { Command, CommanderError } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import { JournalCorrupt, JournalFull } from '../proto/journal.ts';
import type { Context } from './context.ts';
import { argumentProblem, ARGUMENTS, placeOf, pointAt } from './input/arguments.ts';
import { Inhibited } from './inhibitors.ts';
import { InputError } from './input/problem.ts';
import { AgentRefused, Unreachable } from './link.ts';
import { Locked } from './leases.ts';
import { EXIT } from './verdict.ts';
import { stateFolder } from './store/local.ts';
import { RunInHand } from './store/runstore.ts';

/** In the order in which a site needs them. Each is loaded when it is called: none waits at its start for what another needs. */
const COMMANDS: Record<string, () => Promise<(context: Context) => Command>> = {
  init: async () => (await import('./commands/init.ts')).initCommand,
  'capture-script': async () => (await import('./commands/capture-script.ts')).captureScriptCommand,
  pki: async () => (await import('./commands/pki.ts')).pkiCommand,
  enrol: async () => (await import('./commands/enrol.ts')).enrolCommand,
  hosts: async () => (await import('./commands/hosts.ts')).hostsCommand,
  health: async () => (await import('./commands/health.ts')).healthCommand,
  facts: async () => (await import('./commands/facts.ts')).factsCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  check: async () => (await import('./commands/run.ts')).checkCommand,
  run: async () => (await import('./commands/run.ts')).runCommand,
  resume: async () => (await import('./commands/resume.ts')).resumeCommand,
  approve: async () => (await import('./commands/approve.ts')).approveCommand,
  resolve: async () => (await import('./commands/resume.ts')).resolveCommand,
  revert: async () => (await import('./commands/revert.ts')).revertCommand,
  stop: async () => (await import('./commands/stop.ts')).stopCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  report: async () => (await import('./commands/report.ts')).reportCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  runs: async () => (await import('./commands/runs.ts')).runsCommand,
  op: async () => (await import('./commands/op.ts')).opCommand,
};

/** The command that is called, alone; all of them where the words name none, for help and for what was meant. */
function called(argv: readonly string[]): (typeof COMMANDS)[string][] {
  const word = argv.find((each, at) => !each.startsWith('-') && !['--site', '--state'].includes(argv[at - 1] ?? ''));
  return Object.entries(COMMANDS).filter(([name]) => name === word || !Object.hasOwn(COMMANDS, word ?? '')).map(([, load]) => load);
}

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
  for (const make of await Promise.all(called(argv).map(async (load) => await load()))) program.addCommand(make(context));
  program.addCommand((await import('./commands/completion.ts')).completionCommand(context, () => program));
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
  if (error instanceof JournalFull) { tell(`tandem: ${error.message}\nWhat the hosts have been given goes on there, and their journals keep it.\nNext: free space, or see to that disk; then tandem resume ${basename(dirname(error.path))}.`); return EXIT.internal; }
  // A folder that is not there, no permission: the system's own words name the path.
  if (error instanceof JournalCorrupt || (error instanceof Error && 'syscall' in error)) { tell(`tandem: ${error.message}`); return EXIT.internal; }
  throw error;
}

const nextWhenLocked = ({ holder, lapsed }: Locked): string => (lapsed
  ? `tandem resume ${holder} goes on with that run, where it was begun; tandem status ${holder} shows how far it is. The same command with --take-over takes the host.`
  : `wait for it, or: tandem stop ${holder}. Where its coordinator has died: tandem status ${holder} says how to go on`);
