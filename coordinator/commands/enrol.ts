import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { Command } from 'commander';
import { codeOf, type Code } from '../../proto/enrolment.ts';
import type { Context } from '../context.ts';
import { EnrolmentLink, LIST_BYTES, pinnedPeer } from '../enrolment-link.ts';
import { besideSite, readSite } from '../input/files.ts';
import { InputError, problem } from '../input/problem.ts';
import { AgentRefused, Link, Unreachable, type Endpoint } from '../link.ts';
import { day, fingerprintText, serialOf } from '../pki/checks.ts';
import { checkWanted, enrol, keyOfRequest, type Enrolled, type Wanted } from '../pki/enrol.ts';
import type { Credentials } from '../pki/folder.ts';
import type { SiteHost } from '../site.ts';
import { ANY, checkInForce, credentials, hostsNamed } from './links.ts';
import { invalid, matching } from './values.ts';

interface Options { code?: string; request?: string; fingerprint?: string; again?: true; reason?: string }

/** How long the agent may take to go over from enrolment to its service; and to answer at all, where what it said was lost. */
const PROVE_S = 20;

export function enrolCommand(context: Context): Command {
  return new Command('enrol').description("Give a host its certificate; the host's private key stays there. Works where ca.key is kept.")
    .argument('<host>', 'host of the site file')
    .option('--code <code>', 'the one-time code that tandem agent enrol printed on the host ("-": read it from standard input)')
    .option('--request <file>', 'instead of a code, where nothing may be dialled: the file that tandem agent enrol --request wrote')
    .option('--fingerprint <hex>', "with --request: the fingerprint of the host's key as tandem agent enrol showed it there, with or without colons", sha256Of)
    .option('--again', 'the host has a certificate already: it is revoked in the same act')
    .option('--reason <text>', 'why; it stands in the ledger', matching(/^[^\p{Cc}]{1,200}$/u, 'at most 200 letters on one line'))
    .addHelpText('after', '\nExamples:\n  tandem enrol controller --code -\n  tandem enrol controller --code PO5MG-... --again --reason "installed anew"\n  tandem enrol controller --request controller.csr --fingerprint 5E:07:...\n\nExit codes: 0 enrolled, 2 not asked rightly, 3 the host refused or holds another key, 5 it cannot be reached.')
    .action(async (name: string, { code, request, fingerprint, again, reason }: Options) => {
      if ((code === undefined) === (request === undefined)) throw invalid(code === undefined ? 'neither --code nor --request' : 'both --code and --request', 'one of --code CODE, --request FILE');
      if ((request === undefined) !== (fingerprint === undefined)) throw invalid(request === undefined ? '--fingerprint without --request' : '--request without --fingerprint', 'both: the fingerprint is the one that tandem agent enrol showed on the host, and nothing else tells whose key is in the file');
      if (again === true && reason === undefined) throw invalid('--again without a reason', '--reason TEXT with it: the ledger keeps why a host was enrolled again');
      const site = readSite(context.siteFile()), host = hostsNamed(context, site, [name])[0] as SiteHost;
      const folder = besideSite(context.siteFile(), site.pki), wanted: Wanted = { name, address: host.address, again: again === true, reason, place: context.at(name) };
      if (request !== undefined) { await byFile(context, folder, wanted, request, fingerprint as string); return; }
      const parsed = codeGiven(code as string);
      const own = credentials(context, site, ANY);
      await checkInForce(own);
      await byCode(context, folder, wanted, { host: name, address: host.address, port: host.port }, parsed, own);
    });
}

/** Never repeats the code, which is a secret until it is used. */
function codeGiven(text: string): Code {
  const code = codeOf(text === '-' ? readFileSync(0, 'utf8') : text);
  if (typeof code === 'string') throw new InputError([problem({ file: 'code', line: 1, column: 1 }, `a code that is none: ${code}`, 'the code as tandem agent enrol printed it on the host')]);
  return code;
}

/** SHA-256 as people copy it: hex, with or without colons, in either case. */
function sha256Of(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw invalid(JSON.stringify(text), 'a fingerprint of 64 hexadecimal digits, with or without colons');
  return hex;
}

async function byFile(context: Context, folder: string, wanted: Wanted, file: string, fingerprint: string): Promise<void> {
  const place = { file, line: 1, column: 1 };
  if (!existsSync(file)) throw new InputError([problem(place, 'no file', 'the request that tandem agent enrol --request wrote on the host')]);
  const csr = readFileSync(file, 'utf8'), key = await keyOfRequest(csr, place);
  // Before anything is signed, on record or revoked.
  if (key !== fingerprint) throw new InputError([problem(place, `a request of another key, ${fingerprintText(key)}`, `the one of ${wanted.name}, ${fingerprintText(fingerprint)}: somebody may have changed the file, or it is another host's`)]);
  const enrolled = await enrol(folder, { ...wanted, reason: wanted.reason ?? 'enrolled by file' }, csr, Date.now());
  context.say(`Made ${enrolled.issued}/agent.crt: certificate ${enrolled.serial} of ${wanted.name}, valid until ${until(enrolled)}.`);
  const authority = new X509Certificate(enrolled.caPem).fingerprint256;
  context.say(`Fingerprint of ca.crt: ${authority}`);
  tellRevoked(context, enrolled);
  context.tell(`Next: copy ${enrolled.issued}/ to ${wanted.name}, and there, with the fingerprint of ca.crt from this screen, not from the medium:\n  tandem agent enrol --certificate FOLDER --authority ${authority}${wanted.again ? ' --again' : ''}`);
}

