import { fstatSync, writeSync } from 'node:fs';
import type { Host } from './host.ts';

/**
 * Where the file's entry stub leaves a datagram socket connected to NOTIFY_SOCKET: Node cannot make one itself
 * (docs/decisions/0011-telling-systemd.md). Closed on exec, and below the usual limit of 1024.
 */
export const NOTIFY_FD = 900;

type Environment = Readonly<Record<string, string | undefined>>;
/** Loaded only where it is needed: an idle agent is small. */
type OpenHost = () => Promise<Pick<Host, 'act'>>;
type Send = (...assignments: string[]) => Promise<void>;

/**
 * Tells systemd that the agent is ready, then, when its unit has a watchdog, that its event loop still turns, four times
 * as often as it must. Does nothing when not started by systemd. Says in one word which way it goes.
 */
export async function notifySystemd(environment: Environment, openHost: OpenHost): Promise<'socket' | 'command' | 'none'> {
  const socket = environment['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return 'none';
  const inherited = hasSocket();
  const send = inherited ? sendOver(NOTIFY_FD) : sendByCommand(socket, openHost);
  await send('READY=1');
  const periodMs = Number(environment['WATCHDOG_USEC'] ?? 0) / 1000;
  // The command's word may be lost on systemd 208 (it ends before systemd looks who it was): both are said again each time.
  if (periodMs > 0) setInterval(() => { send(...(inherited ? [] : ['READY=1']), 'WATCHDOG=1').catch(told); }, periodMs / 4).unref();
  return inherited ? 'socket' : 'command';
}

const told = (error: unknown): void => { console.error(`systemd was not told: ${(error as Error).message}`); };

function hasSocket(): boolean {
  try {
    return fstatSync(NOTIFY_FD).isSocket();
  } catch {
    return false; // not open: a file without the stub, made with --base-node
  }
}

/** One write is one datagram, from this process: systemd sees who sends and needs nothing else. */
const sendOver = (fd: number): Send => async (...assignments) => {
  try {
    writeSync(fd, assignments.join('\n'));
  } catch (error) {
    told(error); // systemd's queue is full, or it is being replaced: the next beat counts
  }
};

/** systemd-notify speaks in the name of --pid from systemd 209 on. */
const sendByCommand = (socket: string, openHost: OpenHost): Send => async (...assignments) => {
  try {
    await (await openHost()).act(['systemd-notify', `--pid=${process.pid}`, ...assignments], { env: { NOTIFY_SOCKET: socket } });
  } catch (error) {
    told(error);
  }
};
