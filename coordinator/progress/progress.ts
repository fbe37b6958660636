import type { Event } from '../../proto/events.ts';
import type { Plan } from '../plan-format.ts';
import { oneLine } from '../printable.ts';
import type { RunWatcher } from '../run.ts';
import type { RunReport } from '../report/schema.ts';
import { durationText } from '../report/words.ts';
import { finishedLines, stepsByKey } from './lines.ts';

export interface Progress extends RunWatcher {
  /** Keeps the terminal free for a question: what happens meanwhile is shown afterwards. */
  aside<T>(ask: () => Promise<T>): Promise<T>;
  end(): void;
}

/** `queue` holds the steps sent and not finished, the one in hand first. */
interface HostState { done: number; of: number; queue: string[]; text: string; sinceMs: number }

/** What a step is at, where its events tell. */
function textOf(event: Event): string | undefined {
  switch (event.kind) {
    case 'progress': return oneLine(event.text);
    case 'awaiting': return `changed; undone in ${durationText(event.remainingMs)} unless it is confirmed over a new connection`;
    case 'confirmed': return 'confirmed over a new connection';
    case 'reverting': return `going back: ${oneLine(event.reason)}`;
    default: return undefined;
  }
}

/** Where the progress goes: a terminal keeps a live region below the finished lines, anything else gets the lines only. */
export async function watchRun(plan: Plan, mode: RunReport['mode'], out: NodeJS.WriteStream, nowMs: () => number = Date.now): Promise<Progress> {
  const steps = stepsByKey(plan);
  const hosts = new Map<string, HostState>(plan.hosts.map(({ name }) => [name, { done: 0, of: 0, queue: [], text: '', sinceMs: nowMs() }]));
  for (const [key, step] of steps) {
    const host = hosts.get(key.slice(key.indexOf('@') + 1));
    if (host !== undefined && step.skip === undefined) host.of += 1;
  }
  const differences = new Map<string, Extract<Event, { kind: 'checked' }>['differences']>();
  const live = out.isTTY && out.columns > 0 ? (await import('log-update')).createLogUpdate(out) : undefined;
  const width = Math.max(...plan.hosts.map(({ name }) => name.length));
  let heldBack: string[] | undefined;
  const draw = (): void => {
    if (heldBack === undefined) live?.([...hosts.entries()].map(([name, { done, of, queue: [step], text, sinceMs }]) => {
      const doing = step === undefined ? 'idle' : `${step} ${text === '' ? steps.get(`${step}@${name}`)?.sentence ?? '' : text} (${durationText(nowMs() - sinceMs)})`;
      return `${name.padEnd(width)}  ${done}/${of}  ${doing}`.slice(0, Math.max(20, out.columns - 1));
    }).join('\n'));
  };
  const print = (lines: string[]): void => {
    if (heldBack !== undefined) heldBack.push(...lines);
    else if (live === undefined) out.write(`${lines.join('\n')}\n`);
    else { live.persist(lines.join('\n')); draw(); }
  };
  const ticking = live === undefined ? undefined : setInterval(draw, 500);
  return {
    onStage({ phase, stage }) { print([`-- ${phase} / ${stage}`]); },
    onNote(host, text) { print([oneLine(host === '' ? text : `${host}: ${text}`)]); },
    onEvent(host, event) {
      const state = hosts.get(host);
      if (state === undefined || event.step === '') return;
      if (event.kind === 'accepted') {
        if (state.queue.length === 0) state.sinceMs = nowMs();
        if (!state.queue.includes(event.step)) state.queue.push(event.step);
      }
      if (event.kind === 'checked') differences.set(event.command, event.differences);
      state.text = textOf(event) ?? state.text;
      if (event.kind !== 'finished') return;
      Object.assign(state, { done: state.done + 1, queue: state.queue.filter((id) => id !== event.step), text: '', sinceMs: nowMs() });
      print(finishedLines(host, steps.get(`${event.step}@${host}`), event, differences.get(event.command) ?? [], mode));
      differences.delete(event.command);
    },
    async aside(ask) {
      live?.clear();
      heldBack = [];
      try { return await ask(); } finally {
        const lines = heldBack;
        heldBack = undefined;
        if (lines.length > 0) print(lines);
      }
    },
    end() {
      clearInterval(ticking);
      live?.clear();
      live?.done();
    },
  };
}
