"""Block Storage API v1 and v2."""
import uuid

from .rpc import Broker
from .web import HTML_UTF8, JSON, NOT_FOUND, PLAIN, UTF8, Answer, Api, Fault, stamp

WORDS = {400: 'badRequest', 403: 'forbidden', 404: 'itemNotFound', 413: 'overLimit', 500: 'computeFault'}
BROKEN = 'The server has either erred or is incapable of performing the requested operation.'
STATES = ('creating', 'available', 'deleting', 'error', 'error_deleting', 'attaching', 'in-use')
T = '/(v[12])/([^/]+)'


class Cinder(Api):
    name = 'cinder.api'
    routes = [('GET', '/(v[12])', 'version'), ('GET', f'{T}/volumes/detail', 'volumes'), ('GET', f'{T}/volumes', 'volumes'),
              ('GET', f'{T}/volumes/([^/]+)', 'volume'), ('POST', f'{T}/volumes', 'create'), ('DELETE', f'{T}/volumes/([^/]+)', 'delete'),
              ('POST', f'{T}/volumes/([^/]+)/action', 'act'), ('GET', f'{T}/os-services', 'services'),
              ('PUT', f'{T}/os-services/(enable|disable|disable-log-reason)', 'change_service'),
              ('GET', f'{T}/snapshots/detail', 'snapshots'), ('GET', f'{T}/snapshots', 'snapshots'), ('GET', f'{T}/types', 'types'),
              ('GET', f'{T}/backups/detail', 'backups'), ('GET', f'{T}/qos-specs', 'qos_specs'), ('GET', f'{T}/os-availability-zone', 'zones')]

    def __init__(self, settings, log):
        super().__init__(settings, log)
        self._broker = Broker(settings, 'cinder')

    def opened(self, request):
        if request.path == '/' and request.method == 'GET':
            return Answer(200, {'versions': [self._version(request, number) for number in ('v1', 'v2')]})
        return None

    def _version(self, request, number):
        return {'status': 'SUPPORTED' if number == 'v1' else 'CURRENT', 'updated': '2014-06-28T12:20:21Z' if number == 'v1' else '2012-11-21T11:33:21Z',
                'id': f'{number}.0', 'links': [{'href': f'{request.url}/{number}/', 'rel': 'self'}]}

    def version(self, request, number):
        # v2 calls itself v1.0, as recorded
        links = [{'href': f'{request.url}/{number}/', 'rel': 'self'},
                 {'href': 'http://docs.openstack.org/', 'type': 'text/html', 'rel': 'describedby'}]
        media = [{'base': f'application/{kind}', 'type': f'application/vnd.openstack.volume+{kind};version=1'} for kind in ('xml', 'json')]
        return Answer(200, {'version': {'status': 'SUPPORTED', 'updated': '2014-06-28T12:20:21Z', 'media-types': media,
                                        'id': 'v1.0', 'links': links}})

    def answer(self, request):
        answer = super().answer(request)
        ids = [('X-Openstack-Request-Id', request.id)]
        if request.token and answer.content_type in (JSON, JSON + UTF8):
            ids.insert(0, ('X-Compute-Request-Id', request.id))
        if request.path != '/':
            answer.headers += ids
        return answer

    def fault(self, _request, fault):
        if fault.more.get('route'):
            return Answer(404, NOT_FOUND, PLAIN + UTF8)
        return Answer(fault.status, {WORDS[fault.status]: {'message': fault.message, 'code': fault.status}}, JSON + UTF8)

    def broken(self, request):
        return self.fault(request, Fault(500, BROKEN))

    def prepared(self, request, handler, arguments):
        if len(arguments) > 1 and arguments[1] != request.token['tenant']:
            raise Fault(400, 'Malformed request url')
        return handler(request, *arguments)

    def _admin(self, request, action):
        if not request.admin:
            raise Fault(403, f"Policy doesn't allow volume_extension:{action} to be performed.")

    def _view(self, request, version, tenant, row):
        shown = {'status': row['status'], 'attachments': [], 'availability_zone': row['availability_zone'],
                 'encrypted': bool(row['encryption_key_id']), 'created_at': stamp(row['created_at']), 'id': row['id'], 'size': row['size'],
                 'bootable': 'true' if row['bootable'] else 'false', 'snapshot_id': row['snapshot_id'], 'source_volid': row['source_volid'],
                 'metadata': {entry['key']: entry['value'] for entry in request.rows(
                     'SELECT `key`, value FROM volume_metadata WHERE volume_id = %s AND deleted = 0', row['id'])}}
        if row['attach_status'] == 'attached':
            shown['attachments'] = [{'host_name': row['attached_host'], 'device': row['mountpoint'], 'server_id': row['instance_uuid'],
                                     'id': row['id'], 'volume_id': row['id']}]
        kind = request.one('SELECT name FROM volume_types WHERE id = %s', row['volume_type_id'])
        if version == 'v1':
            shown.update(display_name=row['display_name'], display_description=row['display_description'],
                         volume_type=kind['name'] if kind else 'None')
        else:
            links = [{'href': f"{request.url}/{prefix}{tenant}/volumes/{row['id']}", 'rel': rel} for prefix, rel in (('v2/', 'self'), ('', 'bookmark'))]
            shown.update(name=row['display_name'], description=row['display_description'], volume_type=kind['name'] if kind else None,
                         user_id=row['user_id'], links=links, replication_status=row['replication_status'] or 'disabled',
                         consistencygroup_id=row['consistencygroup_id'])
        return shown

    def _extended(self, request, version, tenant, row):
        shown = self._view(request, version, tenant, row)
        shown.update({'os-vol-tenant-attr:tenant_id': row['project_id'], 'os-volume-replication:driver_data': row['replication_driver_data'],
                      'os-volume-replication:extended_status': row['replication_extended_status']})
        if request.admin:
            shown.update({'os-vol-host-attr:host': row['host'], 'os-vol-mig-status-attr:migstat': row['migration_status'],
                          'os-vol-mig-status-attr:name_id': row['_name_id']})
        image = request.rows('SELECT `key`, value FROM volume_glance_metadata WHERE volume_id = %s AND deleted = 0', row['id'])
        if image:
            shown['volume_image_metadata'] = {entry['key']: entry['value'] for entry in image}
        return shown

    def _visible(self, request):
        everyone = request.admin and request.query.get('all_tenants') in ('1', 'True', 'true')
        return ('1 = %s', 1) if everyone else ('project_id = %s', request.token['tenant'])

    def volumes(self, request, version, tenant):
        condition, value = self._visible(request)
        rows = request.rows(f'SELECT * FROM volumes WHERE deleted = 0 AND {condition} ORDER BY created_at DESC, id DESC', value)
        if 'status' in request.query:
            rows = [row for row in rows if row['status'] == request.query['status']]
        body = {}
        if 'limit' in request.query:
            rows = rows[:int(request.query['limit'])]
            body = {'volumes_links': [{'href': f"{request.url}{request.target}&marker={rows[-1]['id']}", 'rel': 'next'}]} if rows else {}
        if not request.path.endswith('detail') and version == 'v2':
            views = [self._view(request, version, tenant, row) for row in rows]
            return Answer(200, {**body, 'volumes': [{name: view[name] for name in ('id', 'links', 'name')} for view in views]})
        return Answer(200, {**body, 'volumes': [self._extended(request, version, tenant, row) for row in rows]})

    def _row(self, request, version, wanted):
        row = request.one('SELECT * FROM volumes WHERE deleted = 0 AND id = %s', wanted)
        if row is None or not (request.admin or row['project_id'] == request.token['tenant']):
            raise Fault(404, 'The resource could not be found.' if version == 'v1' else 'Volume could not be found')
        return row

    def volume(self, request, version, tenant, wanted):
        return Answer(200, {'volume': self._extended(request, version, tenant, self._row(request, version, wanted))})

    def create(self, request, version, tenant):
        fields = self.body(request, 'volume')
        if not str(fields.get('size') or '').isdigit() or int(fields['size']) < 1:
            raise Fault(400, f"Invalid input received: Volume size {fields.get('size')} must be an integer and greater than 0")
        kind = fields.get('volume_type')
        row = request.one('SELECT id FROM volume_types WHERE deleted = 0 AND (name = %s OR id = %s)', kind, kind) if kind else None
        if kind and not row:
            raise Fault(404, 'Volume type not found.')
        made = str(uuid.uuid4())
        request.run('INSERT INTO volumes (created_at, deleted, id, user_id, project_id, size, availability_zone, status, attach_status, '
                    "display_name, display_description, volume_type_id, bootable, replication_status) VALUES (UTC_TIMESTAMP(), 0, %s, %s, %s, "
                    "%s, 'nova', 'creating', 'detached', %s, %s, %s, 0, 'disabled')", made, request.token['user'], tenant, int(fields['size']),
                    fields.get('name') or fields.get('display_name'), fields.get('description'), row['id'] if row else None)
        # hangs while the broker is down, as the real one
        self._broker.cast('cinder-scheduler', 'create_volume', {'id': made})
        return Answer(200 if version == 'v1' else 202, {'volume': self._view(request, version, tenant, self._row(request, version, made))})

    def delete(self, request, version, _tenant, wanted):
        row = self._row(request, version, wanted)
        if row['status'] not in ('available', 'error'):
            raise Fault(400, f"Invalid volume: Volume status must be available or error, but current status is: {row['status']}")
        request.run("UPDATE volumes SET status = 'deleting' WHERE id = %s", wanted)
        # to the host of the row: with another host name the message waits, and the volume stays in `deleting`
        self._broker.cast(f"cinder-volume.{row['host'].partition('#')[0]}" if row['host'] else 'cinder-volume', 'delete_volume', {'id': wanted})
        return Answer(202, None, HTML_UTF8)

    def act(self, request, version, _tenant, wanted):
        self._row(request, version, wanted)
        action, fields = next(iter((self.body(request) or {}).items()), ('', None))
        if action != 'os-reset_status':
            raise Fault(400, f'There is no such action: {action}')
        self._admin(request, 'volume_admin_actions:reset_status')
        if (fields or {}).get('status') not in STATES:
            raise Fault(400, 'Must specify a valid status')
        request.run('UPDATE volumes SET status = %s WHERE id = %s', fields['status'], wanted)
        return Answer(202, None, HTML_UTF8)

    def services(self, request, _version, _tenant):
        self._admin(request, 'services')
        rows = request.rows('SELECT *, TIMESTAMPDIFF(SECOND, COALESCE(updated_at, created_at), UTC_TIMESTAMP()) AS age FROM services WHERE deleted = 0 ORDER BY id')
        return Answer(200, {'services': [{
            'status': 'disabled' if row['disabled'] else 'enabled', 'binary': row['binary'], 'zone': row['availability_zone'],
            'state': 'up' if abs(row['age']) <= int(self.settings['service_down_time']) else 'down', 'updated_at': stamp(row['updated_at']),
            'host': row['host'], 'disabled_reason': row['disabled_reason']} for row in rows]})

    def change_service(self, request, _version, _tenant, change):
        self._admin(request, 'services')
        fields = self.body(request) or {}
        reason = fields.get('disabled_reason') if change == 'disable-log-reason' else None
        if change == 'disable-log-reason' and not reason:
            raise Fault(400, 'Disabled reason contains invalid characters or is too long')
        where = (fields.get('host'), fields.get('binary'))
        if not request.rows('SELECT id FROM services WHERE deleted = 0 AND host = %s AND `binary` = %s', *where):
            raise Fault(404, f'HostBinaryNotFound: Could not find binary {where[1]} on host {where[0]}.')
        request.run('UPDATE services SET disabled = %s, disabled_reason = %s WHERE deleted = 0 AND host = %s AND `binary` = %s',
                    change != 'enable', reason, *where)
        shown = {'disabled': change != 'enable', 'status': 'enabled' if change == 'enable' else 'disabled', 'host': where[0],
                 'service': '', 'binary': where[1]}
        return Answer(200, {**shown, **({} if change == 'disable' else {'disabled_reason': reason})})

    def snapshots(self, request, version, _tenant):
        condition, value = self._visible(request)
        names = ('display_name', 'display_description') if version == 'v1' else ('name', 'description')
        rows = request.rows(f'SELECT * FROM snapshots WHERE deleted = 0 AND {condition} ORDER BY created_at DESC, id DESC', value)
        return Answer(200, {'snapshots': [{
            'status': row['status'], names[0]: row['display_name'], names[1]: row['display_description'], 'created_at': stamp(row['created_at']),
            'os-extended-snapshot-attributes:progress': row['progress'], 'volume_id': row['volume_id'], 'metadata': {}, 'id': row['id'],
            'os-extended-snapshot-attributes:project_id': row['project_id'], 'size': row['volume_size']} for row in rows]})

    def types(self, request, _version, _tenant):
        return Answer(200, {'volume_types': [{'name': row['name'], 'id': row['id'], 'extra_specs': {
            entry['key']: entry['value'] for entry in request.rows(
                'SELECT `key`, value FROM volume_type_extra_specs WHERE deleted = 0 AND volume_type_id = %s', row['id'])}}
            for row in request.rows('SELECT * FROM volume_types WHERE deleted = 0 ORDER BY name')]})

    def backups(self, request, _version, _tenant):
        if request.rows('SELECT id FROM backups WHERE deleted = 0'):
            raise Fault(400, 'stand-in: backups are left out')
        return Answer(200, {'backups': []})

    def qos_specs(self, _request, _version, _tenant):
        return Answer(200, {'qos_specs': []})

    def zones(self, _request, _version, _tenant):
        return Answer(200, {'availabilityZoneInfo': [{'zoneState': {'available': True}, 'zoneName': 'nova'}]})