async function byCode(context: Context, folder: string, wanted: Wanted, endpoint: Endpoint, code: Code, own: Credentials): Promise<void> {
  checkWanted(folder, wanted, code.fingerprint.toString('hex'), Date.now());
  const peer = await pinnedPeer(endpoint, code);
  if (!peer.verify(peer.publicKey)) { await enrolledBefore(context, wanted, endpoint, peer, own); return; }
  const link = new EnrolmentLink(endpoint, peer, code);
  try {
    const csr = await link.requestCertificate(), place = { file: `request of ${wanted.name}`, line: 1, column: 1 };
    if (await keyOfRequest(csr, place) !== code.fingerprint.toString('hex')) throw new AgentRefused(wanted.name, 'OTHER_KEY', 'it asks for a certificate of another key than the code names');
    const enrolled = await enrol(folder, { ...wanted, reason: wanted.reason ?? 'enrolled by code' }, csr, Date.now());
    try { await link.install(enrolled.certificatePem, enrolled.caPem, enrolled.crlPem); } catch (error) {
      // What it said may have been lost on the way, and the certificate installed.
      const agent = error instanceof Unreachable ? await proven(endpoint, own, enrolled.serial).catch(() => undefined) : undefined;
      if (agent === undefined) {
        tellRevoked(context, enrolled);
        context.tell(`Certificate ${enrolled.serial} was made (${enrolled.issued}/agent.crt) but is not known to be installed. It is of use to this host's own key only.\nNext: the same command again installs it${wanted.again ? ' (without --again)' : ''}; or: tandem pki revoke ${wanted.name} --serial ${enrolled.serial} --reason TEXT`);
        throw error;
      }
    }
    const agent = await proven(endpoint, own, enrolled.serial).catch((error: unknown) => {
      tellRevoked(context, enrolled);
      context.tell(`Certificate ${enrolled.serial} (${enrolled.issued}/agent.crt) is installed on ${wanted.name}, which has not yet answered with it.\nNext: tandem hosts; if it does not answer, on the host: tandem agent status`);
      throw error;
    });
    context.say(`${wanted.name} is enrolled: certificate ${enrolled.serial}, valid until ${until(enrolled)}; agent ${agent} answers as ${wanted.name}.`);
    if (enrolled.madeBeforeMs !== undefined) context.say(`It is the certificate that was made for this key on ${day(new Date(enrolled.madeBeforeMs))}; for another: --again --reason TEXT, with a new code.`);
    tellRevoked(context, enrolled);
    const without = enrolled.crlPem.length > LIST_BYTES;
    if (without) context.say(`The revocation list is too long to go with a certificate: ${wanted.name} lets in who was revoked until it has it.`);
    context.tell(enrolled.revoked.length > 0 || without ? 'Next: tandem pki publish' : 'Next: tandem hosts shows who answers.');
  } finally { link.close(); }
}

const until = ({ certificatePem }: Enrolled): string => day(new X509Certificate(certificatePem).validToDate);

function tellRevoked(context: Context, { revoked }: Enrolled): void {
  if (revoked.length > 0) context.say(`Revoked: ${revoked.join(', ')}. The other hosts learn of it by: tandem pki publish`);
}

/** It holds the code's key and serves with a certificate already: the answer to an enrolment was lost, or it was never asked for anew. */
async function enrolledBefore(context: Context, { name, again }: Wanted, endpoint: Endpoint, peer: X509Certificate, own: Credentials): Promise<void> {
  if (!peer.verify(new X509Certificate(own.ca).publicKey)) throw new AgentRefused(name, 'OTHER_SITE', "it is enrolled already, by another site's authority. On it: tandem agent enrol --again");
  const serial = serialOf(peer.serialNumber), agent = await proven(endpoint, own, serial);
  context.say(`${name} is enrolled already with this very certificate ${serial}, valid until ${day(peer.validToDate)}; agent ${agent} answers as ${name}.`);
  if (again) context.tell('Nothing was made or revoked. For another certificate, on the host: tandem agent enrol --again, and restart the agent; then again here with the new code.');
}

/** Dials as every command does, and lets the agent say who it is: its version. Throws Unreachable, AgentRefused. */
async function proven(endpoint: Endpoint, own: Credentials, serial: string): Promise<string> {
  const link = new Link(endpoint, own);
  try {
    for (const untilMs = Date.now() + PROVE_S * 1000; ;) {
      try {
        const answer = await link.call('ListOperations', {}, 5);
        if (answer['host'] !== endpoint.host || serialOf(link.serial ?? '') !== serial) throw new AgentRefused(endpoint.host, 'OTHER_CERTIFICATE', `it answers as ${String(answer['host'])} with certificate ${String(link.serial)} instead of ${serial}`);
        return String(answer['agentVersion']);
      } catch (error) {
        if (!(error instanceof Unreachable) || Date.now() > untilMs) throw error;
        await sleep(300);
      }
    }
  } finally { link.close(); }
}
