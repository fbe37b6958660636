import { Command } from 'commander';
import { catalogue, catalogueDigest, findOperation, type Operation } from '../../agent/operations/catalogue.ts';
import type { Json } from '../../proto/events.ts';
import type { Context } from '../context.ts';
import { readSite } from '../input/files.ts';
import { argumentsOf } from '../input/pairs.ts';
import { InputError, nearest, oneOf, problem } from '../input/problem.ts';
import { digestOf, type Plan } from '../plan-format.ts';
import type { SiteHost } from '../site.ts';
import { carryOut, type RunOptions } from './carry-out.ts';
import { hostsNamed } from './links.ts';
import { withRunOptions } from './run-options.ts';

interface Options extends RunOptions { host: string[]; check?: true }

export function opCommand(context: Context): Command {
  return withRunOptions(new Command('op').description('One operation on the hosts named, as a run of one step: looked at first, proven afterwards, journaled.')
    .argument('<operation>', 'name of the operation, such as service.running')
    .argument('[key=value...]', 'its arguments; a list is repeated or given as JSON')
    .requiredOption('--host <name>', 'host of the site file (repeat for more)', (name: string, before: string[] | undefined) => [...before ?? [], name])
    .option('--check', 'look only'))
    .addHelpText('after', `\nExamples:\n  tandem op service.running --host controller units=mariadb.service --check\n  tandem op package.installed --host compute1 names=openvswitch names=targetcli\n\nOperations: ${catalogue.map(({ name }) => name).join(', ')}`)
    .action(async (name: string, words: string[], { host, check, ...options }: Options) => {
      const operation = findOperation(name);
      const names = catalogue.map((entry) => entry.name);
      if (operation === undefined) throw new InputError([problem(context.at(name), `unknown operation "${name}"`, oneOf(names), nearest(name, names))]);
      const args = argumentsOf(operation, words, (word, offset) => context.at(word, offset));
      const site = readSite(context.siteFile());
      await carryOut(context, planOfOne(site.name, operation, args, hostsNamed(context, site, host)), check === true ? 'check' : 'apply', options);
    });
}

/** A plan of one step, which rests on no file: its arguments were given by hand. */
export function planOfOne(site: string, operation: Operation, args: Json, hosts: readonly SiteHost[]): Plan {
  const step = {
    id: 'Op', rows: [], title: operation.summary, operation: operation.name, args, sentence: operation.describe(args as Parameters<Operation['describe']>[0]),
    timeoutS: operation.timeoutS, mayKill: operation.mayKill, changes: operation.apply !== undefined, reverts: operation.revert !== undefined, needs: [],
  };
  const content: Omit<Plan, 'digest'> = {
    format: 1, site, runbook: { name: 'op', title: operation.name, digest: '' }, catalogueDigest: catalogueDigest(), inputs: [],
    hosts: hosts.map(({ name, role, address, port, fqdn }) => ({ name, role, address, port, fqdn })),
    stages: [{ phase: 'op', stage: 'op', strategy: 'parallel', maxFailures: '100%', hosts: hosts.map(({ name }) => ({ host: name, steps: [step] })) }],
  };
  return { ...content, digest: digestOf(content) };
}
