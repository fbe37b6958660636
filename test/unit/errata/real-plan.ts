import type { Plan, PlanStep } from '../../../coordinator/plan-format.ts';
import { fixture, planSite } from '../coordinator/real-runbook.ts';

/** What the tests change in the captured facts of the controller. */
export interface Facts {
  services: Record<string, string>; lvm: unknown; cinder: { lvmBackends: object[] }; neutron: { bridgePorts: Record<string, string[]> };
  host: { interfaces: { name: string; mac: string; addresses: string[] }[] }; db: { stamps: Record<string, string> };
}
export type Args = Record<string, unknown>;
export interface Placed { step: PlanStep; args: Args; host: string; target: string | undefined; place: number }

/** A controller whose Block Storage keeps volumes in LVM. */
export const withLvm = (facts: Facts): void => {
  facts.lvm = { vgs: [{ name: 'cinder-volumes', uuid: 'aB3xYz-1111-2222-3333-4444-5555-zYx3Ba', lvs: ['volume-1'] }], pvs: [] };
  facts.cinder = { lvmBackends: [{ section: 'lvm', volumeGroup: 'cinder-volumes' }] };
};

const COMPUTE2 = '  compute2:\n    role: compute\n    address: 10.77.0.3\n    fqdn: compute2.example.test\n    backup: /mnt/backup/compute2.example.test\n    captured: ./captured/compute2.json\n';

/** The real runbook over a controller and two computes; `interfaces`: what the site says of each host's cards, old to new. */
export function planned(change: (facts: Facts) => void = () => undefined, variables = '{}', interfaces = '{}'): Plan {
  const facts = JSON.parse(fixture('captured/controller.json')) as Facts;
  change(facts);
  const site = fixture('site.yaml').replace('variables: {}', `${COMPUTE2}variables: ${variables}`).replaceAll(/^ {4}role: /gm, `    interfaces: ${interfaces}\n$&`);
  return planSite(site, JSON.stringify(facts));
}

/** Its steps that are carried out, in the order of the plan. */
export function stepsOf(plan: Plan): Placed[] {
  return plan.stages.flatMap(({ hosts, target }) => hosts.flatMap(({ host, steps }) => steps.map((step) => ({ step, host, target }))))
    .map(({ step, host, target }, place) => ({ step, args: (step.args ?? {}) as Args, host, target, place })).filter(({ step }) => step.skip === undefined);
}

/** The one step of this id on this host; fails where there is none. */
export function stepOf(plan: Plan, id: string, host = 'controller'): Placed {
  const found = stepsOf(plan).filter(({ step, host: on }) => step.id === id && on === host);
  if (found.length !== 1) throw new Error(`${id}@${host}: ${String(found.length)} steps`);
  return found[0]!;
}
