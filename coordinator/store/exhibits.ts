import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_ID } from '../../proto/command.ts';
import type { Exhibits, FileOf } from '../audit/verify.ts';

const HOST = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const textAt = (file: string): FileOf<Buffer> => ({ file, content: readFileSync(file) });

/** A run's files as they lie in the state folder, read without any trust in them; undefined where there is no such run. `given`: journals of hosts kept elsewhere, by host. */
export function readExhibits(state: string, run: string, given: ReadonlyMap<string, string>): Omit<Exhibits, 'ca'> | undefined {
  const folder = join(state, 'runs', run), agents = join(folder, 'agents'), journal = join(folder, 'journal.jsonl'), plan = join(folder, 'plan.json');
  if (!RUN_ID.test(run) || !existsSync(journal)) return undefined;
  const kept = existsSync(agents) ? readdirSync(agents).filter((name) => name.endsWith('.jsonl')).map((name) => [name.slice(0, -'.jsonl'.length), join(agents, name)] as const) : [];
  const files = new Map([...kept, ...given]);
  return {
    run, journal: textAt(journal), plan: { file: plan, content: existsSync(plan) ? readFileSync(plan, 'utf8') : '' },
    journals: new Map([...files].map(([host, file]) => [host, textAt(file)])),
  };
}

/** Keeps a host's journal beside the run's, replacing an earlier copy only when it is whole. Returns its path. */
export async function keepJournal(state: string, run: string, host: string, fill: (append: (line: string) => void) => Promise<void>): Promise<string> {
  if (!RUN_ID.test(run) || !HOST.test(host)) throw new Error(`run ${JSON.stringify(run)} and host ${JSON.stringify(host)} name no file`);
  const folder = join(state, 'runs', run, 'agents'), file = join(folder, `${host}.jsonl`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fd = openSync(`${file}.new`, 'w', 0o600);
  try { await fill((line) => { writeSync(fd, line); }); } finally { closeSync(fd); }
  renameSync(`${file}.new`, file);
  return file;
}
