import { connect } from 'node:net';
import { StepError } from '../../proto/errors.ts';
import type { HttpAnswer, HttpRequest } from './host.ts';

/** Whether a TCP connection is accepted within timeoutS. */
export async function connects(address: string, port: number, timeoutS: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: timeoutS * 1000 });
    const end = (answer: boolean): void => { socket.destroy(); resolve(answer); };
    socket.once('connect', () => { end(true); }).once('error', () => { end(false); }).once('timeout', () => { end(false); });
  });
}

const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** One HTTP exchange, redirects not followed. Throws StepError command_failed where no answer comes. */
export async function exchange(request: HttpRequest): Promise<HttpAnswer> {
  try {
    const answer = await fetch(request.url, {
      method: request.method, redirect: 'manual', signal: AbortSignal.timeout((request.timeoutS ?? 10) * 1000),
      ...(request.headers === undefined ? {} : { headers: request.headers }),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const body = await answer.text();
    if (body.length > BODY_LIMIT_BYTES) throw new Error(`the answer has more than ${String(BODY_LIMIT_BYTES)} bytes`);
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body };
  } catch (error) {
    const cause = (error as Error).cause;
    throw new StepError('command_failed', `${request.method} ${request.url}: ${cause instanceof Error ? cause.message : (error as Error).message}`);
  }
}
