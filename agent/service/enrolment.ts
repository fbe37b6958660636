import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { enrolmentService } from '../../proto/wire.ts';
import { EnrolmentRefused, type Exchange } from '../enrolment/exchange.ts';
import { denial } from './calls.ts';
import { Denied, type Message } from './gate.ts';

/** Larger than any honest message: a certificate, the authority's, and a list of a thousand revocations. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** How long the last answers may take to leave, milliseconds. */
const CLOSE_MS = 1000;

const CODES: Record<EnrolmentRefused['kind'], status> = {
  message: status.INVALID_ARGUMENT, nonce: status.FAILED_PRECONDITION, proof: status.PERMISSION_DENIED, certificate: status.INVALID_ARGUMENT, disk: status.RESOURCE_EXHAUSTED,
};

/** "192.0.2.1:4711" or "[2001:db8::1]:4711" without the port. */
const addressOf = (peer: string): string => peer.replace(/:\d+$/, '');

/** Serves EnrolmentService and nothing else, by TLS with a certificate that the caller pins; nobody has to show one. */
export async function serveEnrolment(exchange: Exchange, version: string, tls: { key: Buffer; certificate: Buffer }, address: string): Promise<{ port: number; close(): Promise<void> }> {
  const step = (answer: (message: Message, address: string) => Promise<Message> | Message) => (call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>): void => {
    const from = addressOf(call.getPeer());
    Promise.resolve().then(() => {
      if (!exchange.admits(from)) throw new Denied(status.RESOURCE_EXHAUSTED, 'too many calls; wait a second');
      return answer(call.request, from);
    }).then((value) => { callback(null, value); }, (error: unknown) => {
      callback(error instanceof EnrolmentRefused ? { code: CODES[error.kind], details: error.message } : denial(error));
    });
  };
  const bytes = (value: unknown): Buffer => value as Buffer, text = (value: unknown): string => String(value);
  const server = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_concurrent_streams': 10, 'grpc.max_connection_idle_ms': 60_000 });
  server.addService(enrolmentService, {
    BeginEnrolment: step((_, from) => ({ nonce: exchange.begin(from), agentVersion: version })),
    RequestCertificate: step(async (request, from) => ({ ...await exchange.request(from, { hostName: text(request['hostName']), nonce: bytes(request['nonce']), proof: bytes(request['proof']) }) })),
    InstallCertificate: step(async (request) => {
      const { certificate } = await exchange.install({ nonce: bytes(request['nonce']), certificatePem: text(request['certificatePem']), caPem: text(request['caPem']), crlPem: text(request['crlPem']), proof: bytes(request['proof']) });
      return { fingerprintSha256: certificate.fingerprint256 };
    }),
  });
  const credentials = ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.certificate }], false);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => { if (error === null) resolve(bound); else reject(error); });
  });
  return {
    port,
    close: () => new Promise((resolve) => {
      const force = setTimeout(() => { server.forceShutdown(); resolve(); }, CLOSE_MS); // a caller that holds on must not hold the agent
      server.tryShutdown(() => { clearTimeout(force); resolve(); });
    }),
  };
}
