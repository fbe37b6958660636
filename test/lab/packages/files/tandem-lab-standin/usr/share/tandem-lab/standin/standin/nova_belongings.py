"""What an instance is called and what hangs on it: its name, metadata and volumes."""
from . import nova_views as views
from .nova_rules import version_to_send
from .rpc import NoReply, RemoteError, UnsupportedVersion
from .web import Answer, Fault

BROKEN = 'The server has either erred or is incapable of performing the requested operation.'
SETTLED = ('active', 'paused', 'suspended', 'stopped')
# a volume comes and goes in these
PLUGGED = ('active', 'paused', 'stopped', 'resized')


class Belongings:
    """A part of the Compute API; the class that it is part of has `row`, `body`, `broker` and `volumes`, the broker of Block Storage."""

    def update(self, request, tenant, wanted):
        row, fields = self.row(request, wanted), self.body(request, 'server')
        if 'name' in fields:
            name = fields['name'].strip() if isinstance(fields['name'], str) else ''
            if not 0 < len(name) < 256:
                raise Fault(400, f'Server name is {"an empty string" if not name else "too long"}')
            request.run('UPDATE instances SET display_name = %s, updated_at = UTC_TIMESTAMP() WHERE uuid = %s', name, row['uuid'])
        return Answer(200, {'server': views.server(request, tenant, self.row(request, wanted))})

    def _settled(self, row, what, states):
        if row['vm_state'] not in states:
            raise Fault(409, f"Cannot '{what}' while instance is in vm_state {row['vm_state']}")
        if row['task_state']:
            raise Fault(409, f"Cannot '{what}' while instance is in task_state {row['task_state']}")

    def metadata(self, request, _tenant, wanted):
        return Answer(200, {'metadata': views.metadata(request, self.row(request, wanted)['uuid'])})

    def change_metadata(self, request, _tenant, wanted):
        """POST adds and changes, PUT leaves nothing else."""
        row, fields = self.row(request, wanted), self.body(request, 'metadata')
        if not isinstance(fields, dict) or any(not isinstance(value, str) or len(value) > 255 or not 0 < len(key) < 256 for key, value in fields.items()):
            raise Fault(400, 'Malformed request body')
        self._settled(row, 'update metadata', SETTLED)
        kept = {**(views.metadata(request, row['uuid']) if request.method == 'POST' else {}), **fields}
        request.run('UPDATE instance_metadata SET deleted = id, deleted_at = UTC_TIMESTAMP() WHERE deleted = 0 AND instance_uuid = %s', row['uuid'])
        for key, value in kept.items():
            request.run('INSERT INTO instance_metadata (created_at, `key`, value, instance_uuid, deleted) VALUES (UTC_TIMESTAMP(), %s, %s, %s, 0)', key, value, row['uuid'])
        return Answer(200, {'metadata': kept})

    def delete_metadata(self, request, _tenant, wanted, key):
        row = self.row(request, wanted)
        if key not in views.metadata(request, row['uuid']):
            raise Fault(404, 'Metadata item was not found')
        self._settled(row, 'delete metadata', SETTLED)
        request.run('UPDATE instance_metadata SET deleted = id, deleted_at = UTC_TIMESTAMP() WHERE deleted = 0 AND `key` = %s AND instance_uuid = %s', key, row['uuid'])
        return Answer(204)

    def _mappings(self, request, uuid):
        return request.rows('SELECT * FROM block_device_mapping WHERE deleted = 0 AND volume_id IS NOT NULL AND instance_uuid = %s', uuid)

    def attachments(self, request, _tenant, wanted):
        self.row(request, wanted)
        return Answer(200, {'volumeAttachments': [_shown(row) for row in self._mappings(request, wanted)]})

    def _call(self, broker, name, method, arguments, version='1.0'):
        """What cannot be asked is the API's 500; what is refused its 400."""
        try:
            return broker.call(name, method, arguments, version)
        except RemoteError as error:
            raise Fault(404 if error.kind == 'LookupError' else 400, str(error)) from None
        except (NoReply, UnsupportedVersion) as error:
            self.log.write('ERROR', 'nova.api.openstack', f'{type(error).__name__}: {error}')
            raise Fault(500, BROKEN) from None

    def attach(self, request, _tenant, wanted):
        row, fields = self.row(request, wanted), self.body(request, 'volumeAttachment')
        self._settled(row, 'attach_volume', PLUGGED)
        volume, compute = fields.get('volumeId'), f"compute.{row['host'].lower()}"
        taken = [mapping['device_name'] for mapping in self._mappings(request, wanted)]
        device = fields.get('device') or next(name for name in (f'/dev/vd{letter}' for letter in 'bcdefghijklmnop') if name not in taken)
        self._call(self.volumes, 'cinder-scheduler', 'begin', {'id': volume, 'before': 'available', 'status': 'attaching'})
        version = version_to_send('reserve_block_device_name', self.settings['cap_compute'])
        try:
            self._call(self.broker, compute, 'reserve_block_device_name', {'uuid': row['uuid'], 'device': device}, version)
        except Fault:
            self._call(self.volumes, 'cinder-scheduler', 'begin', {'id': volume, 'before': 'attaching', 'status': 'available'})
            raise
        request.run("INSERT INTO block_device_mapping (created_at, device_name, delete_on_termination, volume_id, no_device, instance_uuid, deleted, source_type, destination_type) "
                    "VALUES (UTC_TIMESTAMP(), %s, 0, %s, 0, %s, 0, 'volume', 'volume')", device, volume, row['uuid'])
        self.broker.cast(compute, 'attach_volume', {'uuid': row['uuid'], 'volume': volume, 'device': device}, '3.0')
        return Answer(200, {'volumeAttachment': _shown({'device_name': device, 'instance_uuid': row['uuid'], 'volume_id': volume})})

    def detach(self, request, _tenant, wanted, volume):
        row = self.row(request, wanted)
        mapping = next((one for one in self._mappings(request, wanted) if one['volume_id'] == volume), None)
        if mapping is None:
            raise Fault(404, f'volume_id not found: {volume}')
        if mapping['device_name'] == row['root_device_name']:
            raise Fault(403, "Can't detach root device volume")
        self._settled(row, 'detach_volume', PLUGGED)
        self._call(self.volumes, 'cinder-scheduler', 'begin', {'id': volume, 'before': 'in-use', 'status': 'detaching'})
        # a cast: nobody here hears whether the compute does it
        self.broker.cast(f"compute.{row['host'].lower()}", 'detach_volume', {'uuid': row['uuid'], 'volume': volume}, '3.0')
        return Answer(202, None)


def _shown(row):
    return {'device': row['device_name'], 'serverId': row['instance_uuid'], 'id': row['volume_id'], 'volumeId': row['volume_id']}
