import type { Pattern } from './guard.ts';

/** One way in which one command may be called. */
export interface Form {
  argv: [string, ...Pattern[]];
  /** Only reads: `check` may run it. */
  reads: boolean;
  /** What RHEL 7.0 has: the package and its version there. */
  rhel7: string;
  /** Where it is written that this version has the command and these options. */
  source: string;
}

/** Values a caller may pass: the first character is anchored, so that a value is never an option in disguise. */
const NAME = /[A-Za-z0-9_][A-Za-z0-9_.+:@-]*/;
const PATH = /\/[^\0]*/;

const read = (rhel7: string, source: string, ...argv: [string, ...Pattern[]]): Form => ({ argv, reads: true, rhel7, source });
const act = (rhel7: string, source: string, ...argv: [string, ...Pattern[]]): Form => ({ argv, reads: false, rhel7, source });

const RPM = 'rpm 4.11.1', YUM = 'yum 3.4.3', SYSTEMD = 'systemd 208', UTIL = 'util-linux 2.23.2', COREUTILS = 'coreutils 8.22';

/**
 * Every command the agent may start on a host, with every option. Nothing else starts, in tests too: a lab newer
 * than RHEL 7 cannot hide a mistake.
 */
export const COMMANDS: readonly Form[] = [
  // packages
  read(RPM, 'rpm(8) of rpm 4.11: -q, --qf', 'rpm', '-q', '--qf', /%\{[^\0]*/, { many: NAME }),
  act(YUM, 'yum(8) of yum 3.4.3: -y, install', 'yum', '-y', 'install', { many: NAME }),
  // users
  read('glibc 2.17', 'getent(1)', 'getent', /passwd|group/, NAME),
];
void [act, SYSTEMD, UTIL, COREUTILS, PATH];
