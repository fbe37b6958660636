// bounded-agent.ts FOLDER: an agent in a process of its own with operations that try its bounds; says as JSON how to reach it.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { finding, operation } from '../../agent/operations/operation.ts';
import { startAgent } from './agent-here.ts';

const folder = process.argv[2] ?? '';
/** Leads to the stand-in of yum in FOLDER. */
const env = { PATH: `${folder}:/usr/bin:/bin` };
const done = new Set<string>();
const undone = (text: string) => Promise.resolve(finding({}, done.has(text) ? [] : [{ what: 'line', found: 'absent', wanted: text }]));

const agent = await startAgent([
  operation({
    name: 'line.added', summary: 'one line in FOLDER/effects', timeoutS: 5, mayKill: true, describe: () => '', args: z.strictObject({ text: z.string() }),
    check: (_probe, { text }) => undone(text),
    apply(_host, { text }) { appendFileSync(join(folder, 'effects'), `${text}\n`); done.add(text); return Promise.resolve(); },
  }),
  operation({
    name: 'talk.done', summary: 'tells many long lines', timeoutS: 60, mayKill: true, describe: () => '', args: z.strictObject({ lines: z.number(), length: z.number() }),
    check: (_probe, { lines }) => undone(String(lines)),
    async apply(host, { lines, length }) {
      for (let n = 0; n < lines; n += 1) {
        host.progress('x'.repeat(length));
        if (n % 10 === 0) await new Promise(setImmediate);
      }
      done.add(String(lines));
    },
  }),
  operation({
    name: 'yum.loud', summary: 'a command that prints and prints', timeoutS: 120, mayKill: true, describe: () => '', args: z.strictObject({ how: z.enum(['read', 'act', 'outlives']) }),
    check: (_probe, { how }) => undone(how),
    async apply(host, { how }) {
      if (how === 'read') await host.read(['tail', '-c', String(2 ** 30), join(folder, 'gigabyte')]);
      else await host.act(['yum', '-y', 'install', 'loud'], { env, outlives: how === 'outlives' });
      done.add(how);
    },
  }),
], 'h1', join(folder, 'state'));

const { ca, certificate, key } = agent.identity('operator');
console.log(JSON.stringify({ port: agent.port, ca: ca.toString(), certificate: certificate.toString(), key: key.toString() }));
