import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Difference, EventKind, Json } from '../../proto/events.ts';
import * as lab from '../lab/lab.ts';
import { openSession, openShell, type Shell } from './session.ts';
import { changedSince, notCompared } from './tree.ts';

/** A lab host on which single steps of operations run with the product's own code (step-runner.ts, packed by pack-runner.ts). */
export interface StepHost {
  /** check, apply or revert as the agent performs them, in the folder of the step called `as`. */
  perform(step: 'check' | 'apply' | 'revert', operation: string, args: Args, options?: { as?: string; revertTo?: Json }): Promise<Answer>;
  /** The proof alone, as perform asks for it after apply. */
  verify(operation: string, args: Args): Promise<Finding>;
  /** A shell command by the lab, past the product; rejects unless it exits 0. Resolves with what it printed, without the last newlines. */
  sh(command: string): Promise<string>;
  /** The same with any exit code. */
  trySh(command: string): ReturnType<Shell['run']>;
  /** What was written anywhere in the host while `action` ran, but for tree.ts's exceptions; seen from outside where that can be. */
  writtenDuring(action: () => Promise<unknown>): Promise<string[]>;
}
export type Args = Record<string, unknown>;
/** `result` of a step that ended well, `code` of one that failed. */
export interface Answer { result?: string; code?: string; reason: string; events: EventKind[] }
export interface Finding { satisfied: boolean; differences: Difference[]; reason?: string; code?: string }

const root = join(import.meta.dirname, '../..');

/** Run ids of tests: the prefix keeps runs of several people on one machine apart. */
export const runId = (letters: string): string => `${process.env['TANDEM_LAB_PREFIX'] ?? 'x'}${letters}`;

/** Starts one fresh host of the run, named as for `scripts/lab up`. The caller takes the run down (lab.down), also when this rejects. */
export async function startStepHost(run: string, host = 'controller'): Promise<StepHost> {
  process.env['TANDEM_LAB_BIND'] = `${join(root, 'dist')} /opt/tandem/bin`;
  await lab.up(run, host);
  return openStepHost(run, host);
}

/** A host that runs: once more after it was booted again. */
export function openStepHost(run: string, host: string): StepHost {
  const [name = '', role] = host.split('=');
  const runner = openSession(run, name, ['/opt/tandem/bin/test/step-runner'], '\n');
  const shell = openShell(run, name);
  const ask = async (request: Record<string, unknown>): Promise<unknown> => {
    const answer = JSON.parse(await runner.ask(JSON.stringify(request))) as Record<string, unknown>;
    if (answer['crash'] !== undefined) throw new Error(`step-runner: ${String(answer['crash'])}`);
    return answer;
  };
  const sh = async (command: string): Promise<string> => {
    const ran = await shell.run(command);
    if (ran.code !== 0) throw new Error(`${command}: exit code ${ran.code}\n${ran.printed}`);
    return ran.printed;
  };
  return {
    perform: async (step, operation, args, { as = operation, revertTo } = {}) => await ask({ step, operation, args, folder: `/var/lib/tandem/proof/${as}`, revertTo }) as Answer,
    verify: async (operation, args) => await ask({ step: 'verify', operation, args, folder: `/var/lib/tandem/proof/${operation}` }) as Finding,
    sh,
    trySh: (command) => shell.run(command),
    async writtenDuring(action) {
      if (role === 'vm') return await writtenInside(sh, action);
      const beganMs = Date.now();
      await setTimeout(30); // a file's time comes from a clock that lags by up to a tick
      await action();
      return changedSince(run, name, beganMs);
    },
  };
}

/** The same, seen from inside: a virtual machine's file system cannot be seen from without. */
async function writtenInside(sh: StepHost['sh'], action: () => Promise<unknown>): Promise<string[]> {
  await sh('touch /run/began; sleep 0.05');
  await action();
  const found = await sh(`find / -xdev -cnewer /run/began ${[...notCompared, '/var/log'].map((path) => `-not -path '${path}*'`).join(' ')}`);
  return found.split('\n').filter(Boolean);
}

/** What the step's check found before anything was touched. */
export function foundBy(answer: Answer): Json {
  const checked = answer.events.find((event) => event.kind === 'checked');
  if (checked?.kind !== 'checked') throw new Error(`no check in ${JSON.stringify(answer)}`);
  return checked.found;
}
