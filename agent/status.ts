import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { MAX_WRONG, standingOf } from './enrolment/pending.ts';
import { readUnits } from './facts/units.ts';
import { certificateItem } from './health/services.ts';
import type { Probe } from './host/host.ts';
import { runsHere } from './idle.ts';

const CERTIFICATE = '/etc/tandem/pki/agent.crt', AUTHORITY = '/etc/tandem/pki/ca.crt';

/** How the agent on this host is, in lines for a person. */
export async function agentStatus(probe: Probe, stateDir: string, version: string): Promise<{ running: boolean; lines: string[] }> {
  const unit = (await readUnits(probe, ['tandem-agent'])).get('tandem-agent.service');
  if (unit === undefined) throw new Error('systemctl show says nothing of tandem-agent.service');
  const running = unit.active === 'active';
  // The kernel says so when the file of a process was replaced or removed.
  const older = running && (await probe.stat(`/proc/${unit.mainPid}/exe`))?.linkTarget?.endsWith(' (deleted)') === true;
  const runs = await runsHere(stateDir, probe);
  return { running, lines: [
    `this file  tandem ${version}`,
    `agent      ${unit.load === 'loaded' ? `${unit.active} (${unit.sub})${running ? `, pid ${unit.mainPid}` : ''}, ${unit.enabled}` : `unit ${unit.load}`}`,
    ...(older ? ['           runs an older file than the one installed; systemctl restart tandem-agent'] : []),
    `enrolled   ${await enrolment(probe, stateDir, Date.now())}`,
    `runs       ${runs.length === 0 ? 'none on this host' : runs.join('\n           ')}`,
  ] };
}

async function enrolment(probe: Probe, stateDir: string, nowMs: number): Promise<string> {
  const pem = await probe.readFile(CERTIFICATE);
  if (pem === undefined) {
    const standing = standingOf(await probe.readFile(join(stateDir, 'enrolment.json')), await probe.readFile(join(stateDir, 'enrolment-tries.json')), nowMs);
    const code = { none: 'no code is open (tandem agent enrol)', expired: 'its code has expired (tandem agent enrol)', void: `its code is void after ${String(MAX_WRONG)} wrong proofs (tandem agent enrol)` };
    return `no: there is no ${CERTIFICATE}; ${typeof standing === 'string' ? code[standing] : `a code is open until ${new Date(standing.untilMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`}`;
  }
  const authority = await probe.readFile(AUTHORITY);
  const { grade, reason } = certificateItem(Buffer.from(pem), authority === undefined ? undefined : Buffer.from(authority), nowMs), { subjectAltName, validTo } = new X509Certificate(pem);
  return `as ${/URI:spiffe:\/\/([^,]+)/.exec(subjectAltName ?? '')?.[1] ?? 'nobody: the certificate names no host'}, until ${validTo}${grade === 'ok' ? '' : ` (${grade}: ${reason})`}`;
}
