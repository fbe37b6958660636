import { BROKER_LOOK, BROKER_SET } from '../parse/broker.ts';
import { READ_SETTINGS } from '../parse/python-settings.ts';

/** An argument pattern: a string is itself; a RegExp must match the whole argument; `many` takes the rest, one at least. */
export type Pattern = string | RegExp | { many: RegExp };

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
/** A package as yum takes it: a name, or a name with a version in which `*` and `?` stand for more. */
const PACKAGE = /[A-Za-z0-9_][A-Za-z0-9_.+:@~*?-]*/;
/** The properties asked of a unit (agent/facts/units.ts), each known to systemd 208. */
const SHOW = ['Id', 'LoadState', 'ActiveState', 'SubState', 'UnitFileState', 'MainPID', 'ExecMainStartTimestampMonotonic', 'Result'].flatMap((name) => ['-p', name]);

const read = (rhel7: string, source: string, ...argv: [string, ...Pattern[]]): Form => ({ argv, reads: true, rhel7, source });
const act = (rhel7: string, source: string, ...argv: [string, ...Pattern[]]): Form => ({ argv, reads: false, rhel7, source });

const RPM = 'rpm 4.11.1', YUM = 'yum 3.4.3', SYSTEMD = 'systemd 208', COREUTILS = 'coreutils 8.22', IPTABLES = 'iptables 1.4.21', POLICY = 'policycoreutils 2.2.5', LVM = 'lvm2 2.02.105';

