import { StepError, type Failure } from '../../proto/errors.ts';
import type { Difference } from '../../proto/events.ts';
import { isRunning, readUnits, type UnitState } from '../facts/units.ts';
import type { Host, Probe } from '../host/host.ts';
import { pause } from './pause.ts';
import { lookAtUnits, wordsOf, type FoundUnits } from './units.ts';

/**
 * Starts units and waits until all run. A start that systemd calls timed out (Type=notify) may still come good through Restart=:
 * the state counts, not systemctl's exit code (rows C56, N24). Throws StepError command_failed.
 */
export async function start(host: Host, verb: 'start' | 'restart', names: string[], deadlineS: number): Promise<void> {
  if (names.length === 0) return;
  const until = performance.now() + deadlineS * 1000;
  const ran = await host.act(['systemctl', verb, ...names], { okCodes: [0, 1, 3, 4, 5, 6] });
  await waitUntilRunning(host, names, deadlineS, until, { argv: ran.argv, exitCode: ran.exitCode, signal: ran.signal, stderrTail: ran.stderr.slice(-2000) });
}

/** `until`: on the clock of performance.now(), milliseconds. Throws StepError command_failed for a unit that has ended, or does not run by then. */
export async function waitUntilRunning(host: Host, names: string[], deadlineS: number, until: number, failure?: Failure): Promise<void> {
  for (;;) {
    const waiting = [...await readUnits(host, names)].filter(([, unit]) => !isRunning(unit));
    if (waiting.length === 0) return;
    const settled = waiting.find(([, unit]) => unit.active === 'failed' || unit.active === 'inactive');
    const [name, unit] = settled ?? waiting[0] ?? ['', undefined];
    if (unit !== undefined && (settled !== undefined || performance.now() >= until)) {
      const why = settled === undefined ? `still ${wordsOf(unit)} after ${deadlineS} s` : `${wordsOf(unit)}, result ${unit.result}`;
      throw new StepError('command_failed', `${name} did not start: ${why}`, failure);
    }
    await pause(1000);
  }
}

export async function lookAtUnitsLater(probe: Probe, units: string[], afterS: number): Promise<{ states: Map<string, UnitState>; found: FoundUnits }> {
  await pause(afterS * 1000);
  return await lookAtUnits(probe, units);
}

/** Main processes that run and are not those of an earlier look, or are gone from /proc. */
export async function othersThan(probe: Probe, first: Map<string, UnitState>, second: Map<string, UnitState>, withinS: number): Promise<Difference[]> {
  const others: Difference[] = [];
  for (const [name, unit] of second) {
    const before = first.get(name);
    if (isRunning(unit) && (unit.mainPid !== before?.mainPid || unit.startedUs !== before.startedUs)) {
      others.push({ what: `the main process of ${name}`, found: `another one within ${withinS} s`, wanted: 'the same' });
    } else if (unit.mainPid !== 0 && await probe.stat(`/proc/${unit.mainPid}`) === undefined) {
      others.push({ what: `the main process of ${name}`, found: `gone from /proc (${unit.mainPid})`, wanted: 'alive' });
    }
  }
  return others;
}
