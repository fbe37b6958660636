import type { Command, CommanderError } from 'commander';
import { nearest, oneOf, type Place, problem, type Problem } from './problem.ts';

/** The name under which the command line stands in messages, as a file would. */
export const ARGUMENTS = 'arguments';

const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll(/[\n\r]/g, ' ')}'`);
/** The command line as one line. */
export const commandLine = (argv: readonly string[]): string => ['tandem', ...argv.map(shellWord)].join(' ');

/** Where the word at this index stands in `commandLine`, counted from 1; past the last word, its end. */
export function placeOf(argv: readonly string[], index: number, offset = 0): Place {
  const before = commandLine(argv.slice(0, index));
  const quoted = index < argv.length && shellWord(argv[index] as string).startsWith("'") ? 1 : 0;
  return { file: ARGUMENTS, line: 1, column: before.length + 2 + (offset > 0 ? quoted + offset : 0) };
}

/** The line itself, and a mark under the place. */
export const pointAt = (argv: readonly string[], { column }: Place): string => `  ${commandLine(argv)}\n  ${' '.repeat(column - 1)}^`;

/** What commander refused, as a problem with its place, what was found and what was expected. */
export function argumentProblem(error: CommanderError, program: Command, argv: readonly string[]): Problem {
  const command = commandIn(program, argv);
  const name = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const suggested = /\(Did you mean (?:one of )?([^,?]+)/.exec(error.message)?.[1];
  const end = placeOf(argv, argv.length);
  const at = (word: string): Place => {
    const index = argv.findLastIndex((each) => each === word || each.startsWith(`${word}=`));
    return index < 0 ? end : placeOf(argv, index);
  };
  switch (error.code) {
    case 'commander.unknownCommand': {
      const names = command.commands.map((each) => each.name());
      return problem(at(name), `unknown command "${name}"`, oneOf(names.filter((each) => each !== 'help')), nearest(name, names) ?? suggested);
    }
    case 'commander.unknownOption': {
      const flags = [...command.options, ...(command === program ? [] : program.options)].filter((option) => option.long !== '--version').map((option) => option.long ?? option.flags);
      const flag = name.split('=')[0] as string;
      return problem(at(flag), `unknown option "${flag}"`, oneOf([...flags, '--help']), nearest(flag, flags) ?? suggested);
    }
    case 'commander.missingArgument': return problem(end, `no ${name}`, `${name}: ${command.registeredArguments.find((each) => each.name() === name)?.description ?? 'an argument'}`);
    case 'commander.excessArguments': {
      const word = command.args[command.registeredArguments.length] ?? '';
      return problem(at(word), `one argument too many: ${JSON.stringify(word)}`, `at most ${command.registeredArguments.length} for ${command.name()}`);
    }
    case 'commander.optionMissingArgument': return problem(at(name.split(' ')[0] as string), `${name.split(' ')[0] as string} with nothing behind it`, name);
    case 'commander.missingMandatoryOptionValue': return problem(end, `no ${name.split(' ')[0] as string}`, name);
    case 'commander.invalidArgument': return invalidProblem(error, command, argv, end);
    default: return problem(end, error.message.replace(/^error: /, ''), `what tandem ${command.name()} --help says`);
  }
}

function invalidProblem(error: CommanderError, command: Command, argv: readonly string[], end: Place): Problem {
  const value = / (?:argument|value) '(.*?)' is invalid/s.exec(error.message)?.[1];
  const index = value === undefined ? -1 : argv.findLastIndex((word) => word === value || (word.startsWith('-') && word.endsWith(`=${value}`)));
  const place = index < 0 ? end : placeOf(argv, index);
  const [, found, expected] = /found (.*), expected (.*)$/s.exec(error.message) ?? [];
  if (found !== undefined && expected !== undefined) return problem(place, found, expected);
  const choices = /Allowed choices are (.*)\.$/s.exec(error.message)?.[1]?.split(', ') ?? [];
  return problem(place, JSON.stringify(value ?? ''), choices.length > 0 ? oneOf(choices) : `what tandem ${command.name()} --help says`, nearest(value ?? '', choices));
}

/** The command that the words lead to. */
export function commandIn(program: Command, argv: readonly string[]): Command {
  let command = program;
  for (let n = 0; n < argv.length; n += 1) {
    const word = argv[n] as string;
    if (word === '--') break;
    if (word.startsWith('-')) {
      const option = [...command.options, ...program.options].find((each) => each.long === word || each.short === word);
      if (option !== undefined && (option.required || option.optional)) n += 1;
      continue;
    }
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
  }
  return command;
}
