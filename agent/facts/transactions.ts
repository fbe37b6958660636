import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseHistoryInfo, parseJournal, type Element } from '../parse/transaction.ts';

/** A package transaction that was begun and came to no end: its yum was killed, or the host went down. */
export interface BrokenTransaction {
  /** Which yum: dnf 4 answers to its name from RHEL 8 on (and in the lab). */
  by: 'yum 3' | 'dnf';
  /** As yum noted it, for people; yum 3 keeps no command line here. */
  began: string;
  /** Arguments of the yum that began it; undefined where that is not on record. */
  commandLine: string | undefined;
  elements: Element[];
}

/** dnf's lock of rpm's database, with the number of the process that holds it; a killed one leaves it behind, a boot removes it. */
const DNF_LOCK = '/var/lib/dnf/rpmdb_lock.pid', DNF_HISTORY = '/var/lib/dnf/history.sqlite', YUM3 = '/var/lib/yum';

/**
 * The newest package transaction, if it was broken in the middle. yum 3 leaves its journal in files; dnf is only asked (a
 * process) when a lock was left behind or `closely`, since it keeps it in a database. One that runs now is not broken.
 */
export async function readBroken(probe: Probe, closely: boolean): Promise<BrokenTransaction | undefined> {
  return await unfinishedOfYum3(probe) ?? await unfinishedOfDnf(probe, closely);
}

async function unfinishedOfYum3(probe: Probe): Promise<BrokenTransaction | undefined> {
  const journals = (await probe.list(YUM3)).filter((name) => /^transaction-all\.[0-9.:-]+$/.test(name)).sort(); // .disabled ones were put aside
  const newest = journals.at(-1)?.slice('transaction-all.'.length);
  if (newest === undefined || await runs(probe, '/var/run/yum.pid')) return undefined;
  const elements = parseJournal(await probe.readFile(`${YUM3}/transaction-all.${newest}`) ?? '', await probe.readFile(`${YUM3}/transaction-done.${newest}`) ?? '');
  return { by: 'yum 3', began: newest, commandLine: undefined, elements };
}

async function unfinishedOfDnf(probe: Probe, closely: boolean): Promise<BrokenTransaction | undefined> {
  const left = await probe.stat(DNF_LOCK) !== undefined;
  if (left ? await runs(probe, DNF_LOCK) : !closely || await probe.stat(DNF_HISTORY) === undefined) return undefined;
  let text: string;
  try {
    text = (await probe.read(['yum', 'history', 'info', 'last'])).stdout;
  } catch (error) {
    if (error instanceof StepError && error.code === 'command_failed') return undefined; // no transaction at all yet
    throw error;
  }
  const entry = parseHistoryInfo(text);
  return entry === undefined || entry.ended ? undefined : { by: 'dnf', began: entry.begun, commandLine: entry.commandLine, elements: entry.elements };
}

async function runs(probe: Probe, pidFile: string): Promise<boolean> {
  const pid = (await probe.readFile(pidFile))?.trim() ?? '';
  return /^\d+$/.test(pid) && /yum|dnf/.test(await probe.readFile(`/proc/${pid}/cmdline`) ?? '');
}
