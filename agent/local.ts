import type { Command } from 'commander';
import release from '../generated/version.json' with { type: 'json' };
import unitFiles from '../generated/unit.json' with { type: 'json' };

const STATE: [flags: string, description: string, value: string] = ['--state <folder>', 'the folder that serve was given', '/var/lib/tandem'];

/** The subcommands that work on this host and ask nobody: install, status, idle. `exitCode` takes what is neither good nor an error. */
export function addLocalCommands(program: Command, exitCode: (code: number) => void): void {
  program.command('install').description('Set this host up from the bare file: program, unit, folders and their modes. Where the RPM is installed, nothing is touched.')
    .addHelpText('after', '\nExample:\n  ./tandem agent install')
    .action(async () => {
      const [{ FILE, install }, { openActor }] = await Promise.all([import('./install.ts'), import('./host/actor.ts')]);
      if (process.getuid?.() !== 0) throw new Error('install needs root');
      const done = await install(openActor(), { self: process.execPath, ...unitFiles });
      console.log(done.length === 0 ? 'All is as it should be; nothing was changed.' : done.join('\n'));
      console.log(`Next: put ca.crt, agent.crt and agent.key into /etc/tandem/pki, then: systemctl enable tandem-agent && systemctl restart tandem-agent\nTo look: ${FILE} agent status`);
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
