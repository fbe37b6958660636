import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseRpmQuery, RPM_FORMAT, type RpmPackage } from '../parse/rpm.ts';

/**
 * What is installed of these names, with one rpm process. rpm's exit code is the number of names that are not
 * installed; it says the same of a database it cannot open, so anything on stderr that is an error counts as one.
 */
export async function readPackages(probe: Probe, names: string[]): Promise<RpmPackage[]> {
  if (probe.readTogether === undefined) return await query(probe, names);
  const found = await probe.readTogether('packages', names, async (all) => {
    const packages = await query(probe, all);
    return new Map(all.map((name) => [name, packages.filter((one) => one.name === name)]));
  });
  return [...found.values()].flat();
}

async function query(probe: Probe, names: string[]): Promise<RpmPackage[]> {
  const ran = await probe.read(['rpm', '-q', '--qf', RPM_FORMAT, ...names], { okCodes: Array.from({ length: names.length + 1 }, (_, code) => code) });
  if (/^error:/m.test(ran.stderr)) {
    throw new StepError('command_failed', `rpm cannot read its database: ${ran.stderr.trim().split('\n')[0]}`, { argv: ran.argv, exitCode: ran.exitCode, signal: ran.signal, stderrTail: ran.stderr.slice(-2000) });
  }
  return parseRpmQuery(ran.stdout);
}

/** Every installed package. */
export async function readAllPackages(probe: Probe): Promise<RpmPackage[]> {
  return parseRpmQuery((await probe.read(['rpm', '-qa', '--qf', RPM_FORMAT])).stdout);
}
