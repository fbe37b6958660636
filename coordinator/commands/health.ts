import { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import type { Link } from '../link.ts';
import { EXIT } from '../verdict.ts';
import { ANY, credentials, hostsNamed, withLinks } from './links.ts';
import { plainTable, styledGrade } from './table.ts';
import { wholeNumber } from './values.ts';

/** Health as it comes over the wire (agent.proto, Health). */
interface Health { host: string; agentVersion: string; timeMs: number; grade: string; items: { subsystem: string; grade: string; reason: string; valuesJson: string }[] }
interface Options { watch?: true; every: number; json?: true }

const TIMEOUT_S = 20;

export function healthCommand(context: Context): Command {
  return new Command('health').description('Show the health of hosts, each subsystem with its grade and the reason.')
    .argument('[host...]', 'hosts of the site file (default: all)')
    .option('--watch', 'go on until Ctrl-C')
    .option('--every <seconds>', 'with --watch: how often', wholeNumber(1), 5)
    .option('--json', 'print JSON; with --watch one line for each report')
    .addHelpText('after', '\nExamples:\n  tandem health\n  tandem health controller --watch\n\nExit codes: 0 all answered (whatever their grade), 5 a host cannot be reached.')
    .action(async (names: string[], options: Options) => {
      const site = readSite(context.siteFile());
      await withLinks(hostsNamed(context, site, names), credentials(context, site, ANY), async (links) => {
        if (options.watch === true) await watch(context, links, options);
        else await once(context, links, options.json === true);
      });
    });
}

async function once(context: Context, links: Map<string, Link>, json: boolean): Promise<void> {
  const answers = await Promise.all([...links].map(async ([host, link]) => {
    try { return { health: (await link.call('GetHealth', {}, TIMEOUT_S))['health'] as Health }; } catch (error) { return { host, trouble: (error as Error).message }; }
  }));
  const healthy = answers.flatMap(({ health }) => (health === undefined ? [] : [health]));
  if (json) context.say(JSON.stringify(answers.map(({ health, host, trouble }) => (health === undefined ? { host, trouble } : plain(health))), null, 2));
  else if (healthy.length > 0) context.say(healthTable(healthy));
  for (const { trouble } of answers) if (trouble !== undefined) { context.tell(trouble); context.finish(EXIT.unreachable); }
}

/** Follows all hosts until Ctrl-C; a terminal keeps one table, anything else gets a line for each change of a grade. */
async function watch(context: Context, links: Map<string, Link>, { every, json }: Options): Promise<void> {
  const end = new AbortController();
  const interrupt = (): void => { end.abort(); };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const live = process.stdout.isTTY && json !== true ? createLogUpdate(process.stdout) : undefined;
  const latest = new Map<string, Health>(), grades = new Map<string, string>();
  const show = (health: Health): void => {
    latest.set(health.host, health);
    if (json === true) context.say(JSON.stringify(plain(health)));
    else if (live !== undefined) live(healthTable([...latest.values()]));
    else for (const item of health.items) {
      const key = `${health.host} ${item.subsystem}`;
      if (grades.get(key) !== item.grade) context.say(`${new Date(health.timeMs).toISOString().slice(11, 19)} ${key} ${styledGrade(item.grade)}  ${item.reason}`);
      grades.set(key, item.grade);
    }
  };
  await Promise.all([...links.values()].map(async (link) => {
    try { await link.watchHealth(every, (health) => { show(health as unknown as Health); }, end.signal); } catch (error) {
      context.tell((error as Error).message);
      context.finish(EXIT.unreachable);
    }
  }));
  live?.done();
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
}

const plain = ({ items, ...rest }: Health): unknown => ({ ...rest, items: items.map(({ valuesJson, ...item }) => ({ ...item, values: JSON.parse(valuesJson) as unknown })) });

const healthTable = (all: Health[]): string => plainTable(['HOST', 'SUBSYSTEM', 'GRADE', 'REASON'], all.flatMap(({ host, grade, agentVersion, items }) => [
  [host, 'all', styledGrade(grade), `agent ${agentVersion}`], ...items.map((item) => [host, item.subsystem, styledGrade(item.grade), item.reason]),
]));
