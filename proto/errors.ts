/** The closed set of codes a failed step carries; the coordinator and reports rely on nothing else. */
export const CODES = [
  'invalid_args', 'precondition_failed', 'command_failed', 'timed_out',
  'verify_failed', 'refused_by_policy', 'interrupted', 'not_confirmed', 'revert_failed', 'internal',
] as const;
export type Code = (typeof CODES)[number];

/** What a command that failed leaves behind: argv scrubbed of secrets, the tail of stderr bounded. */
export interface Failure {
  argv: string[];
  exitCode: number;
  signal: string;
  stderrTail: string;
}

/** The one error an operation or the host throws: a code for programs, a sentence for people. */
export class StepError extends Error {
  readonly code: Code;
  readonly failure: Failure | undefined;
  constructor(code: Code, message: string, failure?: Failure) {
    super(message);
    this.name = 'StepError';
    this.code = code;
    this.failure = failure;
  }
}
