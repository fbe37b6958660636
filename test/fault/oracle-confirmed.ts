import type { Finding, Line } from './oracle.ts';
import type { TrialStep } from './steps.ts';

/** How a trial ended for the host of the step. `lasting`: what its next start loads. */
interface End { complete: boolean; undone: boolean; lasting: string | undefined; losses: number }

/**
 * A change that must be confirmed: each try of it is either confirmed and there, or gone back and gone, and the journal says which. `acts` are
 * the effect log's lines about it, `rules PORT COMMAND` and `booted PORT`, where an act that changes nothing has none.
 */
export function judgeConfirmed(step: TrialStep, own: Line['at'][], acts: string[], { complete, undone, lasting, losses }: End, find: (kind: Finding['kind'], text: string) => void): void {
  const { from, to } = step.rules!, tries = [...new Set(own.filter(({ kind }) => kind === 'accepted').map(({ command }) => command!))];
  for (const line of acts) if (line.startsWith('rules ') && !tries.includes(line.split(' ')[2]!)) find('effect nobody told', `${step.id}: "${line}", of which the journal has no command`);
  for (const command of tries) {
    const events = own.filter((event) => event.command === command), has = (kind: string): boolean => events.some((event) => event.kind === kind);
    const made = acts.filter((line) => line === `rules ${to} ${command}`).length, unmade = acts.filter((line) => line === `rules ${from} ${command}`).length;
    const result = events.findLast(({ kind }) => kind === 'finished')?.result, said = `${step.id}, command ${command.slice(0, 12)}`, goesBack = has('reverting');
    if (events[0]?.mode === 'revert') {
      if (made > 0) find('effect nobody told', `${said}: to be undone, and made ${String(made)} times`);
      if (unmade > 1 + losses) find('double effect', `${said}: undone ${String(unmade)} times`);
      continue;
    }
    if (made > 0 && !has('armed')) find('effect nobody told', `${said}: made, and the journal does not say that it would go back`);
    if (unmade > 0 && !goesBack) find('effect nobody told', `${said}: went back, and the journal does not say so`);
    // A host that was lost comes back with the rules of its file; what is confirmed by then is made again.
    if (made > 1 + (has('confirmed') ? losses : 0)) find('double effect', `${said}: made ${String(made)} times, and the host was lost ${String(losses)} times`);
    if (result === 'changed' && (!has('confirmed') || goesBack)) find('contradiction', `${said}: told as changed, ${goesBack ? 'and went back' : 'and nobody confirmed it'}`);
    const after = acts[acts.lastIndexOf(`rules ${to} ${command}`) + 1];
    if (result === 'reverted' && made > 0 && after !== `rules ${from} ${command}` && after !== `booted ${from}`) find('lost effect', `${said}: told as gone back, and is not: then came ${after ?? 'nothing'}`);
    if (result === 'reverted' && !goesBack) find('contradiction', `${said}: told as gone back, and the journal has no reason for that`);
    if (has('confirmed') && !goesBack && result !== undefined && result !== 'changed') find('lost result', `${said}: confirmed, and told as ${result}`);
    if (complete && has('armed') && result === undefined) find('lost result', `${said}: armed, and neither kept nor gone back`);
  }
  const running = acts.at(-1)?.split(' ')[1] ?? from, last = own.findLast(({ kind, result }) => kind === 'finished' && result !== undefined)?.result;
  const wanted = complete ? (undone ? from : to) : last === 'changed' ? to : last === 'reverted' ? from : undefined;
  if (wanted !== undefined && running !== wanted) find('lost effect', `${step.id}: rules ${running} run, and should be ${wanted}`);
  if (wanted !== undefined && lasting !== wanted) find('lost effect', `${step.id}: the next start loads rules ${String(lasting)}, and should load ${wanted}`);
}
