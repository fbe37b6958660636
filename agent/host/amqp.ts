import { StepError } from '../../proto/errors.ts';
import type { AmqpAnswer, AmqpLogin } from './host.ts';

const secondsToMs = 1000;

/**
 * Opens an AMQP 0-9-1 connection with PLAIN credentials on one virtual host, as a service does, and closes it again:
 * the broker itself says whether it takes them. Throws StepError command_failed where no broker answers.
 */
export async function tryAmqpLogin(login: AmqpLogin): Promise<AmqpAnswer> {
  const { connect } = await import('amqplib'); // loaded when first needed: the agent's start does not pay for it
  const where = `${login.address}:${String(login.port)}`;
  try {
    const connection = await connect(
      { protocol: 'amqp', hostname: login.address, port: login.port, username: login.user, password: login.password, vhost: encodeURIComponent(login.vhost), heartbeat: 0 },
      { timeout: (login.timeoutS ?? 10) * secondsToMs, clientProperties: { product: 'tandem' } },
    );
    connection.on('error', () => undefined); // the answer is known; an unclean close says nothing more
    await connection.close();
    return { accepted: true, reason: '' };
  } catch (error) {
    const text = (error as Error).message;
    if (/\b403\b|ACCESS[-_]REFUSED/.test(text)) return { accepted: false, reason: 'the broker refused the user or its password (ACCESS_REFUSED)' };
    // the user was let in and the virtual host was not opened: amqplib keeps the frame's name, not its code
    if (/\b530\b|NOT[-_]ALLOWED|Expected ConnectionOpenOk; got <ConnectionClose/.test(text)) return { accepted: false, reason: `the broker does not let the user into virtual host ${login.vhost} (NOT_ALLOWED)` };
    throw new StepError('command_failed', `no AMQP answer from ${where}: ${text}`);
  }
}
