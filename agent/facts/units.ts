import { StepError } from '../../proto/errors.ts';
import type { Probe } from '../host/host.ts';
import { parseShow, parseUtcTime } from '../parse/systemctl.ts';

/** A unit as systemd 208 shows it; the words are systemd's own. NRestarts is newer and not asked for. */
export interface UnitState {
  /** loaded, not-found, masked, error. */
  load: string;
  /** active, reloading, inactive, failed, activating, deactivating. */
  active: string;
  sub: string;
  /** enabled, disabled, static, masked, ...; empty where there is no unit file. */
  enabled: string;
  /** 0 where the unit has no main process. */
  mainPid: number;
  /** Microseconds from boot to the start of the main process. */
  startedUs: number;
  /** success, exit-code, signal, timeout, ... */
  result: string;
}

const PROPERTIES = ['Id', 'LoadState', 'ActiveState', 'SubState', 'UnitFileState', 'MainPID', 'ExecMainStartTimestampMonotonic', 'Result'];

/** `-p NAME` for each: systemd 208's manual knows one name an option. */
export const SHOW_OPTIONS = PROPERTIES.flatMap((name) => ['-p', name]);

/** `openvswitch` is `openvswitch.service`, as systemctl takes it. */
export const unitName = (name: string): string => (/\.(service|socket|target|mount|timer|path)$/.test(name) ? name : `${name}.service`);

/** The states of all units with one process, by full unit name. */
export async function readUnits(probe: Probe, units: string[]): Promise<Map<string, UnitState>> {
  const names = units.map(unitName);
  return await (probe.readTogether?.('units', names, (all) => show(probe, all)) ?? show(probe, names));
}

async function show(probe: Probe, names: string[]): Promise<Map<string, UnitState>> {
  const blocks = parseShow((await probe.read(['systemctl', 'show', ...SHOW_OPTIONS, ...names])).stdout);
  if (blocks.length !== names.length) throw new StepError('internal', `systemctl show told of ${blocks.length} units, asked for ${names.length}`);
  return new Map(names.map((name, at) => {
    const block = blocks[at] ?? {};
    return [name, {
      load: block['LoadState'] ?? '', active: block['ActiveState'] ?? '', sub: block['SubState'] ?? '', enabled: block['UnitFileState'] ?? '',
      mainPid: Number(block['MainPID'] ?? 0), startedUs: Number(block['ExecMainStartTimestampMonotonic'] ?? 0), result: block['Result'] ?? '',
    }];
  }));
}

export const isRunning = (unit: UnitState): boolean => unit.active === 'active' || unit.active === 'reloading';

/** When the main processes of these units were started, whole seconds since the epoch, by full unit name; undefined where there was none. */
export async function readStartTimes(probe: Probe, units: string[]): Promise<Map<string, number | undefined>> {
  const names = units.map(unitName);
  const { stdout } = await probe.read(['systemctl', 'show', '-p', 'Id', '-p', 'ExecMainStartTimestamp', ...names], { env: { TZ: 'UTC' } });
  const blocks = parseShow(stdout);
  if (blocks.length !== names.length) throw new StepError('internal', `systemctl show told of ${blocks.length} units, asked for ${names.length}`);
  return new Map(names.map((name, at) => [name, parseUtcTime(blocks[at]?.['ExecMainStartTimestamp'] ?? '')]));
}
