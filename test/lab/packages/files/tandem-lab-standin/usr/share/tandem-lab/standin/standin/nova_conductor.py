"""nova-conductor with the scheduler's choice in it: it alone touches the database for the computes."""
from datetime import datetime

from .nova_rules import version_to_send
from .rpc import Broker, NoReply, RemoteError, UnsupportedVersion
from .service import report

VALUES = ('host', 'node', 'vm_state', 'task_state', 'power_state', 'launched_at', 'terminated_at', 'availability_zone')


class Unable(Exception):
    """Becomes the API's 400."""


class Conductor:
    def __init__(self, service):
        self._service, self._cap = service, service.settings['cap_compute']
        self._broker = Broker(service.settings, 'nova')
        self.handlers = {name: getattr(self, name) for name in (
            'service_report', 'instance_get', 'instance_update', 'instance_fault', 'instance_delete', 'migration_get', 'migration_update',
            'build_instances', 'live_migrate', 'cold_migrate', 'volume_detached')}

    def _run(self, statement, *parameters):
        database = self._service.database()
        try:
            return database.run(statement, parameters)
        finally:
            database.close()

    def _rows(self, statement, *parameters):
        database = self._service.database()
        try:
            return database.rows(statement, parameters)
        finally:
            database.close()

    def service_report(self, host, binary, topic, hypervisor_version, address):
        database = self._service.database()
        try:
            report(database, 'nova', host, binary, topic)
            (service,), = database.run('SELECT id FROM services WHERE deleted = 0 AND host = %s AND `binary` = %s', (host, binary))
            if not database.run('SELECT id FROM compute_nodes WHERE deleted = 0 AND service_id = %s', (service,)):
                database.run("INSERT INTO compute_nodes (created_at, service_id, vcpus, memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used, "
                             "hypervisor_type, hypervisor_version, cpu_info, free_ram_mb, free_disk_gb, current_workload, running_vms, hypervisor_hostname, deleted) "
                             "VALUES (UTC_TIMESTAMP(), %s, 16, 65536, 900, 0, 512, 0, 'QEMU', 0, '?', 65024, 900, 0, 0, %s, 0)", (service, host))
            database.run('UPDATE compute_nodes SET hypervisor_version = %s, updated_at = UTC_TIMESTAMP(), host_ip = COALESCE(host_ip, %s), running_vms = '
                         '(SELECT COUNT(*) FROM instances WHERE deleted = 0 AND host = %s) WHERE deleted = 0 AND service_id = %s',
                         (hypervisor_version, address, host, service))
        finally:
            database.close()

    def instance_get(self, uuid):
        rows = self._rows('SELECT uuid, host, node, vm_state, task_state, power_state, display_name FROM instances WHERE deleted = 0 AND uuid = %s', uuid)
        return rows[0] if rows else None

    def instance_update(self, uuid, values):
        names = [name for name in values if name in VALUES]
        for name in ('launched_at', 'terminated_at'):
            if values.get(name) == 'now':
                values[name] = datetime.utcnow().replace(microsecond=0)
        self._run(f"UPDATE instances SET {', '.join(f'{name} = %s' for name in names)}, updated_at = UTC_TIMESTAMP() WHERE uuid = %s", *[values[name] for name in names], uuid)

    def instance_fault(self, uuid, message):
        self._run("INSERT INTO instance_faults (created_at, instance_uuid, code, message, details, host, deleted) VALUES (UTC_TIMESTAMP(), %s, 500, %s, '', %s, 0)",
                  uuid, message, self._service.host)

    def instance_delete(self, uuid):
        self._run("UPDATE instances SET deleted = id, deleted_at = UTC_TIMESTAMP(), terminated_at = UTC_TIMESTAMP(), vm_state = 'deleted', task_state = NULL WHERE uuid = %s", uuid)

    def volume_detached(self, uuid, volume):
        self._run('UPDATE block_device_mapping SET deleted = id, deleted_at = UTC_TIMESTAMP() WHERE deleted = 0 AND instance_uuid = %s AND volume_id = %s', uuid, volume)

    def migration_get(self, number):
        return self._rows('SELECT id, source_compute, source_node, dest_compute, dest_node, status FROM migrations WHERE id = %s', number)[0]

    def migration_update(self, number, status):
        self._run('UPDATE migrations SET status = %s, updated_at = UTC_TIMESTAMP() WHERE id = %s', status, number)

    def _computes(self):
        """{host in lower case: {'host', 'up', 'disabled', 'hypervisor_version', 'address'}}"""
        rows = self._rows("SELECT s.host, s.disabled, c.hypervisor_version, c.host_ip, c.hypervisor_hostname, TIMESTAMPDIFF(SECOND, s.updated_at, UTC_TIMESTAMP()) AS age "
                          "FROM services s LEFT JOIN compute_nodes c ON c.service_id = s.id AND c.deleted = 0 WHERE s.deleted = 0 AND s.`binary` = 'nova-compute' ORDER BY s.id")
        down = int(self._service.settings['service_down_time'])
        return {row['host'].lower(): {**row, 'up': row['age'] is not None and abs(row['age']) <= down} for row in rows}

    def _choose(self, without=None, at_least=0):
        """The least loaded host that is up and enabled, or None."""
        load = {row['host'].lower(): row['number'] for row in self._rows('SELECT host, COUNT(*) AS number FROM instances WHERE deleted = 0 AND host IS NOT NULL GROUP BY host')}
        found = [row for name, row in self._computes().items() if row['up'] and not row['disabled'] and name != (without or '').lower() and (row['hypervisor_version'] or 0) >= at_least]
        return min(found, key=lambda row: load.get(row['host'].lower(), 0), default=None)

    def build_instances(self, uuid, wanted_host, networks):
        target = self._computes().get(wanted_host.lower()) if wanted_host else self._choose()
        if target is None or not target['up']:
            self.instance_update(uuid, {'vm_state': 'error', 'task_state': None})
            self.instance_fault(uuid, 'No valid host was found. ')
            return
        # a cast: a compute that does not know the version drops it, and nobody here hears of it
        self._broker.cast(f"compute.{target['host'].lower()}", 'build_and_run_instance', {'uuid': uuid, 'networks': networks},
                          version_to_send('build_and_run_instance', self._cap))

    def live_migrate(self, uuid, wanted_host):
        row = self.instance_get(uuid)
        try:
            target = self._live_target(row, wanted_host)
        except Unable:
            self.instance_update(uuid, {'task_state': None})
            raise
        version = version_to_send('check_can_live_migrate_destination', self._cap)
        try:
            self._broker.call(f"compute.{target['host'].lower()}", 'check_can_live_migrate_destination', {'uuid': uuid, 'source': row['host']}, version)
        except (UnsupportedVersion, RemoteError, NoReply) as error:
            # task_state stays: the operator has to reset it
            self._service.failed('live_migrate', error)
            raise Unable(f"Live migration of instance {uuid} to host {target['host']} failed") from None
        version = version_to_send('live_migration', self._cap)
        self._broker.cast(f"compute.{row['host'].lower()}", 'live_migration', {'uuid': uuid, 'dest': target['host'], 'sent': version}, version)

    def _live_target(self, row, wanted_host):
        computes = self._computes()
        source = computes.get(row['host'].lower())
        if source is None or not source['up']:
            raise Unable(f"Compute service of {row['host']} is unavailable at this time.")
        if wanted_host is None:
            target = self._choose(without=row['host'], at_least=source['hypervisor_version'] or 0)
            if target is None:
                raise Unable('No valid host was found. ')
            return target
        if wanted_host.lower() == row['host'].lower():
            raise Unable(f"Unable to migrate instance ({row['uuid']}) to current host ({wanted_host}).")
        target = computes.get(wanted_host.lower())
        if target is None or not target['up']:
            raise Unable(f'Compute service of {wanted_host} is unavailable at this time.')
        if (source['hypervisor_version'] or 0) > (target['hypervisor_version'] or 0):
            raise Unable('The instance requires a newer hypervisor version than has been provided.')
        return target

    def cold_migrate(self, uuid):
        row = self.instance_get(uuid)
        target = self._choose(without=row['host'])
        if target is None:
            self.instance_update(uuid, {'task_state': None})
            raise Unable('No valid host was found. No valid host found for cold migrate')
        kind, = self._rows('SELECT instance_type_id FROM instances WHERE uuid = %s', uuid)
        database = self._service.database()
        try:
            database.run("INSERT INTO migrations (created_at, updated_at, source_compute, dest_compute, dest_host, status, instance_uuid, old_instance_type_id, "
                         "new_instance_type_id, source_node, dest_node, deleted) VALUES (UTC_TIMESTAMP(), UTC_TIMESTAMP(), %s, %s, %s, 'migrating', %s, %s, %s, %s, %s, 0)",
                         (row['host'], target['host'], target['host_ip'], uuid, kind['instance_type_id'], kind['instance_type_id'], row['node'], target['hypervisor_hostname']))
            (number,), = database.run('SELECT LAST_INSERT_ID()')
        finally:
            database.close()
        self._broker.cast(f"compute.{target['host'].lower()}", 'prep_resize', {'uuid': uuid, 'migration': number}, '3.0')
