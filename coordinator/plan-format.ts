import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../proto/events.ts';

/** The plan as it is stored, printed as JSON and carried out. */
export interface PlanStep {
  id: string;
  /** Rows of the procedure that this step carries: its own and those it names. */
  rows: string[];
  title: string;
  /** Empty: nothing is sent to an agent, a person's word is the step. */
  operation: string;
  args: Json;
  sentence: string;
  timeoutS: number;
  mayKill: boolean;
  /** false: an assertion, which only looks. */
  changes: boolean;
  /** true: it can be undone. */
  reverts: boolean;
  /** Keys (`id@host`) of steps that must have succeeded before. */
  needs: string[];
  /** Keys of steps of other hosts, or of other turns, that the procedure's hard edges put before this one. */
  after?: string[];
  human?: string;
  /** true: the host joins the run here; before, another system may stand in its place, or none (docs/decisions/0017-hosts-that-arrive.md). */
  arrives?: true;
  /** Why a person's word is wanted before this step starts (docs/decisions/0014-gates.md). */
  gate?: string;
  /** Once an earlier run has ended all these keys well, a new one leaves this step out, and says why. */
  spent?: { after: string[]; why: string };
  /** Set when the plan itself decides that nothing is done here, with the reason. */
  skip?: { reason: string };
}
export interface PlanHost { name: string; role: string; address: string; port: number; fqdn: string }
export interface PlanStage {
  phase: string;
  stage: string;
  /** The host that the stage is about, where its phase is gone through once for each host of a role. */
  target?: string;
  strategy: 'parallel' | 'serial';
  limit?: number;
  /** Hosts that may fail before the stage stops: a count or a percentage. */
  maxFailures: number | string;
  /** Name of the state before this stage. */
  checkpoint?: string;
  /** Once something of this stage was changed, nothing before it can be reached: why. */
  noReturn?: string;
  hosts: { host: string; steps: PlanStep[] }[];
}
export interface Plan {
  format: 1;
  /** sha256 of the canonical JSON of everything else in the plan. */
  digest: string;
  /** Digest of the plan that this one was made from when its run began, with the steps left out whose purpose has passed. */
  spentOf?: string;
  site: string;
  runbook: { name: string; title: string; digest: string };
  catalogueDigest: string;
  inputs: { path: string; sha256: string }[];
  hosts: PlanHost[];
  /** What the captured facts hold against this plan and a person passed over, and why. */
  waived?: { id: string; host: string; says: string; by: string; reason: string }[];
  stages: PlanStage[];
}

/** A step's name across hosts. */
export const stepKey = (id: string, host: string): string => `${id}@${host}`;

/** Says whether a stored plan is the one its digest names: nobody has changed it since it was made. */
export function digestHolds(plan: Plan): boolean {
  const { digest, ...content } = plan;
  return digest === digestOf(content);
}

export const digestOf = (value: unknown): string => createHash('sha256').update(canonicalize(value) ?? '').digest('hex');
