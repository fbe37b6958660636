// Asks backup.verified about a cold backup on this machine, as the agent would.  usage: node verified.ts FOLDER HOST [PATH...]
import { openHost } from '../../../agent/host/local.ts';
import { createScrubber } from '../../../agent/host/scrub.ts';
import { backupVerified } from '../../../agent/operations/backup.verified.ts';

const [backup = '', host = '', ...paths] = process.argv.slice(2);
const probe = openHost({ commandId: 'verified', folder: '/nowhere', secrets: {}, scrubber: createScrubber(), remainingMs: () => Infinity, emit: () => undefined });
const { satisfied, found, differences } = await backupVerified.check(probe, backupVerified.args.parse({ backup, host, paths, cold: true }));
console.log(JSON.stringify(found));
for (const { what, found: is, wanted } of differences) console.log(`${what} is ${is}, wanted ${wanted}`);
process.exitCode = satisfied ? 0 : 1;
