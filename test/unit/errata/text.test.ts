// Errors of the printed text that the plan shows: what stands there instead. E1 to E6, E14, E15, E19 and E21 are in rpc-cap, traps,
// drained and errata.test.ts of their operations; docs/errata.md has the list.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import { COMPUTE_PACKAGES, COMPUTE_SERVICES, GLANCE_FILES, GLANCE_OWNER, GLUED, IPTABLES_COPY, IPTABLES_SERVICES, OSP5_CHANNEL, wordsOf } from './printed.ts';
import { planned, stepOf, stepsOf } from './real-plan.ts';

const plan = planned();
const COMPUTES = ['compute1', 'compute2'];
const namesOf = (id: string, host?: string): unknown => stepOf(plan, id, host).args['names'];
const problemOf = (operation: string, args: Record<string, unknown>): string => findOperation(operation)!.args.safeParse(args).error?.issues.map(({ message }) => message).join() ?? '';

test('E8: the printed name of the firewall\'s package is a name and an option; both hosts install the one package', () => {
  const names = wordsOf(IPTABLES_SERVICES).slice(2);
  expect(names).toEqual(['iptables', '-services']);
  expect(problemOf('package.installed', { names })).toContain('not an option');
  expect([namesOf('C10'), ...COMPUTES.map((host) => namesOf('N12', host))]).toEqual([['iptables-services'], ['iptables-services'], ['iptables-services']]);
});

test('E9: a trailing backslash makes the next command part of this one; the packages and the start are two steps', () => {
  const asPasted = execFileSync('sh', ['-c', `yum() { printf '%s\\n' "$@"; }\n${COMPUTE_PACKAGES}`], { encoding: 'utf8' }).trim().split('\n').slice(2);
  expect(asPasted).toEqual(['openstack-selinux', 'openvswitch', 'systemctl', 'enable', 'openvswitch']);
  for (const host of COMPUTES) {
    expect(namesOf('N6', host)).toEqual(asPasted.slice(0, 2));
    expect(stepOf(plan, 'N7', host).step).toMatchObject({ operation: 'service.running', args: { units: ['openvswitch'], enabled: true } });
  }
});

