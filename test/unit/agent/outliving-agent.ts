// Test code: what an agent does with a process that must outlive it. FOLDER COMMAND-ID ARGV...; prints each event.
import { openHost } from '../../../agent/host/local.ts';
import { runOutliving } from '../../../agent/host/process.ts';
import { sessionEnd } from '../../../agent/host/session.ts';
import { createScrubber } from '../../../agent/host/scrub.ts';

const [folder = '', commandId = '', ...argv] = process.argv.slice(2);
await openHost({ commandId, folder, secrets: {}, scrubber: createScrubber(), remainingMs: () => Infinity, emit: () => undefined }).stepFolder();
const ran = await runOutliving(argv, { okCodes: [0, 3] }, {
  commandId, remainingMs: () => Infinity, scrub: (text) => text, outputFile: () => `${folder}/output-1.log`,
  emit: (event) => { console.log(JSON.stringify(event)); }, sessionEnd: (leader, of) => sessionEnd(commandId, leader, of),
}).catch((error: unknown) => ({ error: (error as Error).message }));
console.log(JSON.stringify(ran));
