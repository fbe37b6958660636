"""Compute API v2. What takes a host's doing goes to the conductor or the compute by the stand-in of RPC (rpc.py)."""
import re
import uuid

from . import nova_views as views
from .nova_belongings import BROKEN, Belongings
from .nova_rules import ALLOWED, SIMPLE, version_to_send
from .rpc import Broker, NoReply, RemoteError, UnsupportedVersion
from .web import HTML_UTF8, JSON, NOT_FOUND, PLAIN, UTF8, Answer, Api, Fault

WORDS = {400: 'badRequest', 403: 'forbidden', 404: 'itemNotFound', 409: 'conflictingRequest', 500: 'computeFault'}
TRUE = ('1', 't', 'true', 'on', 'y', 'yes')
FALSE = ('0', 'f', 'false', 'off', 'n', 'no')
T = '/v2/([^/]+)'
S = f'{T}/servers/([0-9a-f-]+)'
ADMIN_ACTIONS = {'os-migrateLive': 'migrateLive', 'migrate': 'migrate', 'os-resetState': 'resetState', 'pause': 'pause', 'suspend': 'suspend', 'lock': 'lock', 'unlock': 'unlock'}


class Nova(Belongings, Api):
    name = 'nova.api.openstack'
    routes = [('GET', '/v2', 'version'), ('GET', f'{T}/servers/detail', 'servers'), ('GET', f'{T}/servers', 'servers'), ('GET', S, 'server'), ('PUT', S, 'update'),
              ('GET', f'{S}/metadata', 'metadata'), ('POST', f'{S}/metadata', 'change_metadata'), ('PUT', f'{S}/metadata', 'change_metadata'), ('DELETE', f'{S}/metadata/([^/]+)', 'delete_metadata'),
              ('POST', f'{S}/os-volume_attachments', 'attach'), ('DELETE', f'{S}/os-volume_attachments/([0-9a-f-]+)', 'detach'),
              ('POST', f'{T}/servers', 'boot'), ('DELETE', S, 'delete'), ('POST', f'{S}/action', 'act'), ('GET', f'{S}/os-volume_attachments', 'attachments'),
              ('GET', f'{S}/os-instance-actions', 'actions'), ('GET', f'{T}/os-services', 'services'),
              ('PUT', f'{T}/os-services/(enable|disable|disable-log-reason)', 'change_service'), ('DELETE', f'{T}/os-services/(\\d+)', 'delete_service'),
              ('GET', f'{T}/os-migrations', 'migrations'), ('GET', f'{T}/os-hypervisors(/detail)?', 'hypervisors'), ('GET', f'{T}/os-hypervisors/statistics', 'statistics'),
              ('GET', f'{T}/os-hypervisors/([^/]+)/(search|servers)', 'found_hypervisors'), ('GET', f'{T}/os-hypervisors/([^/]+)', 'hypervisor'),
              ('GET', f'{T}/flavors(/detail)?', 'flavors'), ('GET', f'{T}/flavors/([^/]+)', 'flavor'), ('GET', f'{T}/os-aggregates', 'aggregates'),
              ('GET', f'{T}/os-keypairs', 'keypairs')]

    def __init__(self, settings, log):
        super().__init__(settings, log)
        self.broker, self.volumes = Broker(settings, 'nova'), Broker(settings, 'cinder')

    def opened(self, request):
        if request.path == '/' and request.method == 'GET':
            return Answer(200, {'versions': [{'status': 'CURRENT', 'updated': '2011-01-21T11:33:21Z', 'id': 'v2.0', 'links': [{'href': f'{request.url}/v2/', 'rel': 'self'}]}]})
        return None

    def version(self, request):
        media = [{'base': f'application/{kind}', 'type': f'application/vnd.openstack.compute+{kind};version=2'} for kind in ('xml', 'json')]
        return Answer(200, {'version': {'status': 'CURRENT', 'updated': '2011-01-21T11:33:21Z', 'media-types': media, 'id': 'v2.0', 'links': [
            {'href': f'{request.url}/v2/', 'rel': 'self'}, {'href': 'http://docs.openstack.org/', 'type': 'text/html', 'rel': 'describedby'}]}})

    def fault(self, _request, fault):
        if fault.more.get('route'):
            return Answer(404, NOT_FOUND, PLAIN + UTF8)
        return Answer(fault.status, {WORDS[fault.status]: {'message': fault.message, 'code': fault.status}}, JSON + UTF8)

    def broken(self, request):
        return self.fault(request, Fault(500, BROKEN))

    def prepared(self, request, handler, arguments):
        tenant = arguments[0] if arguments else None
        if tenant and tenant != request.token['tenant']:
            raise Fault(400, f"Malformed request URL: URL's project_id '{tenant}' doesn't match Context's project_id '{request.token['tenant']}'")
        return handler(request, *arguments)

    def _admin(self, request, action):
        if not request.admin:
            raise Fault(403, f"Policy doesn't allow compute_extension:{action} to be performed.")

    def servers(self, request, tenant):
        everyone = request.admin and request.query.get('all_tenants', '0').lower() in TRUE
        deleted = '!=' if request.admin and request.query.get('deleted', '').lower() in TRUE else '='
        rows = request.rows(f'SELECT * FROM instances WHERE deleted {deleted} 0 ORDER BY created_at DESC, id DESC')
        rows = [row for row in rows if everyone or row['project_id'] == request.token['tenant']]
        if request.admin and 'host' in request.query:
            rows = [row for row in rows if (row['host'] or '').lower() == request.query['host'].lower()]
        if 'status' in request.query:
            rows = [row for row in rows if views.status_of(row) == request.query['status'].upper()]
        if 'name' in request.query:
            rows = [row for row in rows if re.search(request.query['name'], row['display_name'] or '')]
        if 'marker' in request.query:
            ids = [row['uuid'] for row in rows]
            rows = rows[ids.index(request.query['marker']) + 1:] if request.query['marker'] in ids else []
        body = {}
        if 'limit' in request.query and len(rows) >= int(request.query['limit']):
            rows = rows[:int(request.query['limit'])]
            target = re.sub(r'&?marker=[^&]*', '', request.target)
            body['servers_links'] = [{'href': f"{request.url}{target}&marker={rows[-1]['uuid']}", 'rel': 'next'}]
        view = views.server if request.path.endswith('/detail') else views.short
        return Answer(200, {**body, 'servers': [view(request, tenant, row) for row in rows]})

    def row(self, request, wanted):
        row = request.one('SELECT * FROM instances WHERE deleted = 0 AND uuid = %s', wanted)
        if row is None or not (request.admin or row['project_id'] == request.token['tenant']):
            raise Fault(404, 'Instance could not be found')
        return row

    def server(self, request, tenant, wanted):
        return Answer(200, {'server': views.server(request, tenant, self.row(request, wanted))})

    def boot(self, request, tenant):
        fields = self.body(request, 'server')
        if not fields.get('name'):
            raise Fault(400, 'Server name is not defined')
        flavor = request.one('SELECT * FROM instance_types WHERE deleted = 0 AND flavorid = %s', str(fields.get('flavorRef')).rsplit('/', 1)[-1])
        if flavor is None:
            raise Fault(400, 'Invalid flavorRef provided.')
        made, zone = str(uuid.uuid4()), (fields.get('availability_zone') or 'nova').split(':')
        request.run('INSERT INTO instances (created_at, updated_at, user_id, project_id, image_ref, kernel_id, ramdisk_id, launch_index, key_name, power_state, vm_state, '
                    'task_state, memory_mb, vcpus, hostname, reservation_id, display_name, display_description, availability_zone, locked, instance_type_id, uuid, '
                    "config_drive, progress, root_gb, ephemeral_gb, deleted, cleaned) VALUES (UTC_TIMESTAMP(), UTC_TIMESTAMP(), %s, %s, %s, '', '', 0, %s, 0, 'building', "
                    "'scheduling', %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, '', 0, %s, %s, 0, 0)", request.token['user'], tenant, fields.get('imageRef', ''),
                    fields.get('key_name'), flavor['memory_mb'], flavor['vcpus'], fields['name'], f'r-{made[:8]}', fields['name'], fields['name'], zone[0],
                    flavor['id'], made, flavor['root_gb'], flavor['ephemeral_gb'])
        request.run("INSERT INTO instance_info_caches (created_at, network_info, instance_uuid, deleted) VALUES (UTC_TIMESTAMP(), '[]', %s, 0)", made)
        self.broker.cast('conductor', 'build_instances', {'uuid': made, 'wanted_host': zone[1] if len(zone) > 1 else None,
                                                          'networks': [network.get('uuid') for network in fields.get('networks') or []]})
        own = views.links(request, tenant, 'servers', made)
        return Answer(202, {'server': {'security_groups': [{'name': 'default'}], 'OS-DCF:diskConfig': 'MANUAL', 'id': made, 'links': own, 'adminPass': made[:12]}},
                      headers=[('Location', own[0]['href'])])

    def delete(self, request, _tenant, wanted):
        row = self.row(request, wanted)
        request.run("UPDATE instances SET task_state = 'deleting' WHERE uuid = %s", wanted)
        if row['host']:
            self.broker.cast(f"compute.{row['host'].lower()}", 'terminate_instance', {'uuid': wanted}, '3.0')
        else:
            request.run("UPDATE instances SET deleted = id, deleted_at = UTC_TIMESTAMP(), vm_state = 'deleted', task_state = NULL WHERE uuid = %s", wanted)
        return Answer(204)

    def act(self, request, _tenant, wanted):
        row = self.row(request, wanted)
        body = self.body(request)
        action, fields = next(iter(body.items())) if isinstance(body, dict) and body else ('', None)
        if action in ADMIN_ACTIONS and not request.admin and action not in ('pause', 'suspend'):
            self._admin(request, f'admin_actions:{ADMIN_ACTIONS[action]}')
        if row['locked'] and not request.admin:
            raise Fault(409, f'Instance {wanted} is locked')
        handler = {'os-migrateLive': self._live, 'migrate': self._migrate, 'confirmResize': self._confirm, 'revertResize': self._revert, 'os-resetState': self._reset,
                   'os-getConsoleOutput': self._console, 'os-getVNCConsole': self._vnc, 'rescue': self._rescue, 'lock': self._lock, 'unlock': self._lock}.get(action)
        if handler is None and action not in SIMPLE:
            raise Fault(400, f'There is no such action: {action}')
        self._assert_state(action, row)
        return (handler or self._simple)(request, row, action, fields if fields is not None else {})

    def _assert_state(self, action, row):
        state = row['vm_state']
        if action in ALLOWED and state not in ALLOWED[action]:
            raise Fault(409, f"Cannot '{action}' while instance is in vm_state {state}")
        if action in ALLOWED and row['task_state']:
            raise Fault(409, f"Cannot '{action}' while instance is in task_state {row['task_state']}")
        if action in ('os-stop', 'os-start') and state not in {'os-stop': ('active', 'error'), 'os-start': ('stopped',)}[action]:
            raise Fault(409, f"Instance {row['uuid']} in vm_state {state}. Cannot {action[3:]} while the instance is in this state.")

    def _task(self, request, row, task):
        request.run('UPDATE instances SET task_state = %s, updated_at = UTC_TIMESTAMP() WHERE uuid = %s', task, row['uuid'])

    def _simple(self, request, row, action, _fields):
        self._task(request, row, SIMPLE[action][0])
        self.broker.cast(f"compute.{row['host'].lower()}", 'do', {'uuid': row['uuid'], 'action': action}, '3.0')
        return Answer(202, None, HTML_UTF8)

    def _lock(self, request, row, action, _fields):
        request.run('UPDATE instances SET locked = %s WHERE uuid = %s', action == 'lock', row['uuid'])
        return Answer(202, None, HTML_UTF8)

    def _rescue(self, request, row, _action, _fields):
        self._task(request, row, 'rescuing')
        self.broker.cast(f"compute.{row['host'].lower()}", 'rescue_instance', {'uuid': row['uuid']}, version_to_send('rescue_instance', self.settings['cap_compute']))
        return Answer(200, {'adminPass': row['uuid'][:12]})

    def _reset(self, request, row, _action, fields):
        if fields.get('state') not in ('active', 'error'):
            raise Fault(400, 'Desired state must be specified.  Valid states are: active, error')
        request.run('UPDATE instances SET vm_state = %s, task_state = NULL, updated_at = UTC_TIMESTAMP() WHERE uuid = %s', fields['state'], row['uuid'])
        return Answer(202, None, HTML_UTF8)

    def _console(self, request, row, _action, _fields):
        version = version_to_send('get_console_output', self.settings['cap_compute'])
        try:
            return Answer(200, {'output': self.broker.call(f"compute.{row['host'].lower()}", 'get_console_output', {'uuid': row['uuid']}, version)})
        except (UnsupportedVersion, NoReply, RemoteError) as error:
            self.log.write('ERROR', 'nova.api.openstack', f'{type(error).__name__}: {error}')
            return self.broken(request)

    def _vnc(self, _request, row, _action, _fields):
        return Answer(200, {'console': {'url': f"{self.settings['novncproxy_base_url']}?token={uuid.uuid4()}", 'type': 'novnc'}})

    def _ask_conductor(self, method, arguments):
        try:
            self.broker.call('conductor', method, arguments, timeout_s=2 * float(self.settings['rpc_response_timeout']) + 10)
        except RemoteError as error:
            raise Fault(400, str(error)) from None

    def _live(self, request, row, _action, fields):
        if not all(name in fields for name in ('host', 'block_migration', 'disk_over_commit')):
            raise Fault(400, 'host, block_migration and disk_over_commit must be specified for live migration.')
        for value in (fields['block_migration'], fields['disk_over_commit']):
            if str(value).lower() not in (*TRUE, *FALSE):
                raise Fault(400, f"Unrecognized value '{value}', acceptable values are: " + ', '.join(f"'{word}'" for word in sorted((*TRUE, *FALSE))))
        self._task(request, row, 'migrating')
        self._ask_conductor('live_migrate', {'uuid': row['uuid'], 'wanted_host': fields['host']})
        return Answer(202, None, HTML_UTF8)

    def _migrate(self, request, row, _action, _fields):
        self._task(request, row, 'resize_prep')
        self._ask_conductor('cold_migrate', {'uuid': row['uuid']})
        return Answer(202, None, HTML_UTF8)

    def _finished(self, request, row):
        found = request.one("SELECT * FROM migrations WHERE deleted = 0 AND status = 'finished' AND instance_uuid = %s ORDER BY id DESC LIMIT 1", row['uuid'])
        if found is None:
            raise Fault(400, 'Instance has not been resized.')
        return found

    def _confirm(self, request, row, _action, _fields):
        migration = self._finished(request, row)
        request.run("UPDATE migrations SET status = 'confirming' WHERE id = %s", migration['id'])
        self.broker.cast(f"compute.{migration['source_compute'].lower()}", 'confirm_resize', {'uuid': row['uuid'], 'migration': migration['id']}, '3.0')
        return Answer(204)

    def _revert(self, request, row, _action, _fields):
        migration = self._finished(request, row)
        self._task(request, row, 'resize_reverting')
        request.run("UPDATE migrations SET status = 'reverting' WHERE id = %s", migration['id'])
        self.broker.cast(f"compute.{migration['dest_compute'].lower()}", 'revert_resize', {'uuid': row['uuid'], 'migration': migration['id']}, '3.0')
        return Answer(202, None, HTML_UTF8)

    def actions(self, request, _tenant, wanted):
        rows = request.rows('SELECT * FROM instance_actions WHERE deleted = 0 AND instance_uuid = %s ORDER BY id DESC', wanted)
        names = ('instance_uuid', 'user_id', 'request_id', 'action', 'message', 'project_id')
        return Answer(200, {'instanceActions': [{**{name: row[name] for name in names}, 'start_time': views.stamp(row['start_time'])} for row in rows]})

    def service_views(self, request):
        rows = request.rows('SELECT *, TIMESTAMPDIFF(SECOND, COALESCE(updated_at, created_at), UTC_TIMESTAMP()) AS age FROM services WHERE deleted = 0 ORDER BY id')
        return [views.service(row, int(self.settings['service_down_time'])) for row in rows]

    def services(self, request, _tenant):
        self._admin(request, 'services')
        shown = [view for view in self.service_views(request) if all(request.query.get(name, view[name]) == view[name] for name in ('host', 'binary'))]
        return Answer(200, {'services': shown})

    def change_service(self, request, _tenant, change):
        self._admin(request, 'services')
        fields = self.body(request) or {}
        reason = fields.get('disabled_reason') if change == 'disable-log-reason' else None
        if change == 'disable-log-reason' and not (reason or '').strip():
            raise Fault(400, 'The string containing the reason for disabling the service contains invalid characters or is too long.')
        where = (fields.get('host'), fields.get('binary'))
        if not request.rows('SELECT id FROM services WHERE deleted = 0 AND host = %s AND `binary` = %s', *where):
            raise Fault(404, f'Could not find binary {where[1]} on host {where[0]}.')
        request.run('UPDATE services SET disabled = %s, disabled_reason = %s WHERE deleted = 0 AND host = %s AND `binary` = %s', change != 'enable', reason, *where)
        shown = {'status': 'enabled' if change == 'enable' else 'disabled', 'binary': where[1], 'host': where[0]}
        return Answer(200, {'service': {**shown, **({'disabled_reason': reason} if reason else {})}})

    def delete_service(self, request, _tenant, wanted):
        self._admin(request, 'services')
        if not request.rows('SELECT id FROM services WHERE deleted = 0 AND id = %s', wanted):
            raise Fault(404, f'Service {wanted} not found.')
        request.run('UPDATE services SET deleted = id, deleted_at = UTC_TIMESTAMP() WHERE id = %s', wanted)
        return Answer(204)

    def migrations(self, request, _tenant):
        self._admin(request, 'migrations:index')
        rows = request.rows('SELECT * FROM migrations WHERE deleted = 0 ORDER BY id')
        if 'status' in request.query:
            rows = [row for row in rows if row['status'] == request.query['status']]
        if 'host' in request.query:
            rows = [row for row in rows if request.query['host'].lower() in ((row['source_compute'] or '').lower(), (row['dest_compute'] or '').lower())]
        return Answer(200, {'migrations': [views.migration(row) for row in rows]})

    def _hypervisors(self, request):
        """[(row, the view of its service)]"""
        self._admin(request, 'hypervisors')
        services = {view['id']: view for view in self.service_views(request)}
        rows = request.rows('SELECT * FROM compute_nodes WHERE deleted = 0 ORDER BY id')
        return [(row, services[row['service_id']]) for row in rows if row['service_id'] in services]

    def hypervisors(self, request, _tenant, detail):
        return Answer(200, {'hypervisors': [views.hypervisor(*pair, bool(detail)) for pair in self._hypervisors(request)]})

    def hypervisor(self, request, _tenant, wanted):
        pair = next((pair for pair in self._hypervisors(request) if str(pair[0]['id']) == wanted), None)
        if pair is None:
            raise Fault(404, f"Hypervisor with ID '{wanted}' could not be found.")
        return Answer(200, {'hypervisor': views.hypervisor(*pair, True)})

    def statistics(self, request, _tenant):
        names = ('vcpus_used', 'local_gb_used', 'memory_mb', 'current_workload', 'vcpus', 'running_vms', 'free_disk_gb', 'disk_available_least', 'local_gb', 'free_ram_mb', 'memory_mb_used')
        rows = [row for row, _ in self._hypervisors(request)]
        return Answer(200, {'hypervisor_statistics': {'count': len(rows), **{name: sum(row[name] or 0 for row in rows) for name in names}}})

    def found_hypervisors(self, request, _tenant, wanted, what):
        pairs = [pair for pair in self._hypervisors(request) if wanted.lower() in pair[0]['hypervisor_hostname'].lower()]
        if not pairs:
            raise Fault(404, f"No hypervisor matching '{wanted}' could be found.")
        shown = [views.hypervisor(*pair, False) for pair in pairs]
        for view in shown if what == 'servers' else ():
            rows = request.rows('SELECT uuid, id FROM instances WHERE deleted = 0 AND node = %s ORDER BY id', view['hypervisor_hostname'])
            if rows:
                view['servers'] = [{'uuid': row['uuid'], 'name': f"instance-{row['id']:08x}"} for row in rows]
        return Answer(200, {'hypervisors': shown})

    def flavors(self, request, tenant, detail):
        rows = request.rows('SELECT * FROM instance_types WHERE deleted = 0 ORDER BY flavorid')
        shown = [views.flavor(request, tenant, row) for row in rows if row['is_public'] or request.query.get('is_public') == 'None']
        return Answer(200, {'flavors': shown if detail else [{name: view[name] for name in ('id', 'links', 'name')} for view in shown]})

    def flavor(self, request, tenant, wanted):
        row = request.one('SELECT * FROM instance_types WHERE deleted = 0 AND flavorid = %s', wanted)
        if row is None:
            raise Fault(404, 'The resource could not be found.')
        return Answer(200, {'flavor': views.flavor(request, tenant, row)})

    def aggregates(self, request, _tenant):
        self._admin(request, 'aggregates')
        shown = []
        for row in request.rows('SELECT * FROM aggregates WHERE deleted = 0 ORDER BY id'):
            metadata = {entry['key']: entry['value'] for entry in request.rows('SELECT `key`, value FROM aggregate_metadata WHERE deleted = 0 AND aggregate_id = %s', row['id'])}
            hosts = [entry['host'] for entry in request.rows('SELECT host FROM aggregate_hosts WHERE deleted = 0 AND aggregate_id = %s', row['id'])]
            shown.append({'name': row['name'], 'availability_zone': metadata.get('availability_zone'), 'deleted': False, 'created_at': views.stamp(row['created_at']),
                          'updated_at': views.stamp(row['updated_at']), 'hosts': hosts, 'deleted_at': None, 'id': row['id'], 'metadata': metadata})
        return Answer(200, {'aggregates': shown})

    def keypairs(self, request, _tenant):
        rows = request.rows('SELECT * FROM key_pairs WHERE deleted = 0 AND user_id = %s ORDER BY id', request.token['user'])
        return Answer(200, {'keypairs': [{'keypair': {'public_key': row['public_key'], 'name': row['name'], 'fingerprint': row['fingerprint']}} for row in rows]})
