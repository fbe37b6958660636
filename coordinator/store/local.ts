import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RUN_ID } from '../../proto/command.ts';
import { holdAlone } from '../../proto/alone.ts';
import { Journal, readJournal } from '../../proto/journal.ts';
import { writeSynced } from './synced.ts';
import { RunInHand, type RunRecord, type RunStore, type RunWriter } from './runstore.ts';

/** The state folder: --state, else $XDG_STATE_HOME/tandem, else ~/.local/state/tandem. */
export function stateFolder(chosen: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  return chosen ?? join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'tandem');
}

function writer(path: string): RunWriter {
  const journal = new Journal<RunRecord>(path);
  return {
    append(record) { journal.append(record, record.type !== 'event' || record.event.kind === 'finished'); },
    head() { journal.sync(); return { n: journal.length, hash: journal.head }; },
    close() { journal.close(); },
  };
}

/** Runs as folders: runs/ID/plan.json and runs/ID/journal.jsonl. */
export function openLocalStore(state: string): RunStore {
  const runs = join(state, 'runs');
  const folder = (run: string): string => {
    if (!RUN_ID.test(run)) throw new Error(`run id ${JSON.stringify(run)} is not of the form ${RUN_ID.source}`);
    return join(runs, run);
  };
  const began = (run: string): boolean => {
    const journal = join(folder(run), 'journal.jsonl');
    return existsSync(journal) && readFileSync(journal).includes('\n');
  };
  return {
    began,
    create(run, plan) {
      const path = folder(run);
      if (began(run)) throw new Error(`run ${run} exists already in ${runs}`);
      rmSync(path, { recursive: true, force: true }); // of a coordinator that died before the first line
      mkdirSync(path, { recursive: true, mode: 0o700 });
      writeSynced(join(path, 'plan.json'), plan); // before the journal, which names it
      return writer(join(path, 'journal.jsonl'));
    },
    open(run) { return writer(join(folder(run), 'journal.jsonl')); },
    read(run) {
      const path = folder(run);
      if (!existsSync(join(path, 'journal.jsonl'))) return undefined;
      return { run, plan: readFileSync(join(path, 'plan.json'), 'utf8'), records: readJournal<RunRecord>(join(path, 'journal.jsonl')).records };
    },
    planText(run) {
      const path = join(folder(run), 'plan.json');
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    },
    remove(run) { rmSync(folder(run), { recursive: true, force: true }); },
    setAside(run) {
      if (!existsSync(folder(run))) return undefined;
      const names = readdirSync(runs);
      let n = 1;
      while (names.includes(`${run}.damaged-${String(n)}`)) n += 1;
      const aside = join(runs, `${run}.damaged-${String(n)}`);
      renameSync(folder(run), aside);
      return aside;
    },
    async hold(run) {
      return await holdAlone(join(state, `${run}.sock`), () => new RunInHand(run));
    },
    list() { return existsSync(runs) ? readdirSync(runs).filter((name) => RUN_ID.test(name)).sort() : []; },
  };
}
