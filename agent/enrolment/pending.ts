import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, codeText, type Code } from '../../proto/enrolment.ts';
import { readIfThere, replaceFile } from './files.ts';

/** Wrong proofs after which a code is void: nobody guesses its 128 bits, and anybody who reaches the port can give wrong ones. */
export const MAX_WRONG = 1000;
/** A clock that was set back by more than this since the code was made would let the code live on: it counts as expired. */
const CLOCK_SLACK_MS = 300_000;
const MINUTE_MS = 60_000;

/** enrolment.json, written by `tandem agent enrol` only. `replaces`: the agent.crt (stampOf) that was here and is to be replaced. */
interface Kept { code: string; madeMs: number; untilMs: number; replaces?: string }
/** enrolment-tries.json, written by the agent only, so that neither process can bring back what the other made void. */
interface Tries { code: string; wrong: number }
export type Standing = { code: Code; untilMs: number; replaces?: string | undefined } | 'none' | 'expired' | 'void';

const name = ({ secret }: Code): string => createHash('sha256').update(secret).digest('hex').slice(0, 16);

/** Makes the code for this key, good for so many minutes; one made before is void from now on. */
export function makeCode(stateDir: string, fingerprint: Buffer, minutes: number, nowMs: number, replaces?: string): { text: string; untilMs: number } {
  const text = codeText({ fingerprint, secret: randomBytes(16) }), untilMs = nowMs + minutes * MINUTE_MS;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  replaceFile(join(stateDir, 'enrolment.json'), JSON.stringify({ code: text, madeMs: nowMs, untilMs, ...(replaces === undefined ? {} : { replaces }) } satisfies Kept), 0o600);
  return { text, untilMs };
}

/** Whether a code is open, for a person: read from the files' texts. */
export function standingOf(kept: string | undefined, tries: string | undefined, nowMs: number): Standing {
  const { code: text, madeMs, untilMs, replaces } = parsed<Kept>(kept) ?? {};
  const code = codeOf(typeof (text as unknown) === 'string' ? text ?? '' : ''); // whatever lies in the file
  if (typeof code === 'string' || madeMs === undefined || untilMs === undefined) return 'none';
  const { code: tried, wrong = 0 } = parsed<Tries>(tries) ?? {};
  if (tried === name(code) && wrong >= MAX_WRONG) return 'void';
  return nowMs >= untilMs || nowMs < madeMs - CLOCK_SLACK_MS ? 'expired' : { code, untilMs, replaces };
}

/** The one-time code that is waited for, read anew at each question: another process makes it. */
export class PendingCode {
  readonly #file: string;
  readonly #triesFile: string;
  /** As on disk, or ahead of it where the disk takes nothing. */
  #tries: Tries = { code: '', wrong: 0 };

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'enrolment.json');
    this.#triesFile = join(stateDir, 'enrolment-tries.json');
  }

  /** The code, if it was made for this key and is still good. */
  current(fingerprint: Buffer, nowMs: number): Standing {
    const standing = standingOf(readIfThere(this.#file), readIfThere(this.#triesFile), nowMs);
    if (typeof standing === 'string') return standing;
    if (!standing.code.fingerprint.equals(fingerprint)) return 'none';
    return this.#tries.code === name(standing.code) && this.#tries.wrong >= MAX_WRONG ? 'void' : standing;
  }

  /** Which agent.crt (stampOf) the code that is open is to replace; undefined where no code is, or it was made for a host without one. */
  replaces(nowMs: number): string | undefined {
    const standing = standingOf(readIfThere(this.#file), readIfThere(this.#triesFile), nowMs);
    return typeof standing === 'string' ? undefined : standing.replaces;
  }

  /** A wrong proof was given while this code was open. Answers how many there were. */
  countWrong(code: Code): number {
    const onDisk = parsed<Tries>(readIfThere(this.#triesFile));
    const before = [onDisk, this.#tries].filter((tries) => tries?.code === name(code)).map((tries) => tries?.wrong ?? 0);
    this.#tries = { code: name(code), wrong: Math.max(0, ...before) + 1 };
    try {
      replaceFile(this.#triesFile, JSON.stringify(this.#tries), 0o600);
    } catch (error) {
      console.error(`a wrong proof is counted in memory only: ${(error as Error).message}`);
    }
    return this.#tries.wrong;
  }

  /** It was used, or is needed no more. */
  drop(): void {
    for (const file of [this.#file, this.#triesFile]) rmSync(file, { force: true });
  }
}

/** undefined for a text that is no JSON: this agent writes its files whole, so somebody else wrote it. */
function parsed<T>(text: string | undefined): Partial<T> | undefined {
  try { return JSON.parse(text ?? 'null') as Partial<T> | null ?? undefined; } catch { return undefined; }
}
