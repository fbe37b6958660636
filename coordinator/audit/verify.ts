import { commandId } from '../../proto/command.ts';
import { canonical } from '../../proto/canonical.ts';
import { headTrouble } from '../../proto/heads.ts';
import { digestHolds, type Plan, type PlanStep } from '../plan-format.ts';
import { auditHost, type Against, type HostAudit } from './host.ts';
import { readLines, type Finding, type ReadFile } from './lines.ts';
import { recordsOf, type Records } from './records.ts';

export interface FileOf<T> { file: string; content: T }

/** All that an audit is given; it asks nobody and reads nothing else. `journals`: those of the hosts, as far as they are at hand. */
export interface Exhibits { run: string; plan: FileOf<string>; journal: FileOf<Buffer>; journals: ReadonlyMap<string, FileOf<Buffer>>; /** PEM text of the site's authority. */ ca: string }

export interface Audit {
  run: string;
  /** `proven`: nothing is broken, and signed heads cover every result and the run's end. */
  verdict: 'proven' | 'unproven' | 'broken';
  coordinator: { lines: number; provenTo: number; witnessedBy: string[] };
  hosts: Pick<HostAudit, 'host' | 'lines' | 'provenTo' | 'journalAtHand'>[];
  findings: Finding[];
}

/** Finds what was changed in the record of a run, and says how far it is proven: docs/audit.md. */
export function verifyRun({ run, plan, journal, journals, ca }: Exhibits): Audit {
  const own = readLines(journal.file, journal.content), records = recordsOf(own, run), known = planOf(plan);
  const against: Against = { run, site: typeof known?.site === 'string' ? known.site : undefined, ca };
  const names = new Set([...known?.hosts.map(({ name }) => name) ?? [], ...records.events.keys(), ...records.witnesses.map(({ host }) => host), ...journals.keys()]);
  const hosts = [...names].sort().map((host) => {
    const at = journals.get(host);
    return auditHost(host, records.events.get(host) ?? [], records.witnesses.filter((witness) => witness.host === host), at === undefined ? undefined : readLines(at.file, at.content), against);
  });
  const coordinator = auditOwn(own, hosts, against);
  const findings = [...own.findings, ...records.findings, ...planFindings(plan, known, records, run), ...coordinator.findings, ...hosts.flatMap((host) => host.findings)];
  findings.push(...missingProof(own, records, coordinator.provenTo, hosts));
  const has = (kind: Finding['kind']): boolean => findings.some((finding) => finding.kind === kind);
  return {
    run, verdict: has('broken') ? 'broken' : has('unproven') ? 'unproven' : 'proven',
    coordinator: { lines: own.last, provenTo: coordinator.provenTo, witnessedBy: hosts.filter(({ kept }) => kept.length > 0).map(({ host }) => host) },
    hosts: hosts.map(({ host, lines, provenTo, journalAtHand }) => ({ host, lines, provenTo, journalAtHand })), findings,
  };
}

/** The coordinator's journal against its own heads, which the hosts keep. */
function auditOwn(own: ReadFile, hosts: HostAudit[], against: Against): { provenTo: number; findings: Finding[] } {
  const findings: Finding[] = [];
  let provenTo = 0;
  for (const { host, kept } of hosts) for (const { where, timeMs, head } of kept) {
    const broken = (place: string, what: string): void => { findings.push({ kind: 'broken', where: place, what }); };
    const trouble = headTrouble(head, { ...against, role: 'operator', atMs: timeMs });
    if (trouble !== undefined) { broken(where, `the coordinator's head that ${host} keeps proves nothing: ${trouble}`); continue; }
    const line = own.lines.get(head.n);
    if (head.n > own.last) broken(`${own.file}:${String(own.last + 1)}`, `the coordinator's journal was cut: it had ${String(head.n)} lines when ${host} witnessed it (${where}), ${String(own.last)} are left`);
    else if (head.n > 0 && line?.hash !== head.hash) broken(`${own.file}:${String(line?.line ?? own.last)}`, `the coordinator's journal up to here is not the one that ${host} witnessed (${where}): it was written anew, or rebuilt after a loss`);
    else provenTo = Math.max(provenTo, head.n);
  }
  return { provenTo, findings };
}

/** What nobody's signature covers. The lines of the last exchange itself are behind every head, and say nothing of the run. */
function missingProof(own: ReadFile, { begun, endedAt }: Records, provenTo: number, hosts: HostAudit[]): Finding[] {
  const findings: Finding[] = [];
  const unproven = (n: number, what: string): void => { findings.push({ kind: 'unproven', where: `${own.file}:${String(own.lines.get(n)?.line ?? own.last)}`, what }); };
  if (endedAt < (begun.at(-1)?.n ?? 1)) unproven(own.last, 'the run has no end on record: it goes on still, its coordinator died, or the end was cut off');
  else if (endedAt > provenTo) unproven(endedAt, `the end of the run is not witnessed by any host; the coordinator's own words are proven as far as line ${String(provenTo)}`);
  for (const { host, provenTo: signed, tells } of hosts) {
    if (tells > signed) unproven(own.last, signed === 0 ? `no signed head of ${host} is on record: nothing that it told is proven` : `what ${host} told behind its line ${String(signed)} is not signed by it`);
  }
  return findings;
}

/** The plan, if it can be read as one at all. */
function planOf({ content }: FileOf<string>): Plan | undefined {
  try {
    const plan = JSON.parse(content) as Plan;
    // A plan that was changed by hand may have any shape: its parts are walked through once.
    return plan.hosts.every(({ name }) => typeof name === 'string') && plan.stages.every(({ hosts }) => hosts.every(({ host, steps }) => typeof host === 'string' && steps.every(({ id }) => typeof id === 'string'))) ? plan : undefined;
  } catch { return undefined; }
}

/** The plan is the one that was begun, and each command is one of it: ids are hashes over the plan's digest. */
function planFindings({ file }: FileOf<string>, plan: Plan | undefined, records: Records, run: string): Finding[] {
  if (plan === undefined) return [{ kind: 'broken', where: file, what: 'the file holds no plan' }];
  const findings: Finding[] = [], broken = (where: string, what: string): void => { findings.push({ kind: 'broken', where, what }); };
  if (!digestHolds(plan)) broken(file, 'the plan was changed after it was made: its digest does not hold');
  const steps = new Map<string, PlanStep>(plan.stages.flatMap(({ hosts }) => hosts.flatMap((on) => on.steps.map((step) => [`${step.id}@${on.host}`, step] as const))));
  for (const { where, planDigest } of records.begun) if (planDigest !== plan.digest) broken(file, `the plan is not the one that was begun (${where})`);
  if (records.begun.length === 0) broken(file, 'no run of this plan was begun');
  for (const [host, told] of records.events) for (const { where, n, event } of told) {
    if (event.kind !== 'accepted') continue;
    const { step, mode, attempt, operation, args } = event, planned = steps.get(`${step}@${host}`);
    if (event.command !== commandId({ run, planDigest: plan.digest, step, host, mode, attempt })) broken(where, `the command of step ${step} was made for another plan, run, host or attempt`);
    else if (planned === undefined) broken(where, `step ${step} is not in the plan for ${host}`);
    else if (planned.operation !== operation || canonical(planned.args) !== canonical(args)) broken(where, `step ${step} was sent with other arguments than the plan has`);
    else if (mode === 'apply' && planned.gate !== undefined && !records.approvals.some((word) => word.step === step && word.host === host && word.n < n)) broken(where, `step ${step} was sent to ${host}, and no approval is on record before it, which the plan asks for`);
  }
  return findings;
}
