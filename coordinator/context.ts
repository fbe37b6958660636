import type { Place } from './input/problem.ts';

/** What every command is given: the global options and the ways out. */
export interface Context {
  /** Path of the site file as a person gave it. */
  siteFile(): string;
  /** Whether --site was given, or its default merely assumed. */
  siteGiven(): boolean;
  stateFolder(): string;
  /** Where a word stands on the command line, or a character of it; without a word, its end. */
  at(word?: string, offset?: number): Place;
  /** One or more lines to standard output: what was asked for. */
  say(text: string): void;
  /** One or more lines to standard error: what a person should know besides. */
  tell(text: string): void;
  /** Sets the exit code; 0 when never called. */
  finish(code: number): void;
}
