"""What nova allows and what its RPC versions mean, as seen with the real services of 2014 (the mission's observed.md)."""
from . import IS_JUNO
from .rpc import parse_version

# what each release's compute and conductor understand
COMPUTE = {'icehouse': '3.23', 'juno': '3.35'}
CONDUCTOR = '2.0'
OWN_COMPUTE = COMPUTE['juno' if IS_JUNO else 'icehouse']
# method -> (version without a cap, version below it). None: there is no older form, the call is made as it is
METHODS = {'build_and_run_instance': ('3.33', '3.0'), 'rescue_instance': ('3.24', '3.0'), 'get_console_output': ('3.28', '3.0'),
           'check_can_live_migrate_destination': ('3.32', '3.2'), 'check_can_live_migrate_source': ('3.32', '3.2'),
           'live_migration': ('3.32', '3.2'), 'reserve_block_device_name': ('3.35', '3.16')}
STATUS = {'active': 'ACTIVE', 'building': 'BUILD', 'stopped': 'SHUTOFF', 'paused': 'PAUSED', 'suspended': 'SUSPENDED', 'error': 'ERROR',
          'resized': 'VERIFY_RESIZE', 'rescued': 'RESCUE', 'soft-delete': 'SOFT_DELETED', 'deleted': 'DELETED'}
BUSY = {'migrating': 'MIGRATING', 'rebooting': 'REBOOT', 'resize_prep': 'RESIZE', 'resize_migrating': 'RESIZE', 'resize_finish': 'RESIZE'}
# action -> states in which it is allowed
ALLOWED = {'os-migrateLive': ('active',), 'migrate': ('active', 'stopped'), 'confirmResize': ('resized',), 'revertResize': ('resized',),
           'pause': ('active',), 'unpause': ('paused',), 'suspend': ('active',), 'resume': ('suspended',), 'rescue': ('active', 'stopped', 'error'),
           'unrescue': ('rescued',), 'reboot': ('active', 'stopped', 'paused', 'suspended')}
# action -> (task_state meanwhile, vm_state after, power_state after): what a compute does without more ado
SIMPLE = {'os-stop': ('powering-off', 'stopped', 4), 'os-start': ('powering-on', 'active', 1), 'pause': ('pausing', 'paused', 3),
          'unpause': ('unpausing', 'active', 1), 'suspend': ('suspending', 'suspended', 4), 'resume': ('resuming', 'active', 1),
          'reboot': ('rebooting', 'active', 1), 'unrescue': ('unrescuing', 'active', 1)}


class CapTooLow(Exception):
    """RPCVersionCapError."""


def cap_of(value, kind):
    """The version that a cap's value means: a release's name or a version; '' is no cap."""
    if not value:
        return None
    table = COMPUTE if kind == 'compute' else {'icehouse': '2.0', 'juno': '2.0'}
    return table.get(value, value)


def assert_conductor_cap(value):
    """The conductor's client refuses a cap of another major version as soon as it is used."""
    cap = cap_of(value, 'conductor')
    if cap and parse_version(cap)[0] != parse_version(CONDUCTOR)[0]:
        raise CapTooLow(f'Specified RPC version cap, {cap}, is too low. Needs to be higher than {CONDUCTOR}.')


def version_to_send(method, cap_value):
    new, old = METHODS.get(method, ('3.0', '3.0'))
    if not IS_JUNO and parse_version(new) > parse_version(OWN_COMPUTE):
        return old
    cap = cap_of(cap_value, 'compute')
    return new if cap is None or parse_version(cap) >= parse_version(new) else old


def status_of(row):
    if row['vm_state'] == 'active' and row['task_state'] in BUSY:
        return BUSY[row['task_state']]
    return STATUS.get(row['vm_state'], 'UNKNOWN')
