import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { Command } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import type { Json } from '../proto/events.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Worker } from './task.ts';
import { refuseOpenKey } from './enrolment/key.ts';
import { awaitEnrolment } from './enrolment/phase.ts';
import type { Health } from './health/health.ts';
import { holdAlone } from './host/alone.ts';
import { notifySystemd } from './host/notify.ts';
import { LeaseKeeper } from './lease.ts';
import { addLocalCommands } from './local.ts';
import { POLICY_FILE, PolicyKeeper } from './policy.ts';
import { RevocationKeeper } from './revocation.ts';
import { serve, type Tls } from './service/server.ts';

interface ServeOptions { state: string; certs: string; listen: string; policy?: string }

/** The host's name as its certificate has it: spiffe://SITE/agent/NAME. Commands made for another host are refused. */
function hostName(certificate: Buffer): string {
  const name = /URI:spiffe:\/\/[a-z0-9._-]+\/agent\/([a-z0-9-]+)/.exec(new X509Certificate(certificate).subjectAltName ?? '')?.[1];
  if (name === undefined) throw new Error('agent.crt names no host: expected a URI spiffe://SITE/agent/NAME; for one that does, on this host: tandem agent enrol --again, then start the agent anew');
  return name;
}

function readTls(folder: string): Tls {
  refuseOpenKey(join(folder, 'agent.key'));
  return { ca: readFileSync(join(folder, 'ca.crt')), certificate: readFileSync(join(folder, 'agent.crt')), key: readFileSync(join(folder, 'agent.key')) };
}

// What a starting agent does not need is loaded when first asked for: it listens sooner and is smaller while idle.
function workUnder(policy: PolicyKeeper): Worker {
  let worker: Promise<Worker> | undefined;
  return async (task) => await (await (worker ??= import('./worker.ts').then(({ workUnder: make }) => make(async () => (await policy.current()).refuses))))(task);
}

async function operations(host: string): Promise<Record<string, unknown>> {
  // Who asks for the catalogue is about to send work: the worker is loaded along, so that the first step need not wait for it.
  const [{ argsJsonSchema, catalogue, catalogueDigest }] = await Promise.all([import('./operations/catalogue.ts'), import('./worker.ts')]);
  return {
    host, agentVersion: release.version, catalogueDigest: catalogueDigest(),
    operations: catalogue.map((entry) => ({
      name: entry.name, summary: entry.summary, argsSchemaJson: JSON.stringify(argsJsonSchema(entry)), timeoutS: entry.timeoutS,
      mayKill: entry.mayKill, reverts: entry.revert !== undefined,
    })),
  };
}

async function health(subject: { host: string; agentVersion: string; certificate: Buffer; authority: Buffer }, policy: PolicyKeeper, revocations: RevocationKeeper): Promise<Health> {
  return await (await import('./health/report.ts')).readHealth({ ...subject, policy: (await policy.current()).item, revocations: (await revocations.current()).item });
}

async function facts(): Promise<Json> {
  const [{ readFacts }, { openProbe }] = await Promise.all([import('./facts/facts.ts'), import('./host/probe.ts')]);
  return await readFacts(openProbe());
}

async function runsOf(state: string): Promise<string[]> {
  const [{ runsHere }, { openProbe }] = await Promise.all([import('./idle.ts'), import('./host/probe.ts')]);
  return await runsHere(state, openProbe());
}

async function startServing({ state, certs, listen, policy: policyFile }: ServeOptions): Promise<void> {
  process.umask(0o077);
  let ready: Promise<unknown> | undefined; // once: with it systemd's watchdog is fed from then on
  const tellSystemd = async (): Promise<unknown> => await (ready ??= notifySystemd(process.env, async () => (await import('./host/actor.ts')).openActor()));
  await holdAlone(state);
  const address = await awaitEnrolment({ state, certs, listen, version: release.version, ready: tellSystemd, runsHere: () => runsOf(state) });
  const tls = readTls(certs);
  const host = hostName(tls.certificate), policy = new PolicyKeeper(policyFile), revocations = new RevocationKeeper(join(certs, 'ca.crl'), tls.ca, tls.certificate);
  let told: ReturnType<typeof operations> | undefined; // 120 ms of CPU, the same for every run that asks
  await revocations.current(); // who was revoked is known before anybody is let in
  const ownOperations = async (): Promise<Record<string, unknown>> => await (told ??= operations(host).catch((error: unknown) => { told = undefined; throw error; }));
  const leases = new LeaseKeeper(state), dispatcher = new Dispatcher(host, state, workUnder(policy), { lease: () => leases.current, isAnother: async (run) => leases.hasOther(run, String((await ownOperations())['catalogueDigest'])) });
  try {
    const { port } = await serve({
      dispatcher, leases, revocations, facts,
      operations: ownOperations, health: () => health({ host, agentVersion: release.version, certificate: tls.certificate, authority: tls.ca }, policy, revocations),
    }, tls, address);
    console.log(`tandem agent ${release.version} of ${host} listening on port ${String(port)}`);
    console.log(`policy: ${(await policy.current()).item.reason}`);
    await tellSystemd();
  } catch (error) {
    // A host that was cut off goes back all the same: its own address may be what the change took away.
    if (dispatcher.busy) await tellSystemd(); // it is at work: a start that takes too long would be ended
    while (dispatcher.busy) await new Promise((resolve) => { setTimeout(resolve, 500); });
    throw error;
  }
}

/** `tandem agent ...`: resolves with the exit code; `serve` goes on until it is signalled. */
export async function main(argv: string[]): Promise<number> {
  const program = new Command('tandem agent').description('The part of Tandem that runs on a host and does the local work.').exitOverride();
  program.command('serve').description('Serve this host to the coordinator until signalled.')
    .option('--state <folder>', 'journals, saved copies and dumps', '/var/lib/tandem')
    .option('--certs <folder>', 'ca.crt, agent.crt and agent.key', '/etc/tandem/pki')
    .option('--policy <file>', `what this host allows, a file that must be there; without the option ${POLICY_FILE}, where it is there`)
    .option('--listen <address:port>', 'where to listen', '0.0.0.0:7443')
    .addHelpText('after', '\nExample:\n  tandem agent serve --certs /etc/tandem/pki')
    .action(async (options: ServeOptions) => {
      await startServing(options);
      await new Promise((resolve) => { process.once('SIGTERM', resolve).once('SIGINT', resolve); });
      // Whatever may be under way goes on from the journal at the next start; nothing waits for it here.
      process.exit(0);
    });
  let exitCode = 0;
  addLocalCommands(program, (code) => { exitCode = code; });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    const code = (error as { exitCode?: number; code?: string }).code ?? '';
    if (code.startsWith('commander.')) return (error as { exitCode: number }).exitCode === 0 ? 0 : 2;
    console.error(`tandem agent: ${(error as Error).message}`);
    return 1;
  }
}
