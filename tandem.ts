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

/** Resolves once what was printed is out: a pipe takes 64 KiB at a time, and an exit drops the rest. */
const printed = async (): Promise<unknown> => await Promise.all([process.stdout, process.stderr].map(async (out) => { await new Promise((done) => { out.write('', done); }); }));

// Ended outright: a host that does not answer would keep its half-open connection, and us, for minutes.
run(process.argv.slice(2)).then(async (exitCode) => { await printed(); process.exit(exitCode); }, (error: unknown) => {
  console.error('tandem: internal error:', error);
  process.exitCode = 1;
});
