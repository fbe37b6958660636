import { StepError } from '../../proto/errors.ts';
import { COMMANDS, type Form } from './commands.ts';

const whole = (pattern: RegExp, text: string): boolean => new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(text);

/** Whether argv is of the given form, argument by argument. */
export function matches(form: Form, argv: readonly string[]): boolean {
  let at = 0;
  for (const pattern of form.argv) {
    if (typeof pattern === 'object' && 'many' in pattern) {
      return at < argv.length && argv.slice(at).every((argument) => whole(pattern.many, argument));
    }
    const argument = argv[at++];
    if (argument === undefined) return false;
    if (typeof pattern === 'string' ? pattern !== argument : !whole(pattern, argument)) return false;
  }
  return at === argv.length;
}

/**
 * Lets a command pass only in a form that the table holds for this purpose, so that nothing newer than RHEL 7 and
 * nothing that writes during a check is ever started. Throws StepError refused_by_policy.
 */
export function admit(argv: readonly string[], purpose: 'read' | 'act'): void {
  if (argv.some((argument) => argument.includes('\0'))) throw new StepError('refused_by_policy', `an argument of ${argv[0] ?? ''} holds a NUL byte`);
  const forms = COMMANDS.filter((form) => form.argv[0] === argv[0]);
  if (forms.some((form) => (purpose === 'act' || form.reads) && matches(form, argv))) return;
  const why = forms.length === 0 ? 'the command is not in the table'
    : forms.some((form) => matches(form, argv)) ? 'the table does not list it as read-only'
      : 'no form in the table has these arguments';
  throw new StepError('refused_by_policy', `refused: ${argv.join(' ')} (${why}; agent/host/commands.ts)`);
}
