"""Networking API v2.0, and the server's ear for its agents' reports."""
import json
import random
import uuid
from datetime import datetime

from .web import JSON, NOT_FOUND, PLAIN, UTF8, Answer, Api, Fault

# resource -> (singular, table, name in "could not be found")
KINDS = {'networks': ('network', 'networks', 'Network'), 'subnets': ('subnet', 'subnets', 'Subnet'), 'ports': ('port', 'ports', 'Port'),
         'routers': ('router', 'routers', 'Router'), 'floatingips': ('floatingip', 'floatingips', 'Floating IP'),
         'security-groups': ('security_group', 'securitygroups', 'Security group'),
         'security-group-rules': ('security_group_rule', 'securitygrouprules', 'Security group rule'), 'agents': ('agent', 'agents', 'Agent')}
KNOWN = {'networks': {'name', 'admin_state_up', 'shared', 'router:external', 'tenant_id', 'provider:network_type',
                      'provider:physical_network', 'provider:segmentation_id'}}
R = '/v2.0/([a-z-]+)'


class Neutron(Api):
    name = 'neutron.api'
    routes = [('GET', '/v2.0', 'resources'), ('GET', '/v2.0/agents/([^/]+)/(l3-routers|dhcp-networks)', 'held'),
              ('GET', '/v2.0/(routers|networks)/([^/]+)/(l3-agents|dhcp-agents)', 'holders'), ('GET', '/v2.0/quotas', 'quotas'),
              ('GET', R, 'list'), ('GET', f'{R}/([^/]+)', 'show'), ('POST', '/v2.0/networks', 'create_network'),
              ('POST', '/v2.0/ports', 'create_port'), ('PUT', '/v2.0/agents/([^/]+)', 'change_agent'),
              ('PUT', '/v2.0/networks/([^/]+)', 'rename'), ('DELETE', '/v2.0/(networks|ports|routers)/([^/]+)', 'delete')]

    def opened(self, request):
        if request.path == '/' and request.method == 'GET':
            return Answer(200, {'versions': [{'status': 'CURRENT', 'id': 'v2.0', 'links': [{'href': f'{request.url}/v2.0', 'rel': 'self'}]}]}, JSON + UTF8)
        return None

    def answer(self, request):
        answer = super().answer(request)
        if answer.content_type == JSON:
            answer.content_type = JSON + UTF8
        if request.path != '/':
            answer.headers.append(('X-Openstack-Request-Id', request.id))
        return answer

    def fault(self, _request, fault):
        if fault.more.get('route'):
            return Answer(404, NOT_FOUND, PLAIN + UTF8)
        if fault.more.get('malformed'):
            fault = Fault(400, 'Malformed request body: Cannot understand JSON', type='MalformedRequestBody')
        if fault.more.get('missing'):
            fault = Fault(400, 'Resource body required', type='HTTPBadRequest')
        return Answer(fault.status, {'NeutronError': {'message': fault.message, 'type': fault.more['type'], 'detail': ''}}, JSON + UTF8)

    def broken(self, request):
        return self.fault(request, Fault(500, 'Request Failed: internal server error while processing your request.', type='HTTPInternalServerError'))

    def resources(self, request):
        return Answer(200, {'resources': [{'links': [{'href': f'{request.url}/v2.0/{name}s', 'rel': 'self'}], 'name': name, 'collection': f'{name}s'}
                                          for name in ('subnet', 'network', 'port')]})

    def quotas(self, _request):
        return Answer(200, {'quotas': []})

    def rows_of(self, request, plural):
        """Rows that the request may see: an ordinary user's own, and what is shared or external."""
        if plural not in KINDS:
            raise Fault(404, NOT_FOUND, route=True)
        rows = request.rows(f'SELECT * FROM {KINDS[plural][1]} ORDER BY id')
        if request.admin:
            return rows
        if plural == 'agents':
            return []
        outside = {row['network_id'] for row in request.rows('SELECT network_id FROM externalnetworks')}
        return [row for row in rows if row['tenant_id'] == request.token['tenant'] or row.get('shared') or row['id'] in outside]

    def view(self, request, plural, row):
        return getattr(self, '_' + plural.replace('-', '_'))(request, row)

    def list(self, request, plural):
        rows = [self.view(request, plural, row) for row in self.rows_of(request, plural)]
        for name, value in request.query.items():
            # an unknown filter is ignored, and so is limit
            if rows and name in rows[0] and name != 'fields':
                rows = [row for row in rows if str(row[name]).lower() == value.lower()]
        fields = [pair.partition('=')[2] for pair in request.query_text.split('&') if pair.startswith('fields=')]
        if fields:
            rows = [{name: row[name] for name in row if name in fields} for row in rows]
        return Answer(200, {plural.replace('-', '_'): rows})

    def show(self, request, plural, wanted):
        singular, _, title = KINDS.get(plural, (None, None, None))
        row = next((row for row in self.rows_of(request, plural) if row['id'] == wanted), None)
        if row is None and plural == 'agents' and not request.admin:
            raise Fault(404, 'The resource could not be found.', type='HTTPNotFound')
        if row is None:
            raise Fault(404, f'{title} {wanted} could not be found', type=f"{title.replace(' ', '')}NotFound")
        return Answer(200, {singular: self.view(request, plural, row)})

    def _networks(self, request, row):
        external = request.one('SELECT network_id FROM externalnetworks WHERE network_id = %s', row['id'])
        shown = {**{name: row[name] for name in ('status', 'name', 'tenant_id', 'id')}, 'admin_state_up': bool(row['admin_state_up']),
                 'shared': bool(row['shared']), 'router:external': bool(external),
                 'subnets': [subnet['id'] for subnet in request.rows('SELECT id FROM subnets WHERE network_id = %s', row['id'])]}
        segment = request.one('SELECT * FROM ml2_network_segments WHERE network_id = %s', row['id']) or {}
        if request.admin:
            shown.update({f'provider:{name}': segment.get(name) for name in ('network_type', 'physical_network', 'segmentation_id')})
        return shown

    def _subnets(self, request, row):
        return {**{name: row[name] for name in ('name', 'network_id', 'tenant_id', 'gateway_ip', 'ip_version', 'cidr', 'id', 'ipv6_ra_mode', 'ipv6_address_mode')},
                'enable_dhcp': bool(row['enable_dhcp']), 'host_routes': [],
                'dns_nameservers': [entry['address'] for entry in request.rows('SELECT address FROM dnsnameservers WHERE subnet_id = %s', row['id'])],
                'allocation_pools': [{'start': pool['first_ip'], 'end': pool['last_ip']} for pool in request.rows(
                    'SELECT first_ip, last_ip FROM ipallocationpools WHERE subnet_id = %s', row['id'])]}

    def _fixed(self, request, port):
        return [{'subnet_id': entry['subnet_id'], 'ip_address': entry['ip_address']}
                for entry in request.rows('SELECT subnet_id, ip_address FROM ipallocations WHERE port_id = %s', port)]

    def _ports(self, request, row):
        shown = {**{name: row[name] for name in ('status', 'device_owner', 'id', 'device_id', 'name', 'network_id', 'tenant_id', 'mac_address')},
                 'admin_state_up': bool(row['admin_state_up']), 'allowed_address_pairs': [], 'extra_dhcp_opts': [],
                 'fixed_ips': self._fixed(request, row['id']), 'binding:vnic_type': 'normal',
                 'security_groups': [entry['security_group_id'] for entry in request.rows(
                     'SELECT security_group_id FROM securitygroupportbindings WHERE port_id = %s', row['id'])]}
        binding = request.one('SELECT * FROM ml2_port_bindings WHERE port_id = %s', row['id']) or {}
        if request.admin:
            shown.update({'binding:host_id': binding.get('host', ''), 'binding:vif_type': binding.get('vif_type', 'unbound'),
                          'binding:profile': json.loads(binding.get('profile') or '{}'), 'binding:vif_details': json.loads(binding.get('vif_details') or '{}')})
        return shown

    def _routers(self, request, row):
        extra = request.one('SELECT * FROM router_extra_attributes WHERE router_id = %s', row['id']) or {}
        gateway = request.one('SELECT * FROM ports WHERE id = %s', row['gw_port_id'])
        shown = {**{name: row[name] for name in ('status', 'name', 'tenant_id', 'id')}, 'admin_state_up': bool(row['admin_state_up']), 'routes': [],
                 'external_gateway_info': {'network_id': gateway['network_id'], 'enable_snat': bool(row['enable_snat']),
                                           'external_fixed_ips': self._fixed(request, gateway['id'])} if gateway else None}
        return {**shown, **({'distributed': bool(extra.get('distributed')), 'ha': bool(extra.get('ha'))} if request.admin else {})}

    def _floatingips(self, _request, row):
        return {'floating_network_id': row['floating_network_id'], 'router_id': row['router_id'], 'fixed_ip_address': row['fixed_ip_address'],
                'floating_ip_address': row['floating_ip_address'], 'tenant_id': row['tenant_id'], 'status': row['status'], 'port_id': row['fixed_port_id'], 'id': row['id']}

    def _security_groups(self, request, row):
        rules = request.rows('SELECT * FROM securitygrouprules WHERE security_group_id = %s', row['id'])
        return {**{name: row[name] for name in ('tenant_id', 'description', 'id', 'name')}, 'security_group_rules': [self._security_group_rules(request, rule) for rule in rules]}

    def _security_group_rules(self, _request, row):
        return {name: row[name] for name in ('remote_group_id', 'direction', 'remote_ip_prefix', 'protocol', 'ethertype', 'tenant_id',
                                             'port_range_max', 'port_range_min', 'id', 'security_group_id')}

    def _agents(self, _request, row):
        age = (datetime.utcnow() - row['heartbeat_timestamp']).total_seconds()
        return {**{name: row[name] for name in ('binary', 'description', 'topic', 'host', 'agent_type', 'id')}, 'admin_state_up': bool(row['admin_state_up']),
                'alive': age <= int(self.settings['agent_down_time']), 'configurations': json.loads(row['configurations'] or '{}'),
                **{name: str(row[name]) for name in ('heartbeat_timestamp', 'created_at', 'started_at')}}

    def held(self, request, agent, what):
        plural, table, column, key = {'l3-routers': ('routers', 'routerl3agentbindings', 'router_id', 'l3_agent_id'),
                                      'dhcp-networks': ('networks', 'networkdhcpagentbindings', 'network_id', 'dhcp_agent_id')}[what]
        ids = {row[column] for row in request.rows(f'SELECT {column} FROM {table} WHERE {key} = %s', agent)}
        found = [row for row in self.rows_of(request, plural) if row['id'] in ids]
        # what the agent itself is told of a router
        more = {row['id']: {'gw_port_id': row['gw_port_id'], 'ha_vr_id': None} if plural == 'routers' else {} for row in found}
        return Answer(200, {plural: [{**self.view(request, plural, row), **more[row['id']]} for row in found]})

    def holders(self, request, _plural, wanted, what):
        table, column, key = {'l3-agents': ('routerl3agentbindings', 'l3_agent_id', 'router_id'),
                              'dhcp-agents': ('networkdhcpagentbindings', 'dhcp_agent_id', 'network_id')}[what]
        ids = {row[column] for row in request.rows(f'SELECT {column} FROM {table} WHERE {key} = %s', wanted)}
        return Answer(200, {'agents': [self.view(request, 'agents', row) for row in self.rows_of(request, 'agents') if row['id'] in ids]})

    def create_network(self, request):
        fields = self.body(request, 'network')
        unknown = next((name for name in fields if name not in KNOWN['networks']), None)
        if unknown:
            raise Fault(400, f"Unrecognized attribute(s) '{unknown}'", type='HTTPBadRequest')
        if not request.admin and any(name.startswith('provider:') for name in fields):
            raise Fault(403, "Policy doesn't allow create_network to be performed.", type='PolicyNotAuthorized')
        made = str(uuid.uuid4())
        request.run("INSERT INTO networks (tenant_id, id, name, status, admin_state_up, shared) VALUES (%s, %s, %s, 'ACTIVE', 1, 0)",
                    fields.get('tenant_id') or request.token['tenant'], made, fields.get('name', ''))
        free = request.one('SELECT gre_id FROM ml2_gre_allocations WHERE allocated = 0 ORDER BY gre_id LIMIT 1')
        if free:
            request.run('UPDATE ml2_gre_allocations SET allocated = 1 WHERE gre_id = %s', free['gre_id'])
            request.run("INSERT INTO ml2_network_segments (id, network_id, network_type, segmentation_id) VALUES (%s, %s, 'gre', %s)",
                        str(uuid.uuid4()), made, free['gre_id'])
        if fields.get('router:external'):
            request.run('INSERT INTO externalnetworks (network_id) VALUES (%s)', made)
        return Answer(201, {'network': self._networks(request, request.one('SELECT * FROM networks WHERE id = %s', made))})

    def create_port(self, request):
        fields = self.body(request, 'port')
        subnet = request.one('SELECT * FROM subnets WHERE network_id = %s', fields.get('network_id'))
        if subnet is None:
            raise Fault(404, f"Network {fields.get('network_id')} could not be found", type='NetworkNotFound')
        wanted = next((entry.get('ip_address') for entry in fields.get('fixed_ips') or []), None)
        taken = {row['ip_address'] for row in request.rows('SELECT ip_address FROM ipallocations WHERE network_id = %s', fields['network_id'])}
        if wanted in taken:
            raise Fault(409, f"Unable to complete operation for network {fields['network_id']}. The IP address {wanted} is in use.", type='IpAddressInUse')
        base = subnet['cidr'].rsplit('.', 1)[0]
        address = wanted or next(text for text in (f'{base}.{number}' for number in range(2, 255)) if text not in taken)
        made = str(uuid.uuid4())
        mac = 'fa:16:3e:' + ':'.join(f'{random.randrange(256):02x}' for _ in range(3))
        request.run("INSERT INTO ports (tenant_id, id, name, network_id, mac_address, admin_state_up, status, device_id, device_owner) VALUES "
                    "(%s, %s, %s, %s, %s, 1, 'DOWN', %s, %s)", fields.get('tenant_id') or request.token['tenant'], made, fields.get('name', ''),
                    fields['network_id'], mac, fields.get('device_id', ''), fields.get('device_owner', ''))
        request.run('INSERT INTO ipallocations (port_id, ip_address, subnet_id, network_id) VALUES (%s, %s, %s, %s)', made, address, subnet['id'], fields['network_id'])
        request.run("INSERT INTO ml2_port_bindings (port_id, host, vif_type, vnic_type, profile, vif_details) VALUES (%s, %s, 'unbound', 'normal', '', '')",
                    made, fields.get('binding:host_id', ''))
        return Answer(201, {'port': self._ports(request, request.one('SELECT * FROM ports WHERE id = %s', made))})

    def rename(self, request, wanted):
        fields = self.body(request, 'network')
        request.run('UPDATE networks SET name = %s WHERE id = %s', fields.get('name', ''), wanted)
        return self.show(request, 'networks', wanted)

    def change_agent(self, request, wanted):
        fields = self.body(request, 'agent')
        self.show(request, 'agents', wanted)
        request.run('UPDATE agents SET admin_state_up = %s WHERE id = %s', bool(fields.get('admin_state_up', True)), wanted)
        return self.show(request, 'agents', wanted)

    def delete(self, request, plural, wanted):
        row = next((row for row in self.rows_of(request, plural) if row['id'] == wanted), None)
        if row and not request.admin and row['tenant_id'] != request.token['tenant']:
            raise Fault(404, 'The resource could not be found.', type='HTTPNotFound')
        self.show(request, plural, wanted)
        if plural == 'routers' and request.rows('SELECT port_id FROM routerports WHERE router_id = %s', wanted):
            raise Fault(409, f'Router {wanted} still has ports', type='RouterInUse')
        if plural == 'networks':
            if request.rows("SELECT id FROM ports WHERE network_id = %s AND device_owner <> 'network:dhcp'", wanted):
                raise Fault(409, f'Unable to complete operation on network {wanted}. There are one or more ports still in use on the network.', type='NetworkInUse')
            request.run('DELETE FROM ports WHERE network_id = %s', wanted)
        request.run(f'DELETE FROM {plural} WHERE id = %s', wanted)
        return Answer(204, None, None)
