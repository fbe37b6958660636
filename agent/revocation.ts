import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Refused } from './refused.ts';
import { replaceFile } from './enrolment/files.ts';
import { day, NotAList, serialOf, type RevocationList } from './enrolment/revoked.ts';
import type { HealthItem } from './health/health.ts';

/** Who was revoked, as far as this host knows now. */
export interface Revocations { revokedOn(serial: string): Date | undefined; item: HealthItem }

/** X.509 takes a tenth of a second to load: only for a site that revoked something. */
const reading = () => import('./enrolment/revocation-list.ts');

/**
 * The site's revocation list, ca.crl beside ca.crt; read again when it has changed. What was read stays in force when the file
 * is lost, replaced by an older one, or no list of this authority; health says so. After its date it is obeyed all the same.
 */
export class RevocationKeeper {
  readonly #file: string;
  readonly #ca: X509Certificate;
  readonly #own: string;
  #stamp: string | undefined;
  #list: RevocationList | undefined;
  /** What is wrong with the file as it is; '' when nothing is. */
  #trouble = '';
  #reading: Promise<void> = Promise.resolve();
  #told = false;

  constructor(file: string, caPem: Buffer, ownPem: Buffer) {
    this.#file = file;
    this.#ca = new X509Certificate(caPem);
    this.#own = serialOf(new X509Certificate(ownPem).serialNumber);
  }

  /** As the file says now; a look at its inode is all it costs while it is as it was. */
  async current(): Promise<Revocations> {
    const stamp = this.#stampNow();
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#reading = this.#reading.then(() => this.#read(stamp === ''));
    }
    await this.#reading;
    return { revokedOn: (serial) => this.#list?.revoked.get(serialOf(serial)), item: this.#item(Date.now()) };
  }

  /**
   * Keeps a newer list; and the same one again where the file is not what it was. Answers whether it was taken, and the number of the
   * one that is kept. Throws NotAList (a TypeError), and Refused for another list of the same number: one of the two is lost.
   */
  async put(pem: string): Promise<{ taken: boolean; number: number }> {
    const list = await (await reading()).readList(pem, this.#ca);
    await this.current();
    const held = this.#list; // no await from here to the end: two callers must not pass each other
    if (held !== undefined && list.number === held.number && list.pem !== held.pem) throw new Refused(`this host holds another revocation list with the same number ${String(held.number)}, of ${held.thisUpdate.toISOString()}: the pki folder that signed this one is behind; use the newest one, or restore its ledger`);
    if (held !== undefined && (list.number < held.number || (list.number === held.number && this.#trouble === ''))) return { taken: false, number: held.number };
    replaceFile(this.#file, list.pem, 0o644);
    this.#take(list);
    return { taken: true, number: list.number };
  }

  /** '' when there is no file. */
  #stampNow(): string {
    try {
      const s = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
      return s === undefined ? '' : [s.dev, s.ino, s.size, s.mtimeNs, s.ctimeNs].join(' ');
    } catch (error) {
      return `unreadable: ${(error as Error).message}`;
    }
  }

  async #read(absent: boolean): Promise<void> {
    try {
      if (absent) { this.#trouble = this.#list === undefined ? '' : `${this.#file} was taken away`; return; }
      const list = await (await reading()).readList(readFileSync(this.#file, 'utf8'), this.#ca);
      if (this.#list !== undefined && list.number < this.#list.number) this.#trouble = `${this.#file} has number ${String(list.number)}, an older one`;
      else this.#take(list);
    } catch (error) {
      if (!(error instanceof NotAList) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
      this.#trouble = `${this.#file}: ${(error as Error).message}`;
    } finally {
      if (this.#trouble !== '') console.error(`revocation list: ${this.#item(Date.now()).reason}`);
    }
  }

  #take(list: RevocationList): void {
    this.#list = list;
    this.#trouble = '';
    const { grade, reason } = this.#item(Date.now());
    if (grade === 'critical' && !this.#told) console.error(`revocation list: ${reason}`);
    this.#told = grade === 'critical';
  }

  #item(nowMs: number): HealthItem {
    const list = this.#list, own = list?.revoked.get(this.#own), inForce = list === undefined ? 'no list is in force' : `number ${String(list.number)} of ${day(list.thisUpdate)} is in force`;
    const values = list === undefined ? {} : { number: list.number, revoked: list.revoked.size };
    const item = (grade: HealthItem['grade'], reason: string): HealthItem => ({ subsystem: 'revocation list', grade, reason, values });
    if (own !== undefined) return item('critical', `this agent's own certificate ${this.#own} was revoked on ${day(own)}: coordinators refuse it; to enrol it again: tandem agent enrol --again, and restart the agent`);
    if (this.#trouble !== '') return item('warn', `${this.#trouble}; ${inForce}`);
    if (list === undefined) return item('ok', 'none');
    if (list.nextUpdate.getTime() < nowMs) return item('warn', `${inForce}; a newer one was due on ${day(list.nextUpdate)} (tandem pki publish)`);
    return item('ok', `${inForce}; ${String(list.revoked.size)} revoked`);
  }
}
