"""Neutron's agents: each reports its state by the stand-in of RPC; the server writes the rows."""
import json
import os
import subprocess
import sys
import uuid
from datetime import datetime, timedelta

from .repository import count_effect
from .rpc import Broker
from .service import Service

# program -> (agent_type, topic, configurations)
AGENTS = {
    'neutron-openvswitch-agent': ('Open vSwitch agent', 'N/A', {'tunnel_types': ['gre'], 'l2_population': False, 'devices': 0}),
    'neutron-dhcp-agent': ('DHCP agent', 'dhcp_agent', {'subnets': 1, 'use_namespaces': True, 'dhcp_lease_duration': 86400,
                                                        'dhcp_driver': 'neutron.agent.linux.dhcp.Dnsmasq', 'networks': 1, 'ports': 4}),
    'neutron-l3-agent': ('L3 agent', 'l3_agent', {'router_id': '', 'gateway_external_network_id': '', 'handle_internal_only_routers': True,
                                                  'use_namespaces': True, 'routers': 1, 'interfaces': 1, 'floating_ips': 1, 'ex_gw_ports': 1,
                                                  'interface_driver': 'neutron.agent.linux.interface.OVSInterfaceDriver'}),
    'neutron-metadata-agent': ('Metadata agent', 'N/A', {'metadata_proxy_socket': '/var/lib/neutron/metadata_proxy', 'nova_metadata_port': 8775}),
}
TIME = '%Y-%m-%dT%H:%M:%S.%f'
MISSING_BRIDGE = 'Bridge {1} for physical network {0} does not exist. Agent terminated!'


def mappings(text):
    return dict(pair.strip().split(':', 1) for pair in text.split(',') if ':' in pair)


def has_bridge(name, said):
    """As knob `bridges` says (a host that plays RHEL 6 has no Open vSwitch); by Open vSwitch where its socket can be reached;
    otherwise by the device of that name."""
    if said is not None:
        return name in said.split()
    try:
        done = subprocess.run(['ovs-vsctl', '--timeout=5', 'br-exists', name], capture_output=True, check=False)
        if done.returncode in (0, 2):
            return done.returncode == 0
    except FileNotFoundError:
        pass
    return os.path.exists(f'/sys/class/net/{name}')


def agent(program, arguments):
    kind, topic, configurations = AGENTS[program]
    service = Service('neutron', program, arguments)
    if program == 'neutron-openvswitch-agent':
        bridges = mappings(service.settings['bridge_mappings'])
        for network, bridge in bridges.items():
            if not has_bridge(bridge, service.knob('bridges')):
                service.log.write('ERROR', 'neutron.plugins.openvswitch.agent.ovs_neutron_agent', MISSING_BRIDGE.format(network, bridge))
                return 1
        configurations = {**configurations, 'bridge_mappings': bridges, 'tunneling_ip': ''}
    broker = Broker(service.settings, 'neutron')
    started = datetime.utcnow().strftime(TIME)

    def report():
        # knob clock-offset-s: this host's clock is off; the machine's is never set
        now = datetime.utcnow() + timedelta(seconds=float(service.knob('clock-offset-s', 0)))
        broker.cast('q-plugin', 'report_state', {'state': {'agent_type': kind, 'binary': program, 'topic': topic, 'host': service.host,
                                                           'configurations': configurations}, 'time': now.strftime(TIME), 'started': started})
    service.thread(service.every, float(service.settings['report_interval']), report)
    return service.wait()


class Listener:
    """The server's side."""

    def __init__(self, service):
        self._service, self._started = service, datetime.utcnow()
        self.handlers = {'report_state': self.report_state}

    def report_state(self, state, time, started):
        if datetime.strptime(time, TIME) < self._started - timedelta(seconds=1):
            self._service.log.write('DEBUG', 'neutron.db.agents_db', f'Message with invalid timestamp received: {time}')
            return
        database = self._service.database()
        try:
            if not database.run('SELECT id FROM agents WHERE agent_type = %s AND host = %s', (state['agent_type'], state['host'])):
                database.run('INSERT INTO agents (id, agent_type, `binary`, topic, host, admin_state_up, created_at, started_at, heartbeat_timestamp, configurations) '
                             'VALUES (%s, %s, %s, %s, %s, 1, UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP(), %s)',
                             (str(uuid.uuid4()), state['agent_type'], state['binary'], state['topic'], state['host'], json.dumps(state['configurations'])))
            database.run('UPDATE agents SET heartbeat_timestamp = UTC_TIMESTAMP(), started_at = %s, configurations = %s WHERE agent_type = %s AND host = %s',
                         (datetime.strptime(started, TIME).replace(microsecond=0), json.dumps(state['configurations']), state['agent_type'], state['host']))
        finally:
            database.close()


def cleanup(program, _arguments):
    """neutron-ovs-cleanup and neutron-netns-cleanup: a start is counted, since on a host with guests it would cut them off."""
    count_effect(f'{program} ran')
    print(f'{program}: stand-in of the Tandem lab; the real one would now delete ports and namespaces', file=sys.stderr)
    return 0
