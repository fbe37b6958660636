import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** What was found and what was expected, for the command line to print with the place of the word. */
export class InvalidValue extends InvalidArgumentError {
  readonly found: string;
  readonly expected: string;
  constructor(found: string, expected: string) {
    super(`found ${found}, expected ${expected}`);
    this.found = found;
    this.expected = expected;
  }
}

export const invalid = (found: string, expected: string): InvalidValue => new InvalidValue(found, expected);

/** A parser of an option or argument: text of this form, or InvalidValue. */
export const matching = (form: RegExp, expected: string) => (text: string): string => {
  if (!form.test(text)) throw invalid(JSON.stringify(text), expected);
  return text;
};

export function ipAddress(text: string): string {
  if (isIP(text) === 0) throw invalid(JSON.stringify(text), 'an IPv4 or IPv6 address');
  return text;
}

/** A whole number of at least `least`. */
export const wholeNumber = (least: number) => (text: string): number => {
  if (!/^[0-9]{1,9}$/.test(text) || Number(text) < least) throw invalid(JSON.stringify(text), `a whole number of at least ${String(least)}`);
  return Number(text);
};
