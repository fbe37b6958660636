import { StepError } from '../../proto/errors.ts';
import { readAllPackages } from '../facts/packages.ts';
import { readBroken, type BrokenTransaction } from '../facts/transactions.ts';
import type { Host } from '../host/host.ts';
import { nevraOf, type RpmPackage } from '../parse/rpm.ts';
import type { Element } from '../parse/transaction.ts';

/** What package.installed does about a package transaction that was broken in the middle. */

/** Whether a yum of a step that asked for these words began it, or the finishing of such a one. */
export function isOwn({ commandLine, elements }: BrokenTransaction, names: string[], words: string[]): boolean {
  if (commandLine === undefined) return elements.some((one) => one.kind !== 'erase' && names.includes(one.name));
  const [yes, verb, ...asked] = commandLine.split(' ');
  if (yes !== '-y') return false;
  if (verb === 'install') return asked.every((word) => words.includes(word));
  return (verb === 'reinstall' && asked.length > 0) || commandLine === '-y remove --duplicates';
}

/** Whether it brought one of these packages, or an update of one. */
export const concerns = (broken: BrokenTransaction, names: string[], packages: RpmPackage[]): boolean =>
  brought(broken, packages).some((one) => names.includes(one.name));

/** Its packages that rpm holds for installed; their scripts may not have run to the end. */
const brought = ({ elements }: BrokenTransaction, packages: RpmPackage[]): Element[] =>
  elements.filter((one) => one.kind !== 'erase' && packages.some((each) => nevraOf(each) === one.nevra));

/** Packages that were not there before it. */
export const isNew = (broken: BrokenTransaction | undefined, one: RpmPackage): boolean =>
  broken?.elements.some((each) => each.kind === 'install' && each.nevra === nevraOf(one)) ?? false;

export const nameOf = ({ commandLine, began }: BrokenTransaction): string => `${commandLine === undefined ? '' : `yum ${commandLine}, `}begun ${began}`;

/** How the host is, for the person who must see to it. */
function tell(broken: BrokenTransaction, packages: RpmPackage[]): string {
  const list = (what: string, names: string[]): string => (names.length === 0 ? '' : `; ${what}: ${[...new Set(names)].slice(0, 20).join(', ')}`);
  const there = brought(broken, packages), unfinished = broken.elements.filter((one) => !one.done);
  return `a package transaction (${nameOf(broken)}) was broken in the middle${list('installed, perhaps not wholly', there.filter((one) => !one.done).map((one) => one.nevra))}`
    + `${list('not installed', unfinished.filter((one) => one.kind !== 'erase' && !there.includes(one)).map((one) => one.nevra))}${list('in two versions at once', twice(broken, packages))}`
    + `; look with: ${broken.by === 'dnf' ? 'yum history info last' : `ls /var/lib/yum/transaction-*, yum history info`}, rpm -V NAME, rpm -q --last NAME`;
}

/** Updated packages of which the old version was not taken away. */
function twice({ elements }: BrokenTransaction, packages: RpmPackage[]): string[] {
  return elements.filter((one) => one.kind === 'update' && packages.filter((each) => each.name === one.name && one.nevra.endsWith(`.${each.arch}`)).length > 1).map((one) => one.name);
}

export const refuseForeign = (broken: BrokenTransaction, packages: RpmPackage[]): never => {
  const cure = broken.by === 'dnf' ? 'yum history redo last, or yum history undo last' : 'yum-complete-transaction, of yum-utils';
  throw new StepError('precondition_failed', `${tell(broken, packages)}; this step did not begin it and leaves it alone: finish it first (${cure})`);
};

/**
 * Undoes what the broken transaction brought new, so that installing it again runs every script as the first time, or, where it
 * was updating packages too, finishes it. By rpm's and yum's own means; throws with the state of the host when they do not do.
 */
export async function settle(host: Host, broken: BrokenTransaction): Promise<void> {
  const packages = await readAllPackages(host);
  host.progress(`${broken.by === 'dnf' ? 'undoing or finishing' : 'finishing'}: ${tell(broken, packages)}`);
  try {
    await (broken.by === 'dnf' ? settleDnf(host, broken, packages) : settleYum3(host, broken, packages));
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const missing = broken.by === 'yum 3' && /there is no yum-complete-transaction/.test(error.message) ? ' (package yum-utils)' : '';
    throw new StepError(error.code, `${error.message}${missing}; ${tell(broken, await readAllPackages(host))}`, error.failure);
  }
}

async function settleDnf(host: Host, broken: BrokenTransaction, packages: RpmPackage[]): Promise<void> {
  const there = brought(broken, packages), fresh = there.filter((one) => one.kind === 'install').map((one) => one.nevra);
  if (there.every((one) => one.kind === 'install')) {
    if (fresh.length > 0) await host.act(['rpm', '-e', ...fresh]);
    return;
  }
  // Updated packages may need the new ones by now: nothing is taken away, all is brought to its end.
  if (twice(broken, packages).length > 0) await host.act(['yum', '-y', 'remove', '--duplicates'], { outlives: true });
  const again = fresh.concat(there.filter((one) => one.kind === 'update' && !twice(broken, packages).includes(one.name)).map((one) => one.nevra));
  if (again.length > 0) await host.act(['yum', '-y', 'reinstall', ...again], { outlives: true });
}

async function settleYum3(host: Host, broken: BrokenTransaction, packages: RpmPackage[]): Promise<void> {
  const there = brought(broken, packages), left = broken.elements.filter((one) => !one.done);
  const lost = left.filter((one) => one.kind === 'erase' && packages.some((each) => nevraOf(each) === one.nevra) && !there.some((each) => each.name === one.name)
    && !left.some((each) => each.kind === 'update' && each.name === one.name));
  // Of an old journal, yum-complete-transaction takes away what nothing replaces any more.
  if (lost.length > 0) throw new StepError('precondition_failed', `finishing it would take away ${lost.map((one) => one.nevra).join(', ')}, which nothing replaces`);
  // yum-complete-transaction holds a registered package for done; the one that was in hand has not run its last script.
  const inHand = there.filter((one) => !one.done), fresh = inHand.filter((one) => one.kind === 'install').map((one) => one.nevra);
  if (fresh.length > 0) await host.act(['rpm', '-e', ...fresh]);
  await host.act(['yum-complete-transaction', '-y'], { outlives: true });
  const again = inHand.filter((one) => one.kind === 'update').map((one) => one.nevra);
  if (again.length > 0) await host.act(['yum', '-y', 'reinstall', ...again], { outlives: true });
  const after = await readBroken(host, false);
  if (after?.began === broken.began) throw new StepError('command_failed', 'yum-complete-transaction ended well and left its journal');
}
