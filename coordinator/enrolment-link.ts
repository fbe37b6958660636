import { createHash, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { proofOf, proves, type Code } from '../proto/enrolment.ts';
import { enrolmentService } from '../proto/wire.ts';
import { AgentRefused, plain, Unreachable, type Endpoint } from './link.ts';
import { printable } from './printable.ts';

type Message = Record<string, unknown>;

const TIMEOUT_MS = 10_000, NONCE_BYTES = 32, MESSAGE_BYTES = 65_536;
/** The longest list that goes with a certificate; the agent takes small messages only before it is enrolled. */
export const LIST_BYTES = 48_000;

/** What Node says of a certificate that is not the one pinned: its own signature, a stranger's, or another key under the same name. */
const OTHER_PEER = /self-signed certificate|unable to (get|verify)|certificate signature failure|another key than the code names/;

const fingerprintOf = ({ publicKey }: X509Certificate): Buffer => createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest();

/** The certificate of whoever answers there, once its key is proven to be the code's. Nothing but a TLS greeting is sent. Throws Unreachable, AgentRefused. */
export async function pinnedPeer({ host, address, port }: Endpoint, { fingerprint }: Code): Promise<X509Certificate> {
  const peer = await new Promise<X509Certificate>((resolve, reject) => {
    // Whose key it is decides the fingerprint below, not an authority: there is none yet.
    const socket = connect({ host: address, port, servername: host, ALPNProtocols: ['h2'], minVersion: 'TLSv1.2', rejectUnauthorized: false, timeout: TIMEOUT_MS }, () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      if (shown === undefined) reject(new Unreachable(host, 'it showed no certificate'));
      else resolve(shown);
    });
    socket.once('timeout', () => { socket.destroy(new Error(`no answer within ${String(TIMEOUT_MS / 1000)} s`)); });
    socket.once('error', (error: Error) => { reject(new Unreachable(host, error.message)); });
    socket.once('close', () => { reject(new Unreachable(host, `what answers at ${address}:${String(port)} broke off`)); });
  });
  if (!fingerprintOf(peer).equals(fingerprint)) throw new AgentRefused(host, 'OTHER_KEY', `the host at ${address}:${String(port)} holds another key than the code names: somebody may be in between, or the code is another host's`);
  return peer;
}

/** The enrolment of one host: over TLS with exactly this peer, which must have been pinned. */
export class EnrolmentLink {
  readonly #endpoint: Endpoint;
  readonly #code: Code;
  readonly #client: Client;
  #nonce: Buffer = Buffer.alloc(0);

  constructor(endpoint: Endpoint, peer: X509Certificate, code: Code) {
    this.#endpoint = endpoint;
    this.#code = code;
    this.#client = new Client(`${endpoint.address}:${String(endpoint.port)}`, credentials.createSsl(Buffer.from(peer.toString()), null, null, {
      // The certificate is its own authority, and its key the code's: a name in it proves nothing more.
      checkServerIdentity: (_name, { raw }) => (fingerprintOf(new X509Certificate(raw)).equals(code.fingerprint) ? undefined : new Error('another key than the code names')),
    }), { 'grpc.ssl_target_name_override': endpoint.host, 'grpc.default_authority': endpoint.host, 'grpc.max_receive_message_length': MESSAGE_BYTES, 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1 });
  }

  /** The host's certificate signing request (PEM), proven to come from who knows the code. Throws Unreachable, AgentRefused. */
  async requestCertificate(): Promise<string> {
    const { host } = this.#endpoint;
    this.#nonce = Buffer.from((await this.#call('BeginEnrolment', {}))['nonce'] as Uint8Array);
    if (this.#nonce.length !== NONCE_BYTES) throw new AgentRefused(host, 'PROTOCOL', `its nonce has ${String(this.#nonce.length)} bytes instead of ${String(NONCE_BYTES)}`);
    const answer = await this.#call('RequestCertificate', { hostName: host, nonce: this.#nonce, proof: proofOf('request', this.#code, this.#nonce, host) });
    const csr = String(answer['csrPem']);
    if (!proves(Buffer.from(answer['proof'] as Uint8Array), proofOf('csr', this.#code, this.#nonce, csr))) throw new AgentRefused(host, 'NO_PROOF', 'it holds the key but does not prove that it knows the code');
    return csr;
  }

  /** Hands over what was signed; a list too long for the agent's small messages is left to tandem pki publish. Throws Unreachable where the answer was lost: it may have been installed all the same; AgentRefused. */
  async install(certificatePem: string, caPem: string, wholeList: string): Promise<void> {
    const crlPem = wholeList.length > LIST_BYTES ? '' : wholeList;
    await this.#call('InstallCertificate', { nonce: this.#nonce, certificatePem, caPem, crlPem, proof: proofOf('install', this.#code, this.#nonce, certificatePem, caPem, crlPem) });
  }

  close(): void { this.#client.close(); }

  async #call(method: string, request: Message): Promise<Message> {
    const { host } = this.#endpoint, definition = enrolmentService[method];
    if (definition === undefined) throw new TypeError(`${method} is not in the contract`);
    return await new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(definition.path, definition.requestSerialize, definition.responseDeserialize, request, new Metadata(), { deadline: Date.now() + TIMEOUT_MS },
        (error: ServiceError | null, answer?: Message) => {
          if (error === null) resolve(answer ?? {});
          else if (OTHER_PEER.test(error.details)) reject(new AgentRefused(host, 'OTHER_KEY', 'it holds another key than the code names, and held the right one a moment ago: somebody may be in between'));
          else if ([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED].includes(error.code)) reject(new Unreachable(host, plain(printable(error.details))));
          else if (error.code === status.UNIMPLEMENTED) reject(new AgentRefused(host, 'NOT_ENROLLING', 'what answers there takes no enrolment: no Tandem agent, or one of an older version'));
          else reject(new AgentRefused(host, 'REFUSED_ENROLMENT', printable(error.details)));
        });
    });
  }
}
