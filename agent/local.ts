import { InvalidArgumentError, type Command } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import type { EnrolOptions } from './enrolment/enrol.ts';
import unitFiles from '../generated/unit.json' with { type: 'json' };

const STATE: [flags: string, description: string, value: string] = ['--state <folder>', 'the folder that serve was given', '/var/lib/tandem'];

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (!/^\d+$/.test(text) || minutes < 5 || minutes > 1440) throw new InvalidArgumentError('Expected whole minutes from 5 to 1440.');
  return minutes;
}

function fingerprintOf(text: string): string {
  if (!/^(?:[0-9a-f]{64}|(?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i.test(text)) throw new InvalidArgumentError('Expected SHA-256 in hex, 64 digits, with or without colons.');
  return text;
}

/** The subcommands that work on this host and ask nobody: install, enrol, status, idle. `exitCode` takes what is neither good nor an error. */
export function addLocalCommands(program: Command, exitCode: (code: number) => void): void {
  program.command('install').description('Set this host up from the bare file: program, unit, folders and their modes. Where the RPM is installed, nothing is touched.')
    .addHelpText('after', '\nExample:\n  ./tandem agent install')
    .action(async () => {
      const [{ FILE, install }, { openActor }] = await Promise.all([import('./install.ts'), import('./host/actor.ts')]);
      if (process.getuid?.() !== 0) throw new Error('install needs root');
      const done = await install(openActor(), { self: process.execPath, ...unitFiles });
      console.log(done.length === 0 ? 'All is as it should be; nothing was changed.' : done.join('\n'));
      console.log(`Next: systemctl enable tandem-agent && systemctl restart tandem-agent\nThen, where this host is not enrolled yet: ${FILE} agent enrol\nTo look: ${FILE} agent status`);
    });

  program.command('enrol').description('Make the one-time code by which this host is enrolled, or a request and its certificate by file. No key leaves this host.')
    .option('--certs <folder>', 'the folder that serve was given', '/etc/tandem/pki')
    .option(...STATE)
    .option('--minutes <n>', 'how long the code is good, 5 to 1440', minutesOf, 60)
    .option('--again', 'though this host has a certificate: that one stays in force until the new one is here, and is kept as agent.crt.old then', false)
    .option('--name <host>', "this host's name in the site file; without it, its short host name")
    .option('--request <file>', 'write a certificate signing request to this file; the certificate that is here stays')
    .option('--certificate <folder>', 'install agent.crt, ca.crt and, where there is one, ca.crl of this folder')
    .option('--authority <fingerprint>', 'with --certificate: the SHA-256 fingerprint of ca.crt, as the coordinator shows it', fingerprintOf)
    .addHelpText('after', '\nExamples:\n  tandem agent enrol\n  tandem agent enrol --request /root/controller.csr\n  tandem agent enrol --certificate /root/controller --authority 3A:5F:...')
    .action(async (options: EnrolOptions) => {
      process.umask(0o077);
      const { enrol } = await import('./enrolment/enrol.ts');
      if (options.request === undefined && options.again) await refuseDuringRun(options.state);
      console.log((await enrol(options)).join('\n'));
    });

  program.command('status').description('Say how the agent on this host is. Exit code 0: it runs; 3: it does not.')
    .option(...STATE)
    .addHelpText('after', '\nExample:\n  tandem agent status')
    .action(async ({ state }: { state: string }) => {
      const [{ agentStatus }, { openProbe }] = await Promise.all([import('./status.ts'), import('./host/probe.ts')]);
      const { running, lines } = await agentStatus(openProbe(), state, release.version);
      console.log(lines.join('\n'));
      if (!running) exitCode(3);
    });

  program.command('idle').description('Exit code 0: no run is on this host, the agent may be restarted. 3: one is. Reads the journals only.')
    .option(...STATE)
    .addHelpText('after', '\nExample:\n  tandem agent idle && systemctl restart tandem-agent')
    .action(async ({ state }: { state: string }) => {
      const [{ runsHere }, { openProbe }] = await Promise.all([import('./idle.ts'), import('./host/probe.ts')]);
      const lines = await runsHere(state, openProbe());
      console.log(lines.length === 0 ? 'no run is on this host' : lines.join('\n'));
      if (lines.length > 0) exitCode(3);
    });
}

/** While a host waits to be enrolled nothing of a run goes on, not even the way back of a change that waits to be confirmed. */
async function refuseDuringRun(state: string): Promise<void> {
  const [{ runsHere }, { openProbe }] = await Promise.all([import('./idle.ts'), import('./host/probe.ts')]);
  const runs = await runsHere(state, openProbe());
  if (runs.length > 0) throw new Error(`a run is on this host (${runs.join('; ')}); enrol it again when that has ended`);
}
