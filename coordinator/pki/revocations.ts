import { existsSync, readFileSync, statSync } from 'node:fs';
import { InputError, problem } from '../input/problem.ts';
import { serialOf } from './checks.ts';
import type { RevocationList } from './revocation-list.ts';

/** X.509 takes a tenth of a second to load, and only a site that revoked something needs it. */
const reading = () => import('./revocation-list.ts');

const EVERY_MS = 5000;

/** Who stands in the folder's ca.crl, read again when it changes. A file that is no list of this authority leaves in force what was read before. */
export class Revocations {
  readonly file: string;
  readonly #caPem: string;
  readonly #everyMs: number;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #stamp = '';
  #list: RevocationList | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(file: string, caPem: string, everyMs: number = EVERY_MS) {
    this.file = file;
    this.#caPem = caPem;
    this.#everyMs = everyMs;
  }

  /** When this certificate was revoked, or undefined. */
  revoked(serial: string): Date | undefined { return this.#list?.revoked.get(serialOf(serial)); }
  get list(): RevocationList | undefined { return this.#list; }

  /** Reads the file, where it changed. Throws InputError where it is no list of this authority: nobody is let in on its word. */
  async read(): Promise<void> {
    this.#reading = this.#reading.catch(() => undefined).then(() => this.#readChanged()); // one at a time: a change is told once
    await this.#reading;
  }

  async #readChanged(): Promise<void> {
    const stamp = this.#stampNow();
    if (stamp === this.#stamp) return;
    if (stamp === '') return; // taken away: who was revoked stays so for this process
    const list = await (await reading()).readList(readFileSync(this.file, 'utf8'), this.#caPem);
    if (typeof list === 'string') throw new InputError([problem({ file: this.file, line: 1, column: 1 }, list, "the site's own (copy it again from where ca.key is kept: tandem pki revoke writes it)")]);
    this.#stamp = stamp;
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after every change, within five seconds, until the function given back is called. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => { this.read().catch(() => undefined); }, this.#everyMs).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #stampNow(): string {
    if (!existsSync(this.file)) return '';
    const { mtimeMs, size, ino } = statSync(this.file);
    return [mtimeMs, size, ino].join(' ');
  }
}
