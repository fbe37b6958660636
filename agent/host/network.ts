import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { StepError } from '../../proto/errors.ts';
import type { DigestRequest, HttpAnswer, HttpDigest, HttpRequest } from './host.ts';

/** Whether a TCP connection is accepted within timeoutS. */
export async function connects(address: string, port: number, timeoutS: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: timeoutS * 1000 });
    const end = (answer: boolean): void => { socket.destroy(); resolve(answer); };
    socket.once('connect', () => { end(true); }).once('error', () => { end(false); }).once('timeout', () => { end(false); });
  });
}

const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
/** Where the identity service gives tokens, v2.0 and v3: the only POST that changes nothing. */
const TOKEN_PATH = /\/v2\.0\/tokens$|\/v3\/auth\/tokens$/;

/** Lets a look ask and a token be got, and nothing else. Throws StepError refused_by_policy. */
export function admitLook({ method, url }: HttpRequest<string>): void {
  const { pathname, search } = new URL(url);
  if (method === 'GET' || method === 'HEAD' || (method === 'POST' && search === '' && TOKEN_PATH.test(pathname))) return;
  throw new StepError('refused_by_policy', `refused: ${method} ${url} (a look only asks)`);
}

/** As `exchange`, for what only looks. */
export async function look(request: HttpRequest): Promise<HttpAnswer> {
  admitLook(request);
  return await exchange(request);
}

const noAnswer = (method: string, url: string, error: unknown): StepError => {
  const cause = (error as Error).cause;
  return new StepError('command_failed', `${method} ${url}: ${cause instanceof Error ? cause.message : (error as Error).message}`);
};

/** One HTTP exchange, redirects not followed. Throws StepError command_failed where no answer comes. */
export async function exchange(request: HttpRequest<string>): Promise<HttpAnswer> {
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
    throw noAnswer(request.method, request.url, error);
  }
}

/** Reads a body to its end and keeps none of it. Throws StepError command_failed. */
export async function digest(request: DigestRequest): Promise<HttpDigest> {
  const stop = new AbortController(), sum = createHash('md5');
  let sizeBytes = 0;
  const giveUp = (): void => { stop.abort(new Error(`nothing came for ${String(request.stallS)} s, after ${String(sizeBytes)} bytes`)); };
  let stalled = setTimeout(giveUp, request.stallS * 1000);
  try {
    const answer = await fetch(request.url, {
      method: 'GET', redirect: 'manual', signal: AbortSignal.any([stop.signal, AbortSignal.timeout(request.timeoutS * 1000)]),
      // A length that was told is then the length of what comes.
      headers: { 'accept-encoding': 'identity', ...request.headers },
    });
    for await (const piece of answer.body ?? []) {
      clearTimeout(stalled);
      stalled = setTimeout(giveUp, request.stallS * 1000);
      sum.update(piece as Uint8Array);
      sizeBytes += (piece as Uint8Array).byteLength;
    }
    return { status: answer.status, headers: Object.fromEntries(answer.headers), sizeBytes, md5: sum.digest('hex') };
  } catch (error) {
    throw noAnswer('GET', request.url, error);
  } finally {
    clearTimeout(stalled);
  }
}
