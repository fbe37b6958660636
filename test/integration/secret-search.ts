import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as lab from '../lab/lab.ts';
import type { LabSite } from './lab-site.ts';

export interface Shown { where: 'cmdline' | 'environ'; word: string; text: string }
export interface Watch { end(): Promise<{ looks: number; shown: Shown[] }> }

const script = (name: string): Buffer => readFileSync(join(import.meta.dirname, name));
/** Copies a script of this folder into a host. */
export async function putScript(run: string, host: string, name: string): Promise<void> {
  const put = await lab.exec(run, host, ['sh', '-c', `cat >/root/${name}`], { input: script(name) });
  if (put.code !== 0) throw new Error(put.stderr);
}

/** The forms in which a word can stand in a text: as it is, in hexadecimal, in base64 at each of three offsets, as a list of bytes. */
export function formsOf(word: string): string[] {
  const bytes = Buffer.from(word);
  const base64 = [0, 1, 2].map((before) => {
    const coded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64').replace(/=+$/, '');
    return coded.slice([0, 2, 3][before], (before + bytes.length) % 3 === 0 ? undefined : -1);
  });
  return [word, bytes.toString('hex'), ...base64, [...bytes].join(',')];
}

/** Watches the processes of a host from now on. */
export async function watchProcesses(site: LabSite, host: string, words: string[]): Promise<Watch> {
  const { run } = site;
  await putScript(run, host, 'watch-processes.py');
  const unit = '[Service]\nExecStart=/usr/bin/python3 /root/watch-processes.py /root/words /var/lib/watch-processes/seen.json\n[Install]\nWantedBy=multi-user.target\n';
  await lab.exec(run, host, ['sh', '-c', 'cat >/root/words && mkdir /var/lib/watch-processes'], { input: words.join('\n') });
  await lab.exec(run, host, ['sh', '-c', 'cat >/etc/systemd/system/watch-processes.service && systemctl enable --now watch-processes'], { input: unit });
  return {
    async end() {
      await site.sh(host, 'systemctl is-active watch-processes && systemctl stop watch-processes');
      return JSON.parse(await site.sh(host, 'cat /var/lib/watch-processes/seen.json')) as { looks: number; shown: Shown[] };
    },
  };
}

/** Where each word stands in the files below these paths, and in the system's journal. */
export async function findOnHost(run: string, host: string, words: readonly string[], paths: readonly string[]): Promise<Record<string, string[]>> {
  await putScript(run, host, 'find-words.py');
  const searched = await lab.exec(run, host, ['python3', '/root/find-words.py', ...paths], { input: words.join('\n') });
  if (searched.code !== 0) throw new Error(searched.stderr);
  return JSON.parse(searched.stdout) as Record<string, string[]>;
}

/** Where each word stands: in what the agents keep and the hosts log, in what the coordinator keeps and printed. */
export async function findWords(site: LabSite, hosts: readonly string[], words: readonly string[]): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = Object.fromEntries(words.map((word) => [word, []]));
  const add = (word: string, place: string): void => { found[word] = [...found[word] ?? [], place]; };
  for (const host of hosts) {
    const there = await findOnHost(site.run, host, words, ['/var/lib/tandem', '/var/lib/tandem-first', '/var/log']);
    for (const [word, places] of Object.entries(there)) for (const place of places) add(word, `${host}:${place}`);
  }
  const state = join(site.folder, 'state');
  for (const name of readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))) {
    const text = `${name}\n${readFileSync(name, 'latin1')}`;
    for (const word of words) if (text.includes(word)) add(word, name.slice(state.length + 1));
  }
  for (const word of words) if (site.printed().includes(word)) add(word, 'printed');
  return found;
}
