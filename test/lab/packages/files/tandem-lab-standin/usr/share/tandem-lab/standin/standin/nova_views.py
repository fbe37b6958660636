"""Rows as the Compute API v2 shows them."""
import hashlib
import json

from .nova_rules import status_of
from .web import stamp


def iso(time):
    return stamp(time, '%Y-%m-%dT%H:%M:%SZ')


def links(request, tenant, kind, wanted):
    return [{'href': f'{request.url}/v2/{tenant}/{kind}/{wanted}', 'rel': 'self'}, {'href': f'{request.url}/{tenant}/{kind}/{wanted}', 'rel': 'bookmark'}]


def bookmark(request, tenant, kind, wanted):
    return {'id': wanted, 'links': links(request, tenant, kind, wanted)[1:]}


def addresses(request, uuid):
    cache = request.one('SELECT network_info FROM instance_info_caches WHERE instance_uuid = %s AND deleted = 0', uuid)
    found = {}
    for port in json.loads((cache or {}).get('network_info') or '[]'):
        for subnet in port['network']['subnets']:
            for address in subnet['ips']:
                plain = {'OS-EXT-IPS-MAC:mac_addr': port['address'], 'version': 4}
                entries = found.setdefault(port['network']['label'], [])
                entries.append({**plain, 'addr': address['address'], 'OS-EXT-IPS:type': 'fixed'})
                entries += [{**plain, 'addr': floating['address'], 'OS-EXT-IPS:type': 'floating'} for floating in address.get('floating_ips', [])]
    return found


def metadata(request, uuid):
    return {entry['key']: entry['value'] for entry in request.rows('SELECT `key`, value FROM instance_metadata WHERE deleted = 0 AND instance_uuid = %s ORDER BY id', uuid)}


def short(request, tenant, row):
    return {'id': row['uuid'], 'links': links(request, tenant, 'servers', row['uuid']), 'name': row['display_name']}


def server(request, tenant, row):
    flavor = request.one('SELECT flavorid FROM instance_types WHERE id = %s', row['instance_type_id'])
    shown = {
        'status': status_of(row), 'updated': iso(row['updated_at'] or row['created_at']), 'addresses': addresses(request, row['uuid']),
        'hostId': hashlib.sha224((row['project_id'] + row['host']).encode()).hexdigest() if row['host'] else '',
        'links': links(request, tenant, 'servers', row['uuid']), 'key_name': row['key_name'],
        'image': bookmark(request, tenant, 'images', row['image_ref']) if row['image_ref'] else '',
        'OS-EXT-STS:task_state': row['task_state'], 'OS-EXT-STS:vm_state': row['vm_state'], 'OS-EXT-STS:power_state': row['power_state'] or 0,
        'OS-SRV-USG:launched_at': stamp(row['launched_at']), 'OS-SRV-USG:terminated_at': stamp(row['terminated_at']),
        'flavor': bookmark(request, tenant, 'flavors', flavor['flavorid'] if flavor else ''), 'id': row['uuid'],
        'OS-EXT-AZ:availability_zone': row['availability_zone'] or 'nova', 'user_id': row['user_id'], 'name': row['display_name'],
        'created': iso(row['created_at']), 'tenant_id': row['project_id'], 'OS-DCF:diskConfig': 'AUTO' if row['auto_disk_config'] else 'MANUAL',
        'os-extended-volumes:volumes_attached': [{'id': volume['volume_id']} for volume in request.rows(
            'SELECT volume_id FROM block_device_mapping WHERE deleted = 0 AND volume_id IS NOT NULL AND instance_uuid = %s', row['uuid'])],
        'accessIPv4': row['access_ip_v4'] or '', 'accessIPv6': row['access_ip_v6'] or '', 'config_drive': row['config_drive'] or '',
        'metadata': metadata(request, row['uuid'])}
    if row['host']:
        shown['security_groups'] = [{'name': 'default'}]
    if request.admin:
        shown.update({'OS-EXT-SRV-ATTR:host': row['host'], 'OS-EXT-SRV-ATTR:instance_name': f"instance-{row['id']:08x}",
                      'OS-EXT-SRV-ATTR:hypervisor_hostname': row['node']})
    fault = request.one('SELECT * FROM instance_faults WHERE deleted = 0 AND instance_uuid = %s ORDER BY id DESC LIMIT 1', row['uuid'])
    if status_of(row) in ('ERROR', 'DELETED') and fault:
        shown['fault'] = {'message': fault['message'], 'code': fault['code'], 'created': iso(fault['created_at']),
                          **({'details': fault['details']} if request.admin and fault['details'] else {})}
    if status_of(row) in ('BUILD', 'ACTIVE', 'REBOOT', 'MIGRATING', 'RESIZE', 'VERIFY_RESIZE', 'DELETED', 'REBUILD', 'PASSWORD'):
        shown['progress'] = row['progress'] or 0
    return shown


def migration(row):
    names = ('dest_host', 'instance_uuid', 'old_instance_type_id', 'dest_compute', 'id', 'status', 'source_node', 'dest_node', 'new_instance_type_id', 'source_compute')
    return {**{name: row[name] for name in names}, 'updated_at': stamp(row['updated_at']), 'created_at': stamp(row['created_at'])}


def service(row, down_time_s):
    up = row['age'] is not None and abs(row['age']) <= down_time_s
    return {'status': 'disabled' if row['disabled'] else 'enabled', 'binary': row['binary'], 'zone': 'nova' if row['binary'] == 'nova-compute' else 'internal',
            'state': 'up' if up else 'down', 'updated_at': stamp(row['updated_at']), 'host': row['host'], 'disabled_reason': row['disabled_reason'], 'id': row['id']}


def hypervisor(row, service_view, detail):
    shown = {'status': service_view['status'], 'state': service_view['state'], 'id': row['id'], 'hypervisor_hostname': row['hypervisor_hostname']}
    if detail:
        names = ('vcpus_used', 'hypervisor_type', 'local_gb_used', 'vcpus', 'memory_mb_used', 'memory_mb', 'current_workload', 'host_ip', 'cpu_info',
                 'running_vms', 'free_disk_gb', 'hypervisor_version', 'disk_available_least', 'local_gb', 'free_ram_mb')
        shown.update({name: row[name] for name in names}, service={'host': service_view['host'], 'disabled_reason': service_view['disabled_reason'], 'id': service_view['id']})
    return shown


def flavor(request, tenant, row):
    return {'name': row['name'], 'links': links(request, tenant, 'flavors', row['flavorid']), 'ram': row['memory_mb'], 'OS-FLV-DISABLED:disabled': bool(row['disabled']),
            'vcpus': row['vcpus'], 'swap': row['swap'] or '', 'os-flavor-access:is_public': bool(row['is_public']), 'rxtx_factor': row['rxtx_factor'],
            'OS-FLV-EXT-DATA:ephemeral': row['ephemeral_gb'], 'disk': row['root_gb'], 'id': row['flavorid']}