test('E11: the text copies the files of the Identity service; what is restored, merged and labelled is the Image service\'s', () => {
  const image = stepsOf(plan).filter(({ step }) => /^C38(?:\.|$)/.test(step.id));
  expect(image.map(({ step }) => step.id)).toEqual(['C38', 'C38.label', 'C38.merged', 'C38.registry']);
  expect(stepOf(plan, 'C38').args['paths']).toEqual([wordsOf(GLANCE_FILES.command).at(-1)?.replace(/\/$/, '')]);
  for (const { args } of image) expect(JSON.stringify(args)).not.toMatch(/\/keystone[/"]/);
  expect(image.map(({ step }) => step.title).join()).not.toContain(GLANCE_FILES.text);
});

test('E12: logs and data, says the text, and gives a command for the data; both are given to the service before it starts', () => {
  const [, owner = '', data = ''] = wordsOf(GLANCE_OWNER), [user, group] = owner.split(':');
  const owned = stepsOf(plan).filter(({ step }) => step.operation === 'file.owned' && step.rows.includes('C40'));
  expect(owned.map(({ args }) => args)).toEqual([data, '/var/log/glance'].map((path) => ({ path, user, group, recurse: true })));
  for (const { place } of owned) expect(place).toBeLessThan(stepOf(plan, 'C42').place);
});

test('E13: libvirtd is enabled once it is installed, and Open vSwitch alone before that', () => {
  expect(COMPUTE_SERVICES).toContain('libvirtd');
  for (const host of COMPUTES) {
    expect(stepOf(plan, 'N7', host).args['units']).toEqual(['openvswitch']);
    const starts = stepsOf(plan).filter((one) => one.host === host && one.step.operation === 'service.running' && JSON.stringify(one.args).includes('libvirtd'));
    expect(starts.map(({ step }) => step.id)).toEqual(['N10']);
    expect(starts[0]!.place).toBeGreaterThan(stepOf(plan, 'N8', host).place);
  }
});

test('E17: names that lost their separators are in no step; each package and unit stands for itself', () => {
  expect(namesOf('C44')).toEqual(['openstack-neutron', 'openstack-neutron-ml2', 'openstack-neutron-openvswitch']);
  for (const host of COMPUTES) expect(namesOf('N8', host)).toEqual(['libvirt', 'qemu-kvm']);
  const words = stepsOf(plan).flatMap(({ args }) => [args['names'], args['units']].flat()).filter((word) => typeof word === 'string');
  for (const glued of GLUED) {
    const parts = words.filter((word) => glued.startsWith(word)).flatMap((first) => words.filter((second) => first + second === glued));
    expect(parts.length, `${glued} in two words`).toBeGreaterThan(0);
    expect(words).not.toContain(glued);
  }
});

test('E18: the older release\'s channel is disabled under the printed name, and under the one that hosts of RHEL 6 have', () => {
  for (const [id, host] of [['R1', 'controller'], ...COMPUTES.map((name) => ['R1.compute', name])] as [string, string][]) {
    expect(stepOf(plan, id, host).args['disable']).toEqual(expect.arrayContaining([OSP5_CHANNEL, 'rhel-6-server-openstack-5.0-rpms']));
  }
});

test('E20: the firewall\'s rules are printed to be copied twice, first for a package that is not there; one step carries both, after the package', () => {
  const [from = '', to = ''] = wordsOf(IPTABLES_COPY).map((word) => word.replace('BACKUP', '/mnt/backup'));
  expect([from, to]).toEqual(['/mnt/backup/etc/sysconfig/iptables', '/etc/sysconfig/iptables']);
  for (const [first, second, by, install, host] of [['C9', 'C12', 'C13', 'C10', 'controller'], ...COMPUTES.map((name) => ['N11', 'N14', 'N15', 'N12', name])] as [string, string, string, string, string][]) {
    const carry = (row: string): string[] => stepsOf(plan).filter((one) => one.host === host && one.step.rows.includes(row)).map(({ step }) => step.id);
    expect([carry(first), carry(second)]).toEqual([[by], [by]]);
    const copies = stepsOf(plan).filter((one) => one.host === host && one.place < stepOf(plan, install, host).place && JSON.stringify(one.args).includes(to));
    expect(copies.map(({ step }) => step.id), 'before the package').toEqual([]);
    expect(stepOf(plan, by, host).place).toBeGreaterThan(stepOf(plan, install, host).place);
  }
});

test('E22: beside the old hosts there are new ones, and the plan says so; without further hardware the old ones are wiped, and a person answers for that', () => {
  expect(plan.stages.flatMap(({ hosts }) => hosts.flatMap(({ steps }) => steps)).find(({ id }) => id === 'P0')?.skip?.reason).toContain('new hosts stand beside the old ones');
  const both = stepsOf(planned(undefined, '{old_address: 10.77.0.201}')).filter(({ step }) => step.id.startsWith('P12.ports'));
  expect(both.map(({ args }) => args), 'two machines at once').toMatchObject([{ address: '10.77.0.1', movedTo: '10.77.0.201' }]);
  expect(stepOf(planned(undefined, '{strategy: reinstall}'), 'P0').step).toMatchObject({ operation: '', rows: ['P0', 'P2', 'P13', 'P15'], gate: expect.stringContaining('The old hosts are wiped') as string });
});

test('E23: the cap of a new compute is for its talk with the computes that are still old; each has its own, before its service starts, the last one too', () => {
  for (const host of COMPUTES) {
    const cap = stepOf(plan, 'N22', host);
    expect(cap.step).toMatchObject({ operation: 'rpc.capped', rows: ['N22', 'N23'], args: { section: 'upgrade_levels', key: 'compute', level: 'icehouse' } });
    expect(cap.place).toBeLessThan(stepOf(plan, 'N24', host).place);
    expect(cap.place).toBeGreaterThan(stepOf(plan, 'N21.merged', host).place);
  }
});

test('E24: packages restore no settings: name, addresses and storage are asserted first, then packages are installed', () => {
  for (const [id, host] of [['C1', 'controller'], ...COMPUTES.map((name) => ['N5b', name])] as [string, string][]) {
    const stands = stepOf(plan, id, host), installs = stepsOf(plan).filter((one) => one.host === host && one.step.operation === 'package.installed');
    expect(stands.step).toMatchObject({ operation: 'host.identified', human: expect.stringMatching(/\bInstall RHEL 7\b/) as string });
    expect(Math.min(...installs.map(({ place }) => place))).toBeGreaterThan(stands.place);
  }
});
