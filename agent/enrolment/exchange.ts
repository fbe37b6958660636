import { randomBytes } from 'node:crypto';
import { proofOf, proves, type Code, type ProofOf } from '../../proto/enrolment.ts';
import { checkOffered, install, NotKept, stampOf, Unfit, type Enrolment, type Offered } from './certificate.ts';
import { Callers } from './callers.ts';
import { hostKey, type HostKey } from './key.ts';
import { MAX_WRONG, type PendingCode } from './pending.ts';

/** Why a step of an enrolment was refused. */
export class EnrolmentRefused extends Error {
  readonly kind: 'message' | 'nonce' | 'proof' | 'certificate' | 'disk';
  constructor(kind: EnrolmentRefused['kind'], message: string) { super(message); this.kind = kind; }
}

export interface Request { hostName: string; nonce: Buffer; proof: Buffer }
export interface Installation extends Offered { nonce: Buffer; proof: Buffer }
interface Setup { certs: string; key: HostKey; code: PendingCode; csrFor(host: string): Promise<string>; nowMs?: () => number }

const NONCE_BYTES = 32, PROOF_BYTES = 32;
/** Between BeginEnrolment and InstallCertificate, milliseconds. */
const EXCHANGE_MS = 120_000;
/** Callers who have proven that they know the code and have installed nothing yet. */
const MAX_PROVEN = 8;
/** Nobody mistypes a code that often: at this wrong proof the log says where it came from. */
const TOLD_WRONG = 5;
const HOST_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The agent's side of docs/decisions/0012-enrolment.md, without the wire. Each nonce serves one request, and that one installation. */
export class Exchange {
  readonly #setup: Setup;
  readonly #callers = new Callers(EXCHANGE_MS);
  readonly #proven = new Map<string, { address: string; hostName: string; untilMs: number }>();
  #over = false;
  #tell: (enrolment: Enrolment) => void = () => undefined;
  /** Resolves when this host has been enrolled. */
  readonly enrolled: Promise<Enrolment>;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.enrolled = new Promise((resolve) => { this.#tell = resolve; });
  }

  /** False where this address calls too often. */
  admits(address: string): boolean { return this.#callers.admits(address, this.#now); }

  begin(address: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    this.#callers.open(address, nonce.toString('hex'), this.#now);
    return nonce;
  }

  async request(address: string, { hostName, nonce, proof }: Request): Promise<{ csrPem: string; proof: Buffer }> {
    sized(nonce, proof);
    if (!HOST_NAME.test(hostName)) throw new EnrolmentRefused('message', 'host_name is not of the form of a host name: small letters, digits and dashes, at most 63');
    const untilMs = this.#callers.take(address, nonce.toString('hex'), this.#now);
    if (untilMs === undefined) throw spent();
    const code = this.#proof(address, 'request', nonce, proof, hostName);
    const csrPem = await this.#setup.csrFor(hostName);
    if (this.#proven.size >= MAX_PROVEN) for (const [oldest] of this.#proven) { this.#proven.delete(oldest); break; }
    this.#proven.set(nonce.toString('hex'), { address, hostName, untilMs });
    return { csrPem, proof: proofOf('csr', code, nonce, csrPem) };
  }

  /** Installs the certificate, or throws EnrolmentRefused and leaves this host enrolled as it was, or not. */
  async install({ nonce, proof, ...offered }: Installation): Promise<Enrolment> {
    sized(nonce, proof);
    const exchange = this.#proven.get(nonce.toString('hex'));
    this.#proven.delete(nonce.toString('hex'));
    if (exchange === undefined || exchange.untilMs <= this.#now) throw spent();
    this.#proof(exchange.address, 'install', nonce, proof, offered.certificatePem, offered.caPem, offered.crlPem);
    const { certs, code } = this.#setup;
    try {
      const enrolment = await checkOffered(certs, hostKey(certs), offered, this.#now);
      if (enrolment.host !== exchange.hostName) throw new Unfit(`agent.crt is of ${enrolment.host}; the request was for ${exchange.hostName}`);
      if (this.#over) throw spent(); // another caller with the code was faster
      install(certs, enrolment);
      this.#over = true;
      code.drop();
      this.#tell(enrolment);
      return enrolment;
    } catch (error) {
      if (error instanceof Unfit) throw new EnrolmentRefused('certificate', `refused: ${error.message}`);
      if (error instanceof NotKept) throw new EnrolmentRefused('disk', `this host could not keep the certificate: ${error.message}. ${stampOf(certs) === undefined ? 'It is not enrolled' : 'It has its old certificate'}; the code is still good`);
      throw error;
    }
  }

  /** Nothing is installed from here on. */
  end(): void { this.#over = true; }

  /** The open code, if the proof was made with it. A wrong one is counted; who has not proven to know the code learns nothing of it. */
  #proof(address: string, step: ProofOf, nonce: Buffer, proof: Buffer, ...parts: string[]): Code {
    const { code: pending, key } = this.#setup, standing = this.#over ? 'none' : pending.current(key.fingerprint, this.#now);
    if (standing === 'expired' || standing === 'void') throw new EnrolmentRefused('proof', `refused: the code ${standing === 'void' ? `is void after ${String(MAX_WRONG)} wrong proofs` : 'has expired'}; on the host, tandem agent enrol makes another`);
    if (standing === 'none') throw new EnrolmentRefused('proof', WRONG);
    if (proves(proof, proofOf(step, standing.code, nonce, ...parts))) return standing.code;
    if (pending.countWrong(standing.code) === TOLD_WRONG) console.error(`enrolment: ${String(TOLD_WRONG)} wrong proofs of this host's code, the last from ${address}`);
    throw new EnrolmentRefused('proof', WRONG);
  }

  get #now(): number { return (this.#setup.nowMs ?? Date.now)(); }
}

const WRONG = 'refused: no valid code or wrong proof';
const spent = (): EnrolmentRefused => new EnrolmentRefused('nonce', 'refused: this nonce is not open (it is good for two minutes and one exchange); begin again');

function sized(nonce: Buffer, proof: Buffer): void {
  if (nonce.length !== NONCE_BYTES || proof.length !== PROOF_BYTES) throw new EnrolmentRefused('message', `expected a nonce of ${String(NONCE_BYTES)} bytes and a proof of ${String(PROOF_BYTES)}`);
}