/** Statements that only look, one or more, each ended by `;`: no INTO, no client command, no second line. */
const SELECTS = /(?:SELECT (?:(?!\bINTO\b)[^;\\\0\n])*; ?)+/i;
const CHECKSUMS = /CHECKSUM TABLE (?:`\w+`\.`[\w$-]+`(?:, )?)+;/;
const DEFAULTS_FILE = /--defaults-file=\/[^\0]+/;
/** The schemas that the agent makes and drops for itself: where a dump is tried. */
const DRILL = /tandem_drill_\w+/;
const DRILL_SQL = /DROP DATABASE IF EXISTS `tandem_drill_\w+`;(?: CREATE DATABASE `tandem_drill_\w+` DEFAULT CHARACTER SET \w+;)?/;
/** A schema that goes back to its dump: none of the server's own, and one name in both statements. */
const SCHEMA = /(?!(?:mysql|sys|information_schema|performance_schema)$)\w+/i;
const BACK_SQL = /DROP DATABASE IF EXISTS `(?!(?:mysql|sys|information_schema|performance_schema)`)(\w+)`; CREATE DATABASE `\1` DEFAULT CHARACTER SET \w+;/i;
/** Arguments of semanage fcontext. */
const TYPE = /[a-z][a-z0-9_]*|<<none>>/, FILE_TYPE = /[afdcbslp]/, SPEC = /\/[!-~]+/;
/** Words of a transaction on bridges and ports: none that destroys other records. */
const OVS_WORD = /--|--may-exist|--if-exists|(?:add|del)-(?:br|port)|set|remove|Bridge|other_config|datapath_type=netdev|other_config:hwaddr="[0-9a-f:]{17}"|(?!(?:emer-reset|destroy|clear|create|init|set-\w+|del-\w+)$)[A-Za-z0-9_][A-Za-z0-9_.-]*/;
const IPROUTE = 'iproute 3.10.0', OVS = 'openvswitch 2.1';
const OPENSSH = 'openssh 6.4p1';
const MARIADB = 'mariadb 5.5.35', RABBITMQ = 'rabbitmq-server 3.3.5 (OSP 6)';

/**
 * Every command the agent may start on a host, with every option. Nothing else starts, in tests too: a lab newer
 * than RHEL 7 cannot hide a mistake.
 */
export const COMMANDS: readonly Form[] = [
  // what a command changed is put on disk (local.ts)
  act(COREUTILS, 'sync(1) of coreutils 8.22: no file arguments before 8.24', 'sync'),
  // packages
  read(RPM, 'rpm(8) of rpm 4.11: -q, --qf', 'rpm', '-q', '--qf', /%\{[^\0]*/, { many: NAME }),
  read(RPM, 'rpm(8) of rpm 4.11: -qa, --qf', 'rpm', '-qa', '--qf', /%\{[^\0]*/),
  read(RPM, 'rpm(8) of rpm 4.11: -qf, --qf', 'rpm', '-qf', '--qf', /%\{[^\0]*/, PATH),
  read(RPM, 'rpm(8) of rpm 4.11, verify options', 'rpm', '-V', '--nodeps', '--noscripts', { many: NAME }),
  act(RPM, 'rpm(8) of rpm 4.11: -e', 'rpm', '-e', { many: NAME }),
  act(YUM, 'yum(8) of yum 3.4.3: -y, install; "Specifying package names" for name-version globs', 'yum', '-y', 'install', { many: PACKAGE }),
  // a transaction that was broken in the middle; which of the two yums it is, its files tell (agent/facts/transactions.ts)
  act('yum-utils 1.1.31', 'yum-complete-transaction(8) of yum-utils 1.1.31; -y of utils.py', 'yum-complete-transaction', '-y'),
  act(YUM, 'yum(8) of yum 3.4.3: reinstall', 'yum', '-y', 'reinstall', { many: PACKAGE }),
  act('not there: dnf 4 (RHEL 8) and its databases only', 'dnf(8) of dnf 4.14: remove --duplicates', 'yum', '-y', 'remove', '--duplicates'),
  read('not there: dnf 4 (RHEL 8) and its databases only', 'dnf(8) of dnf 4.14: history info', 'yum', 'history', 'info', 'last'),
  // yum reads its repositories and fills its own cache, no more
  read(YUM, 'yum(8) of yum 3.4.3: -q, list installed', 'yum', '-q', 'list', 'installed', { many: NAME }),
  read(YUM, 'yum(8) of yum 3.4.3: -q, repolist enabled', 'yum', '-q', 'repolist', 'enabled'),
  act('subscription-manager 1.10.14', 'subscription-manager(8): repos --enable, --disable', 'subscription-manager', 'repos', { many: /--(enable|disable)=[A-Za-z0-9_][A-Za-z0-9_.:-]*/ }),
  // services
  read(SYSTEMD, 'systemctl(1) of systemd 208: show, -p once a property', 'systemctl', 'show', ...SHOW, { many: NAME }),
  read(SYSTEMD, 'systemctl(1) of systemd 208: show, -p; org.freedesktop.systemd1: ExecMainStartTimestamp', 'systemctl', 'show', '-p', 'Id', '-p', 'ExecMainStartTimestamp', { many: NAME }),
  act(SYSTEMD, 'systemctl(1) of systemd 208', 'systemctl', /enable|disable|start|stop|restart|mask|unmask/, { many: NAME }),
  act(SYSTEMD, 'systemctl(1) of systemd 208: reboot', 'systemctl', 'reboot'),
  act(SYSTEMD, 'systemctl(1) of systemd 208: daemon-reload', 'systemctl', 'daemon-reload'),
  act(SYSTEMD, 'systemd-notify(1) of systemd 208: --pid, VARIABLE=VALUE', 'systemd-notify', /--pid=[0-9]+/, { many: /READY=1|WATCHDOG=1/ }),
  // identity and sockets
  read('hostname 3.13', 'hostname(1)', 'hostname', '-f'),
  read('iproute 3.10.0', 'ip(8), ip-address(8): -o', 'ip', '-o', 'addr'),
  read('iproute 3.10.0', 'ss(8): -l, -n, -t, -p', 'ss', '-lntp'),
  // volume groups
  read(LVM, 'vgs(8) of lvm2 2.02.105', 'vgs', '--noheadings', '--separator', '|', '-o', 'vg_name,vg_uuid,vg_attr'),
  read(LVM, 'pvs(8) of lvm2 2.02.105', 'pvs', '--noheadings', '--separator', '|', '-o', 'pv_name,pv_uuid'),
  read(LVM, 'lvs(8) of lvm2 2.02.105', 'lvs', '--noheadings', '--separator', '|', '-o', 'lv_name,lv_attr', NAME),
  act(LVM, 'vgchange(8) of lvm2 2.02.105: -a y|n', 'vgchange', /-a[yn]/, NAME),
  act(LVM, 'lvchange(8) of lvm2 2.02.105: -a y|n', 'lvchange', '-an', { many: /[A-Za-z0-9_][A-Za-z0-9_.+-]*\/[A-Za-z0-9_][A-Za-z0-9_.+-]*/ }),
  // LIO: what runs and what is saved are read from files
  act('targetcli 2.1.fb34', 'targetcli(8), "Usage": a single command; saveconfig', 'targetcli', 'saveconfig'),
  // health
  read(SYSTEMD, 'systemctl(1) of systemd 208: list-units, --state', 'systemctl', 'list-units', '--state=failed', '--no-legend', '--no-pager', '--full'),
  read('openvswitch 2.1', 'ovs-vsctl(8): --timeout, show', 'ovs-vsctl', '--timeout=5', 'show'),
  read('openvswitch 2.1', 'ovs-appctl(8): -t, version', 'ovs-appctl', '-t', 'ovs-vswitchd', 'version'),
  read('openvswitch 2.1', 'ovs-vsctl(8): --timeout, list-br', 'ovs-vsctl', '--timeout=5', 'list-br'),
  read('chrony 1.29.1', 'chronyc(1): tracking', 'chronyc', 'tracking'),
  read('ntp 4.2.6p5', 'ntpq(8): -p, -n', 'ntpq', '-pn'),
  // users
  read('glibc 2.17', 'getent(1)', 'getent', /passwd|group/, NAME),
  act('shadow-utils 4.1.5.1', 'usermod(8): -s', 'usermod', '-s', PATH, NAME),
  // ssh between hosts (ssh.mesh, ssh.reached)
  read(OPENSSH, 'ssh-keygen(1) of 6.4: -y, -f', 'ssh-keygen', '-y', '-f', PATH),
  read(OPENSSH, 'ssh-keygen(1) of 6.4: -F, -f', 'ssh-keygen', '-F', NAME, '-f', PATH),
  read(OPENSSH, 'ssh-keyscan(1) of 6.4: -T, -t rsa, ecdsa', 'ssh-keyscan', '-T', '10', '-t', 'rsa,ecdsa', { many: NAME }),
  read(OPENSSH, 'ssh(1), ssh_config(5) of 6.4: BatchMode, ConnectTimeout', 'ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', NAME, 'true'),
  // MariaDB (agent/facts/database.ts, mariadb.*, database.*)
  read(MARIADB, 'mysql(1) of 5.5: --defaults-file, --batch, --skip-column-names, -e', 'mysql', DEFAULTS_FILE, '--batch', '--skip-column-names', '-e', SELECTS),
  read(MARIADB, 'MariaDB 5.5 CHECKSUM TABLE', 'mysql', DEFAULTS_FILE, '--batch', '--skip-column-names', '-e', CHECKSUMS),
  act(MARIADB, 'mysql(1) of 5.5: -e; DROP and CREATE DATABASE', 'mysql', DEFAULTS_FILE, '-e', DRILL_SQL),
  act(MARIADB, 'mysql(1) of 5.5: the client command source', 'mysql', DEFAULTS_FILE, '-e', /source \/[^\0\n\\;]+/, DRILL),
  act(MARIADB, 'mysql(1) of 5.5: -e; a schema goes back to its dump', 'mysql', DEFAULTS_FILE, '-e', BACK_SQL),
  act(MARIADB, 'mysql(1) of 5.5: the client command source', 'mysql', DEFAULTS_FILE, '-e', /source \/[^\0\n\\;]+/, SCHEMA),
  act(MARIADB, 'mysqldump(1) of 5.5', 'mysqldump', DEFAULTS_FILE, '--single-transaction', '--routines', '--triggers', '--hex-blob', /--result-file=\/[^\0]+/, /\w+/),
  act(MARIADB, 'mysql_upgrade(1) of 5.5: --defaults-file', 'mysql_upgrade', DEFAULTS_FILE),
  read(MARIADB, 'my_print_defaults(1) of 5.5', 'my_print_defaults', { many: NAME }),
  read(COREUTILS, 'tail(1): -c', 'tail', '-c', /\d+/, PATH),
  // manage commands of the services: a version query logs, so it runs as the service's user and in `verify` only
  act('openstack-keystone 2014.2', 'keystone/cli.py: DbSync, TokenFlush', 'keystone-manage', /db_sync|token_flush/),
  read('openstack-keystone 2014.2', 'keystone/cli.py: DbVersion', 'keystone-manage', 'db_version'),
  act('openstack-glance 2014.2', 'glance/cmd/manage.py', 'glance-manage', 'db', 'sync'),
  read('openstack-glance 2014.2', 'glance/cmd/manage.py', 'glance-manage', 'db_version'),
  act('openstack-cinder 2014.2', 'cinder/cmd/manage.py: DbCommands', 'cinder-manage', 'db', 'sync'),
  read('openstack-cinder 2014.2', 'cinder/cmd/manage.py: DbCommands', 'cinder-manage', 'db', 'version'),
  act('openstack-nova 2014.2', 'nova/cmd/manage.py: DbCommands', 'nova-manage', 'db', 'sync'),
  read('openstack-nova 2014.2', 'nova/cmd/manage.py: DbCommands', 'nova-manage', 'db', 'version'),
  // services and databases that came after Juno
  act('not there: since Mitaka', 'nova/cmd/manage.py of nova 26.2: ApiDbCommands', 'nova-manage', 'api_db', 'sync'),
  read('not there: since Mitaka', 'nova/cmd/manage.py of nova 26.2: ApiDbCommands', 'nova-manage', 'api_db', 'version'),
  act('not there: since Stein', 'placement/cmd/manage.py of placement 8.0', 'placement-manage', 'db', 'sync'),
  read('not there: since Stein', 'placement/cmd/manage.py of placement 8.0', 'placement-manage', 'db', 'version'),
  act('openstack-neutron 2014.2', 'neutron/db/migration/cli.py', 'neutron-db-manage', '--config-file', PATH, '--config-file', PATH, 'upgrade', NAME),
  read('openstack-neutron 2014.2', 'neutron/db/migration/cli.py', 'neutron-db-manage', '--config-file', PATH, '--config-file', PATH, 'current'),
  // RabbitMQ: expressions hold no names and no secrets, what they work on is in a file (rabbitmq.user)
  read(RABBITMQ, 'rabbitmqctl(1) of 3.3: -q, eval; src/rabbit_auth_backend_internal.erl', 'rabbitmqctl', '-q', 'eval', BROKER_LOOK),
  act(RABBITMQ, 'rabbitmqctl(1) of 3.3: -q, eval; src/rabbit_auth_backend_internal.erl', 'rabbitmqctl', '-q', 'eval', BROKER_SET),
  act(RABBITMQ, 'rabbitmqctl(1) of 3.3: delete_user', 'rabbitmqctl', '-q', 'delete_user', NAME),
  // the dashboard's settings: the module comes on standard input, and nothing of it runs
  read('python 2.7.5', 'python(1): -c; the modules ast and hashlib', 'python', '-c', READ_SETTINGS),
  act('python-django-compressor 1.4', 'compressor/management/commands/compress.py: --force', 'python', /\/[^\0]*\/manage\.py/, 'compress', '--force'),
  // firewall: all rules come on standard input
  read(IPTABLES, 'iptables-save(8) of iptables 1.4.21', 'iptables-save'),
  read(IPTABLES, 'iptables-save(8) of iptables 1.4.21', 'ip6tables-save'),
  read(IPTABLES, 'iptables-restore.c of iptables 1.4.21: --test builds the rules and commits nothing', 'iptables-restore', '--test'),
  read(IPTABLES, 'iptables-restore.c of iptables 1.4.21: --test builds the rules and commits nothing', 'ip6tables-restore', '--test'),
  act(IPTABLES, 'iptables-restore(8) of iptables 1.4.21', 'iptables-restore'),
  act(IPTABLES, 'iptables-restore(8) of iptables 1.4.21', 'ip6tables-restore'),
  // bridges (agent/facts/network.ts, net.ovs.bridge): what `ip` does comes on standard input
  read(IPROUTE, 'ip-route(8) of iproute 3.10: -o, show table all', 'ip', /-[46]/, '-o', 'route', 'show', 'table', 'all'),
  act(IPROUTE, 'ip(8) of iproute 3.10: -batch, - for standard input (ip.c)', 'ip', '-batch', '-'),
  act(IPROUTE, 'ip(8) of iproute 3.10: -6, -batch', 'ip', '-6', '-batch', '-'),
  act(IPROUTE, 'ip(8) of iproute 3.10: -force goes on after a line that fails', 'ip', '-force', '-batch', '-'),
  act(IPROUTE, 'ip(8) of iproute 3.10: -6, -force, -batch', 'ip', '-6', '-force', '-batch', '-'),
  read(OVS, 'ovs-vsctl(8) of 2.1: --format=json, list, --columns', 'ovs-vsctl', '--timeout=5', '--format=json', '--', '--columns=name,ports,datapath_type,other_config', 'list', 'Bridge', '--', '--columns=_uuid,name', 'list', 'Port'),
  act(OVS, 'ovs-vsctl(8) of 2.1: add-br, add-port, set, remove, del-br, del-port', 'ovs-vsctl', '--timeout=20', '--', { many: OVS_WORD }),
  read('iputils 20121221', 'ping(8) of iputils 20121221: -c, -W, -I', 'ping', '-c', '1', '-W', '2', '-I', NAME, /[0-9.]+/),
  read('iputils 20121221', 'ping6(8) of iputils 20121221: -c, -W, -I', 'ping6', '-c', '1', '-W', '2', '-I', NAME, /[0-9a-f:.]+/),
  read('iputils 20121221', 'arping(8) of iputils 20121221: -c, -w, -I', 'arping', '-c', '3', '-w', '5', '-I', NAME, /[0-9.]+/),
  act('initscripts 9.49.17', 'ifup of initscripts 9.49; README.RHEL of Open vSwitch', 'ifup', NAME),
  // SELinux
  act('procps-ng 3.3.9', 'sysctl(8) of procps-ng 3.3: -w, several settings', 'sysctl', '-w', { many: /net(?:\.[a-z0-9_-]+)+=[^\0\n]*/ }),
  act(POLICY, 'setsebool(8) of policycoreutils 2.2.5: -P', 'setsebool', '-P', /[a-z][a-z0-9_]*/, /on|off/),
  act(POLICY, 'setsebool(8) of policycoreutils 2.2.5', 'setsebool', /[a-z][a-z0-9_]*/, /on|off/),
  read(POLICY, 'restorecon(8) of policycoreutils 2.2.5: -n changes nothing, -v says what it would', 'restorecon', '-n', '-v', '-R', { many: PATH }),
  act(POLICY, 'restorecon(8) of policycoreutils 2.2.5: -R', 'restorecon', '-R', { many: PATH }),
  act('policycoreutils-python 2.2.5', 'semanage-fcontext(8) of 2013-06-17: -a, -m, -t, -f', 'semanage', 'fcontext', /-[am]/, '-t', TYPE, '-f', FILE_TYPE, SPEC),
  act('policycoreutils-python 2.2.5', 'semanage-fcontext(8) of 2013-06-17: -m, -s, -r', 'semanage', 'fcontext', '-m', '-t', TYPE, '-s', /[a-z][a-z0-9_]*/, '-r', /s\d[a-z0-9:,.-]*/, '-f', FILE_TYPE, SPEC),
  act('policycoreutils-python 2.2.5', 'semanage-fcontext(8) of 2013-06-17: -d', 'semanage', 'fcontext', '-d', '-f', FILE_TYPE, SPEC),
  read('libselinux-utils 2.2.2', 'matchpathcon(8): -n', 'matchpathcon', '-n', PATH),
  act(COREUTILS, 'chcon(1) of coreutils 8.22: -h', 'chcon', '-h', /[a-z_]+:[a-z_]+:[a-z0-9_]+:[a-z0-9:,.-]+/, { many: PATH }),
];
