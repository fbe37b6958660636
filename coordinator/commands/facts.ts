import { Command } from 'commander';
import { stringify } from 'yaml';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import { EXIT } from '../verdict.ts';
import { ANY, credentials, hostsNamed, withLinks } from './links.ts';

export function factsCommand(context: Context): Command {
  return new Command('facts').description('Show what the agents know of their hosts: release, packages, interfaces and more.')
    .argument('[host]', 'host of the site file (default: all)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  tandem facts controller\n  tandem facts --json')
    .action(async (name: string | undefined, { json }: { json?: true }) => {
      const site = readSite(context.siteFile());
      const hosts = hostsNamed(context, site, name === undefined ? [] : [name]);
      const answers = await withLinks(hosts, credentials(context, site, ANY), async (links) => await Promise.allSettled([...links].map(async ([host, link]) => [host, await link.facts()] as const)));
      const facts = Object.fromEntries(answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])));
      if (Object.keys(facts).length > 0) context.say(json === true ? JSON.stringify(facts, null, 2) : stringify(facts).trimEnd());
      for (const answer of answers) {
        if (answer.status === 'fulfilled') continue;
        context.tell((answer.reason as Error).message);
        context.finish(EXIT.unreachable);
      }
    });
}
