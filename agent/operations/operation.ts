import type { z } from 'zod';
import type { Difference, Json } from '../../proto/events.ts';
import type { Host, Probe, Sight } from '../host/host.ts';

/**
 * What a look at the host gives. `found` describes the state that the operation is about, complete enough for
 * `revert`, stable enough to be compared with a later look: no times, no pids.
 */
export interface Finding {
  satisfied: boolean;
  found: Json;
  differences: Difference[];
  /** Why nothing needs to be done where that is not plain (no SELinux on this host, ...). */
  reason?: string;
}

/** What the arguments of a step choose on a host: paths, or globs of paths, read or written, each with all below it; packages; units with their suffix. */
export interface Touches { paths?: string[]; packages?: string[]; units?: string[] }

/** Schema of one operation's arguments: every field described, units in the names, unknown keys refused. */
export type ArgsSchema = z.ZodObject;

/**
 * One typed unit of work. `check` only looks; `apply` never decides whether it is needed; `verify` asks the
 * consumer of the change and not the thing that made it; `revert` goes back to the state `check` found.
 * An operation without `apply` is an assertion: it holds (within `deadlineS`, asked again every second) or the step fails.
 */
export interface Operation<S extends ArgsSchema = ArgsSchema> {
  name: string;
  summary: string;
  args: S;
  /** Seconds after which a step that may be killed is stopped and fails with `timed_out`. */
  timeoutS: number;
  /** false: its process outlives a timeout, a lost link and an agent restart, and is found again. */
  mayKill: boolean;
  /** One sentence with the values filled in, as the plan shows it. */
  describe(args: z.infer<S>): string;
  /** What `check` looks at that can be read for many steps with one process (agent/host/ahead.ts). */
  looksAt?(args: z.infer<S>): { sight: Sight; names: string[] };
  /** For the policy of a host (agent/policy.ts): pure. Left out by operations whose arguments choose none of these. */
  touches?(args: z.infer<S>): Touches;
  check(probe: Probe, args: z.infer<S>): Promise<Finding>;
  apply?(host: Host, args: z.infer<S>, found: Json): Promise<void>;
  verify?(probe: Probe, args: z.infer<S>): Promise<Finding>;
  revert?(host: Host, args: z.infer<S>, found: Json): Promise<void>;
  /** Operations that can cut the host off: confirmed over a new connection, or undone by the agent itself. */
  confirmed?: Confirmed<S>;
  /** Assertions only: how long to wait for it to hold. */
  deadlineS?(args: z.infer<S>): number;
}

/**
 * The part of an operation that can cut the host off (docs/decisions/0009-commit-confirmed.md). `apply` changes the running
 * state, `keep` makes it lasting. In order: check, prepare, apply, works, (confirmation), keep, works and lasting; or revert,
 * which must work from a half-applied state, twice, and after a restart of the host. From `apply` on nothing but this
 * host may be asked, since the change may have cut off all else, the backup too: `prepare` puts what is needed into the
 * step's folder.
 */
export interface Confirmed<S extends ArgsSchema = ArgsSchema> {
  /** Seconds after which the agent goes back by itself; undefined: this step asks for no confirmation. */
  withinS(args: z.infer<S>): number | undefined;
  /** Keeps in the step's folder what `revert` needs. Changes nothing else. */
  prepare(host: Host, args: z.infer<S>): Promise<void>;
  /** Whether the running state is as wanted, as far as the host itself can tell. */
  works(host: Host, args: z.infer<S>): Promise<Finding>;
  /** What `check` put into `found`, read again. */
  state(probe: Probe, args: z.infer<S>, found: Json): Promise<Json>;
  /** Makes the confirmed state the one of the next start. */
  keep(host: Host, args: z.infer<S>): Promise<void>;
  /** What of the next start is not as wanted. */
  lasting(host: Host, args: z.infer<S>): Promise<Difference[]>;
}

/** Gives an operation its inferred argument type; the catalogue holds them all as plain Operation. */
export function operation<S extends ArgsSchema>(definition: Operation<S>): Operation {
  return definition;
}

/** A finding of what differs: satisfied exactly when nothing does. */
export function finding(found: Json, differences: Difference[], reason?: string): Finding {
  return { satisfied: differences.length === 0, found, differences, ...(reason === undefined ? {} : { reason }) };
}
