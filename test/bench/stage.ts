import { stringify } from 'yaml';

/**
 * The one list of what is checked, and its four spellings: a runbook, a shell script, a playbook, and the package that
 * makes it all true on a host. Twenty packages, twenty services, twenty ini values.
 */
const NUMBERS = Array.from({ length: 20 }, (_, at) => String(at + 1).padStart(2, '0'));
const INI_FILE = '/etc/bench/bench.conf';
const sectionOf = (number: string): string => ['DEFAULT', 'database', 'keystone_authtoken', 'oslo_messaging'][Number(number) % 4] ?? 'DEFAULT';

export type Kind = 'package' | 'service' | 'ini';
export interface Check { id: string; kind: Kind; number: string }

export const CHECKS: readonly Check[] = (['package', 'service', 'ini'] as const).flatMap((kind) => NUMBERS.map((number) => ({ id: `${kind}${number}`, kind, number })));

const named = (number: string): string => `bench-${number}`;
const option = (number: string): string => `option_${number}`;
const value = (number: string): string => `value-${number}`;

/** runbook.yaml and its one phase. */
export function runbook(): { head: string; phase: string } {
  const work = ({ id, kind, number }: Check): Record<string, unknown> => ({
    package: { id, title: `Package ${number} is there`, operation: 'package.installed', with: { names: [named(number)] } },
    service: { id, title: `Service ${number} runs`, operation: 'service.running', with: { units: [named(number)], enabled: true } },
    ini: { id, title: `Value ${number} is set`, operation: 'ini.set', with: { file: INI_FILE, section: sectionOf(number), settings: { [option(number)]: value(number) } } },
  })[kind];
  return {
    head: stringify({ tandem: 1, name: 'bench', title: 'Sixty steps with nothing to do', roles: { plain: { min: 1 } }, phases: ['step.yaml'] }),
    phase: stringify({ phase: 'bench', title: 'Sixty steps with nothing to do', stages: [{ stage: 'step', on: 'plain', strategy: 'parallel', steps: CHECKS.map(work) }] }),
  };
}

/**
 * The same checks by hand: one process a check, as few as a script can have. Ends with 1 at the first that does not
 * hold. Prints the microseconds of each check at the end, taken without a process.
 */
export function script(): string {
  const line = ({ kind, number }: Check): string => ({
    package: `package ${named(number)}`, service: `service ${named(number)}`, ini: `ini ${INI_FILE} ${sectionOf(number)} ${option(number)} ${value(number)}`,
  })[kind];
  return `#!/bin/bash
package() { [ "$(rpm -q --qf '%{NAME}' "$1")" = "$1" ]; }
service() { [ "$(systemctl show -p LoadState -p ActiveState -p UnitFileState "$1.service")" = $'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled' ]; }
ini() {
  [ "$(awk -F ' *= *' -v section="[$2]" -v option="$3" '/^\\[/ { inside = $0 == section } inside && $1 == option { value = $2 } END { print value }' "$1")" = "$4" ]
}
times=() before=\${EPOCHREALTIME/./}
check() {
  "$@" || { echo "does not hold: $*" >&2; exit 1; }
  local now=\${EPOCHREALTIME/./}
  times+=($((now - before))) before=$now
}
${CHECKS.map((check) => `check ${line(check)}`).join('\n')}
echo "\${times[@]}"
`;
}

/** ansible-core's own modules. It has none for ini files: lineinfile, which knows no sections, is the nearest. */
export function playbook(): string {
  const task = ({ kind, number }: Check): Record<string, unknown> => ({
    package: { 'ansible.builtin.dnf': { name: named(number), state: 'present' } },
    service: { 'ansible.builtin.systemd': { name: `${named(number)}.service`, state: 'started', enabled: true } },
    ini: { 'ansible.builtin.lineinfile': { path: INI_FILE, regexp: `^${option(number)} *=`, line: `${option(number)} = ${value(number)}` } },
  })[kind];
  return stringify([{ hosts: 'all', gather_facts: false, tasks: CHECKS.map((check) => ({ name: check.id, ...task(check) })) }]);
}

/** An rpm spec of twenty small packages, each with a service that sleeps. */
export function spec(): string {
  const one = (number: string): string => `
%package -n ${named(number)}
Summary: Benchmark package ${number}
%description -n ${named(number)}
A service that sleeps.
%files -n ${named(number)}
/usr/lib/systemd/system/${named(number)}.service`;
  return `Name: bench
Version: 1.0
Release: 1
Summary: Packages of the benchmark
License: Apache-2.0
BuildArch: noarch
%description
Packages of the benchmark.
%install
mkdir -p %{buildroot}/usr/lib/systemd/system
for number in ${NUMBERS.join(' ')}; do
  printf '[Unit]\\nDescription=Benchmark %%s\\n[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' "$number" >%{buildroot}/usr/lib/systemd/system/bench-$number.service
done
${NUMBERS.map(one).join('\n')}
`;
}

/** An ini file of the size and look of a service's own: each option below comments, as packages ship them. */
export function iniFile(): string {
  const sections = [...new Set(NUMBERS.map(sectionOf))];
  const about = (number: string): string => `# Option ${number}: what it does is of no matter here (string value)\n#${option(number)} = <None>\n${option(number)} = ${value(number)}\n`;
  return sections.map((section) => `[${section}]\n\n${NUMBERS.filter((number) => sectionOf(number) === section).map(about).join('\n')}`).join('\n');
}

export const UNITS = NUMBERS.map((number) => `${named(number)}.service`);
