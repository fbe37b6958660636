import { Command } from 'commander';
import { styleText } from 'node:util';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import { AgentRefused, NotEnrolled, type Link } from '../link.ts';
import { EXIT } from '../verdict.ts';
import type { SiteHost } from '../site.ts';
import { ANY, credentials, withLinks } from './links.ts';
import { plainTable, styledGrade } from './table.ts';

/** What one host says of itself, in one row. */
interface Row { host: string; role: string; address: string; agentVersion: string; reachable: boolean; enrolled: boolean | null; grade: string; policy: string; reason: string }

const TIMEOUT_S = 5;

export function hostsCommand(context: Context): Command {
  return new Command('hosts').description('Show every host: role, address, agent, whether it answers, its health in one word.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  tandem hosts')
    .action(async ({ json }: { json?: true }) => {
      const site = readSite(context.siteFile());
      const rows = await withLinks(site.hosts, credentials(context, site, ANY), async (links) => await Promise.all(site.hosts.map(async (host) => await rowOf(host, links.get(host.name) as Link))));
      context.say(json === true ? JSON.stringify(rows, null, 2) : tableOf(rows));
      const away = rows.filter((row) => !row.reachable);
      if (away.length > 0) context.finish(EXIT.unreachable);
      context.tell(away.length === 0 ? 'Next: tandem health shows why a grade is what it is; tandem plan decides the steps.' : away.map((row) => row.reason).join('\n'));
    });
}

async function rowOf(host: SiteHost, link: Link): Promise<Row> {
  const row = { host: host.name, role: host.role, address: `${host.address}:${String(host.port)}` };
  try {
    const { health } = await link.call('GetHealth', {}, TIMEOUT_S) as { health: { agentVersion: string; grade: string; items: { subsystem: string; valuesJson: string }[] } };
    return { ...row, agentVersion: health.agentVersion, reachable: true, enrolled: true, grade: health.grade, policy: policyOf(health.items), reason: '' };
  } catch (error) {
    return { ...row, agentVersion: '', reachable: false, enrolled: enrolledAfter(error), grade: '', policy: '', reason: (error as Error).message };
  }
}

/** False: it must be enrolled, or enrolled again. Null: nothing is known. */
function enrolledAfter(error: unknown): boolean | null {
  return error instanceof NotEnrolled || (error instanceof AgentRefused && error.code === 'REVOKED') ? false : null;
}

/** none: everything is allowed there. */
function policyOf(items: { subsystem: string; valuesJson: string }[]): string {
  const item = items.find((one) => one.subsystem === 'policy');
  return item === undefined ? '' : (JSON.parse(item.valuesJson) as { state: string }).state;
}

const tableOf = (rows: Row[]): string => plainTable(['HOST', 'ROLE', 'ADDRESS', 'AGENT', 'REACHABLE', 'GRADE', 'POLICY'],
  rows.map((row) => [row.host, row.role, row.address, row.agentVersion, row.reachable ? 'yes' : row.enrolled === false ? styleText('yellow', 'not enrolled') : styleText('red', 'no'), styledGrade(row.grade), row.policy]));
