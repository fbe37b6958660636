// The one entry: `tandem agent ...` is the agent on a host, all else is the coordinator; neither loads the other.
import release from './generated/version.json' with { type: 'json' };

async function run(args: string[]): Promise<number> {
  if (args[0] === '--version') {
    console.log(`tandem ${release.version}`);
    return 0;
  }
  if (args[0] === 'agent') {
    const agent = await import('./agent/main.ts');
    return await agent.main(args.slice(1));
  }
  const coordinator = await import('./coordinator/main.ts');
  return await coordinator.main(args);
}

// Ended outright: a host that does not answer would keep its half-open connection, and us, for minutes.
run(process.argv.slice(2)).then((exitCode) => { process.exit(exitCode); }, (error: unknown) => {
  console.error('tandem: internal error:', error);
  process.exitCode = 1;
});
