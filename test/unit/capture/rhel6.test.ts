import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { commandsOf, type Started } from './shell-commands.ts';

const root = join(import.meta.dirname, '../../..');
const script = readFileSync(join(root, 'runbooks/osp5-to-osp6/capture.sh'), 'utf8');
const known = z.record(z.string(), z.strictObject({
  package: z.string(), source: z.string(), options: z.array(z.string()), words: z.array(z.string()).optional(), formats: z.array(z.string()).optional(),
})).parse(parse(readFileSync(join(root, 'test/fixtures/rhel6/commands.yaml'), 'utf8')));

/** POSIX special and regular built-ins that the script may use; both dash and bash have them. */
const BUILTINS = new Set([':', '[', 'break', 'cd', 'command', 'continue', 'echo', 'exec', 'exit', 'export', 'pwd', 'printf', 'read', 'return', 'set', 'shift', 'trap', 'true', 'umask']);

/** What a command line starts besides itself: `exec X`, `xargs X`, `timeout 5 X`, and `observe FILE X`, which is the script's own. */
function started(words: string[]): string[][] {
  const [name = '', ...rest] = words;
  if (name === 'exec' || name === 'command') return rest[0] === undefined || rest[0].startsWith('-') ? [] : started(rest);
  if (name === 'observe') return started(rest.slice(1));
  if (name === 'timeout') return [[name], ...started(rest.slice(1))];
  if (name === 'xargs') { const at = rest.findIndex((word) => !word.startsWith('-')); return [[name, ...rest.slice(0, at)], ...started(rest.slice(at))]; }
  if (name.startsWith('${MYSQL:-')) return started(['mysql', '--defaults-file=x', ...rest]);
  return [words];
}

/** What is not RHEL 6's, one sentence each. */
function unknownTo(text: string): string[] {
  const functions = new Set([...text.matchAll(/^(\w+)\(\) \{/gm)].map(([, name]) => name));
  return commandsOf(text).filter(({ words: [name = ''] }) => name === 'observe' || name === 'ask' || !functions.has(name))
    .flatMap(({ line, words }: Started) => started(words).flatMap((one) => wrong(one).map((what) => `line ${String(line)}: ${what}`)));
}

function wrong([name = '', ...args]: string[]): string[] {
  if (BUILTINS.has(name) || name === 'ask') return [];
  if (name === 'seconds' || name === '' || name === '$@') return []; // $((...)), a definition of observe, and its body
  const entry = known[name];
  if (entry === undefined) return [`${name} is not in the table`];
  const problems: string[] = [];
  for (const arg of args) {
    const option = /^(--[a-z-]+)=/.exec(arg)?.[1] ?? arg;
    if (/^-+[A-Za-z0-9]/.test(option) && !entry.options.includes(option)) problems.push(`${name} has no ${option}`);
  }
  const plain = args.filter((arg) => !arg.startsWith('-'));
  if (entry.words !== undefined && !entry.words.some((verb) => plain.join(' ').startsWith(verb))) problems.push(`${name} ${plain.slice(0, 2).join(' ')} is not in the table`);
  if (entry.formats !== undefined) {
    for (const arg of args) for (const [directive] of arg.matchAll(/%(?:T@|[A-Za-z])/g)) if (!entry.formats.includes(directive)) problems.push(`${name} has no ${directive}`);
  }
  return problems;
}

test('every command and option of the capture script is one that RHEL 6 has', () => {
  expect(unknownTo(script)).toEqual([]);
});

test('the parser sees the whole script: nothing of the table is unused, and what every part starts is found', () => {
  const seen = new Set(commandsOf(script).flatMap(({ words }) => started(words)).map(([name]) => name));
  expect(Object.keys(known).filter((name) => !seen.has(name))).toEqual([]);
});

test.each([
  ['findmnt -T "$folder"', 'findmnt is not in the table'],
  ['x=$(lsblk -o WWN)', 'lsblk is not in the table'],
  ['if a; then rsync -a --info=progress2 x y; fi', 'rsync has no --info'],
  ['find . -printf "%y%S"', 'find has no %S'],
  ['ip -br addr show', 'ip has no -br'],
  ['ip neigh show', 'ip neigh show is not in the table'],
  ['case $x in a | b) stat --printf=%d x ;; esac', 'stat has no --printf'],
  ['while read -r a; do systemctl stop "$a"; done <list', 'systemctl is not in the table'],
  ['die "$(date --iso-8601=seconds)"', 'date has no --iso-8601'],
  ['find . -print0 | xargs -0 -P 4 sha256sum --', 'xargs has no -P'],
  ['observe x mysqldump --master-data db', 'mysqldump has no --master-data'],
])('%s is refused', (line, expected) => {
  expect(unknownTo(`die() { echo "$*"; }\na() { true; }\nobserve() { true; }\n${line}\n`).join()).toContain(expected);
});

test('the services stop in an order: what users talk to, agents, what those ask, the broker; the database by itself', () => {
  const services = /^services='([^']+)'/m.exec(script)?.[1]?.split(/\s+/) ?? [];
  const order = (name: string): number => { expect(services).toContain(name); return services.indexOf(name); };
  for (const [first, second] of [['openstack-nova-api', 'openstack-nova-scheduler'], ['openstack-nova-scheduler', 'openstack-nova-compute'], ['openstack-nova-compute', 'openstack-nova-conductor'],
    ['openstack-glance-api', 'openstack-glance-registry'], ['neutron-server', 'neutron-openvswitch-agent'], ['openstack-nova-conductor', 'openstack-keystone'], ['openstack-keystone', 'rabbitmq-server']] as const) {
    expect(order(first), `${first} before ${second}`).toBeLessThan(order(second));
  }
  expect(services).not.toContain('mysqld');
});
