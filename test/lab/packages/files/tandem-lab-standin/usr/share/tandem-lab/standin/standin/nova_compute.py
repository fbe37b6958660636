"""nova-compute with a fake hypervisor: states are kept in the database by way of the conductor, guests there are none."""
import socket
import time

from . import IS_JUNO, RELEASE
from .nova_rules import OWN_COMPUTE, SIMPLE, CapTooLow, assert_conductor_cap, version_to_send
from .repository import count_effect
from .rpc import Broker, NoReply, RemoteError, UnsupportedVersion, parse_version
from .service import Service

# qemu-kvm of RHEL 6 and of RHEL 7, as libvirt counts
HYPERVISOR_VERSION = 1005003 if IS_JUNO else 12001
CALL_S = 10


class Compute:
    def __init__(self, service):
        self._service, self.host = service, service.host
        self._cap = service.settings['cap_compute']
        self.broker, self._volumes = Broker(service.settings, 'nova'), Broker(service.settings, 'cinder')
        self.handlers = {name: getattr(self, name) for name in (
            'do', 'build_and_run_instance', 'terminate_instance', 'rescue_instance', 'get_console_output', 'check_can_live_migrate_destination',
            'check_can_live_migrate_source', 'live_migration', 'prep_resize', 'confirm_resize', 'revert_resize', 'reserve_block_device_name', 'attach_volume', 'detach_volume')}

    def conductor(self, method, **arguments):
        return self.broker.call('conductor', method, arguments, '2.0', CALL_S)

    def report(self):
        self.conductor('service_report', host=self.host, binary='nova-compute', topic='compute', hypervisor_version=HYPERVISOR_VERSION, address=_own_address())

    def register(self):
        """The start waits for a conductor that answers."""
        while not self._service.stopped.is_set():
            try:
                self.report()
                return
            except (NoReply, RemoteError, UnsupportedVersion):
                self._service.log.write('WARNING', 'nova.conductor.api', 'Timed out waiting for nova-conductor. Is it running? Or did this service start before nova-conductor?')

    def _update(self, uuid, **values):
        self.conductor('instance_update', uuid=uuid, values=values)

    def _work(self, knob, default_s):
        time.sleep(float(self._service.knob(knob, default_s)))

    def _fails(self, kind, uuid):
        """Knob fail-KIND: 'all', or ids of instances."""
        wanted = (self._service.knob(f'fail-{kind}') or '').split()
        return 'all' in wanted or uuid in wanted

    def do(self, uuid, action):
        self._work('action-s', 0.3)
        self._update(uuid, task_state=None, vm_state=SIMPLE[action][1], power_state=SIMPLE[action][2])

    def build_and_run_instance(self, uuid, networks):
        del networks
        self._update(uuid, host=self.host, node=self.host, task_state='spawning')
        self._work('boot-s', 1)
        if self._fails('boot', uuid):
            self._update(uuid, vm_state='error', task_state=None)
            self.conductor('instance_fault', uuid=uuid, message='stand-in: this boot fails on demand')
            return
        self._update(uuid, vm_state='active', task_state=None, power_state=1, launched_at='now', availability_zone='nova')

    def terminate_instance(self, uuid):
        self.conductor('instance_delete', uuid=uuid)

    def rescue_instance(self, uuid):
        self._work('action-s', 0.3)
        self._update(uuid, vm_state='rescued', task_state=None, power_state=1)

    def get_console_output(self, uuid):
        return f'CONSOLE OUTPUT OF A STAND-IN\n{uuid}\nlogin:'

    def reserve_block_device_name(self, uuid, device):
        del uuid
        return device

    def attach_volume(self, uuid, volume, device):
        self._work('action-s', 0.3)
        self._volumes.call('cinder-scheduler', 'attach', {'id': volume, 'instance': uuid, 'device': device})

    def detach_volume(self, uuid, volume):
        self._work('action-s', 0.3)
        self._volumes.call('cinder-scheduler', 'detach', {'id': volume})
        self.conductor('volume_detached', uuid=uuid, volume=volume)

    def check_can_live_migrate_destination(self, uuid, source):
        version = version_to_send('check_can_live_migrate_source', self._cap)
        return self.broker.call(f'compute.{source.lower()}', 'check_can_live_migrate_source', {'uuid': uuid}, version)

    def check_can_live_migrate_source(self, uuid):
        return {'uuid': uuid}

    def live_migration(self, uuid, dest, sent):
        if IS_JUNO and parse_version(sent) < parse_version('3.32'):
            # the caller's old form has no NetworkModel; the instance stays in `migrating`
            raise ValueError('A NetworkModel is required here')
        self._work('live-migration-s', 1)
        if self._fails('live-migration', uuid):
            self._service.log.write('ERROR', 'nova.virt.libvirt.driver', f'[instance: {uuid}] Live Migration failure: stand-in: on demand')
            self._update(uuid, task_state=None)
            return
        count_effect(f'nova live-migrated {uuid} to {dest}')
        self._update(uuid, host=dest, node=dest, task_state=None)

    def prep_resize(self, uuid, migration):
        self._update(uuid, task_state='resize_migrating')
        self._work('cold-migration-s', 1)
        if self._fails('cold-migration', uuid):
            self.conductor('migration_update', number=migration, status='error')
            self.conductor('instance_fault', uuid=uuid, message='stand-in: this migration fails on demand')
            self._update(uuid, vm_state='error', task_state=None)
            return
        count_effect(f'nova cold-migrated {uuid} to {self.host}')
        self.conductor('migration_update', number=migration, status='finished')
        self._update(uuid, host=self.host, node=self.host, vm_state='resized', task_state=None, launched_at='now')

    def _settle(self, uuid, **values):
        stopped = self.conductor('instance_get', uuid=uuid)['power_state'] == 4
        self._update(uuid, vm_state='stopped' if stopped else 'active', task_state=None, **values)

    def confirm_resize(self, uuid, migration):
        self.conductor('migration_update', number=migration, status='confirmed')
        self._settle(uuid)

    def revert_resize(self, uuid, migration):
        found = self.conductor('migration_get', number=migration)
        self.conductor('migration_update', number=migration, status='reverted')
        self._settle(uuid, host=found['source_compute'], node=found['source_node'])


def _own_address():
    try:
        return socket.gethostbyname(socket.getfqdn())
    except OSError:
        return '127.0.0.1'


def nova_compute(arguments):
    service = Service('nova', 'nova-compute', arguments)
    try:
        assert_conductor_cap(service.settings['cap_conductor'])
    except CapTooLow as error:
        # the real one ends so too, with exit status 0
        service.log.failure('nova', 'RPCVersionCapError', str(error))
        return 0
    service.log.write('AUDIT', 'nova.service', f'Starting compute node (version {RELEASE})')
    # beside: a compute that still waits for its conductor ends at once when it is told to
    service.thread(_serve, service, Compute(service))
    return service.wait()


def _serve(service, compute):
    compute.register()
    service.thread(compute.broker.serve, f'compute.{service.host.lower()}', compute.handlers, OWN_COMPUTE, service.stopped, service.failed)
    service.ready()
    service.every(float(service.settings['report_interval']), compute.report)
