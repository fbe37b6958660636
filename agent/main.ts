import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { Command } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import { Dispatcher } from './dispatcher.ts';
import { readFacts } from './facts/facts.ts';
import { openProbe } from './host/probe.ts';
import { readHealth } from './health/report.ts';
import { LeaseKeeper } from './lease.ts';
import { argsJsonSchema, catalogue, catalogueDigest, findOperation } from './operations/catalogue.ts';
import { serve, type Tls } from './server.ts';

interface ServeOptions { state: string; certs: string; listen: string }

/** The host's name as its certificate has it: spiffe://SITE/agent/NAME. Commands made for another host are refused. */
function hostName(certificate: Buffer): string {
  const name = /URI:spiffe:\/\/[a-z0-9._-]+\/agent\/([a-z0-9-]+)/.exec(new X509Certificate(certificate).subjectAltName ?? '')?.[1];
  if (name === undefined) throw new Error('agent.crt names no host: expected a URI spiffe://SITE/agent/NAME; make one with: tandem pki issue NAME');
  return name;
}

function readTls(folder: string): Tls {
  return { ca: readFileSync(join(folder, 'ca.crt')), certificate: readFileSync(join(folder, 'agent.crt')), key: readFileSync(join(folder, 'agent.key')) };
}

const operationsMessage = (host: string): Record<string, unknown> => ({
  host, agentVersion: release.version, catalogueDigest: catalogueDigest(),
  operations: catalogue.map((entry) => ({
    name: entry.name, summary: entry.summary, argsSchemaJson: JSON.stringify(argsJsonSchema(entry)), timeoutS: entry.timeoutS,
    mayKill: entry.mayKill, reverts: entry.revert !== undefined,
  })),
});

async function startServing({ state, certs, listen }: ServeOptions): Promise<void> {
  process.umask(0o077);
  const tls = readTls(certs);
  const host = hostName(tls.certificate);
  const dispatcher = new Dispatcher(host, state, findOperation);
  const leases = new LeaseKeeper(state);
  const { port } = await serve({
    dispatcher, leases, operations: () => operationsMessage(host),
    health: () => readHealth({ host, agentVersion: release.version, certificate: tls.certificate }), facts: () => readFacts(openProbe()),
  }, tls, listen);
  console.log(`tandem agent ${release.version} of ${host} listening on port ${String(port)}`);
}

/** `tandem agent ...`: resolves with the exit code; `serve` goes on until it is signalled. */
export async function main(argv: string[]): Promise<number> {
  const program = new Command('tandem agent').description('The part of Tandem that runs on a host and does the local work.').exitOverride();
  program.command('serve').description('Serve this host to the coordinator until signalled.')
    .option('--state <folder>', 'journals, saved copies and dumps', '/var/lib/tandem')
    .option('--certs <folder>', 'ca.crt, agent.crt and agent.key', '/etc/tandem/pki')
    .option('--listen <address:port>', 'where to listen', '0.0.0.0:7443')
    .addHelpText('after', '\nExample:\n  tandem agent serve --certs /etc/tandem/pki')
    .action(async (options: ServeOptions) => {
      await startServing(options);
      await new Promise((resolve) => { process.once('SIGTERM', resolve).once('SIGINT', resolve); });
      // Whatever may be under way goes on from the journal at the next start; nothing waits for it here.
      process.exit(0);
    });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    const code = (error as { exitCode?: number; code?: string }).code ?? '';
    if (code.startsWith('commander.')) return (error as { exitCode: number }).exitCode === 0 ? 0 : 2;
    console.error(`tandem agent: ${(error as Error).message}`);
    return 1;
  }
}
