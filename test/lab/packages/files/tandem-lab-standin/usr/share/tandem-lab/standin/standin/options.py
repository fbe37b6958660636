"""What each service reads of its configuration: files, options, where its log is."""
from .settings import COMMON, read_settings

PASTE = 'filter:authtoken'


def auth(name, default=''):
    # the paste file has the credentials where the site's own file has none; this order is read last to first wins by file
    return (default, [('keystone_authtoken', name), (PASTE, name)])


AUTH = {'auth_host': auth('auth_host', '127.0.0.1'), 'auth_port': auth('auth_port', '35357'),
        'auth_protocol': auth('auth_protocol', 'http'), 'auth_uri': auth('auth_uri'), 'identity_uri': auth('identity_uri'),
        'admin_user': auth('admin_user'), 'admin_password': auth('admin_password'),
        'admin_tenant_name': auth('admin_tenant_name', 'admin')}
BROKER = {'rabbit_host': ('localhost', [('DEFAULT', 'rabbit_host')]), 'rabbit_port': ('5672', [('DEFAULT', 'rabbit_port')]),
          'rabbit_userid': ('guest', [('DEFAULT', 'rabbit_userid')]), 'host': ('', [('DEFAULT', 'host')]),
          'rabbit_password': ('guest', [('DEFAULT', 'rabbit_password')]),
          'rabbit_virtual_host': ('/', [('DEFAULT', 'rabbit_virtual_host')]),
          'rpc_response_timeout': ('60', [('DEFAULT', 'rpc_response_timeout')])}


def default(name, value, section='DEFAULT'):
    return {name: (value, [(section, name)])}


NOVA = {**default('osapi_compute_listen', '0.0.0.0'), **default('osapi_compute_listen_port', '8774'),
        **default('metadata_listen', '0.0.0.0'), **default('metadata_listen_port', '8775'),
        **default('novncproxy_host', '0.0.0.0'), **default('novncproxy_port', '6080'),
        **default('novncproxy_base_url', 'http://127.0.0.1:6080/vnc_auto.html'), **default('report_interval', '10'),
        **default('enabled_apis', 'ec2,osapi_compute,metadata'), **default('service_down_time', '60'),
        'cap_compute': ('', [('upgrade_levels', 'compute')]), 'cap_conductor': ('', [('upgrade_levels', 'conductor')]),
        'metadata_secret': ('', [('neutron', 'metadata_proxy_shared_secret'), ('DEFAULT', 'neutron_metadata_proxy_shared_secret')])}
OPTIONS = {
    'cinder': {**default('osapi_volume_listen', '0.0.0.0'), **default('osapi_volume_listen_port', '8776'),
               **default('service_down_time', '60'), **default('report_interval', '10')},
    'glance': {**default('bind_host', '0.0.0.0'), **default('bind_port', ''), **default('registry_host', '0.0.0.0'),
               **default('registry_port', '9191'), 'store': ('/var/lib/glance/images/', [
                   ('glance_store', 'filesystem_store_datadir'), ('DEFAULT', 'filesystem_store_datadir')])},
    'neutron': {**default('bind_host', '0.0.0.0'), **default('bind_port', '9696'), **default('agent_down_time', '75'),
                'report_interval': ('30', [('AGENT', 'report_interval'), ('agent', 'report_interval')]),
                'bridge_mappings': ('', [('OVS', 'bridge_mappings'), ('ovs', 'bridge_mappings')]),
                'core_plugin': ('', [('DEFAULT', 'core_plugin')])},
    'nova': NOVA, 'horizon': {},
}
FILES = {
    'cinder': ['/etc/cinder/api-paste.ini', '/usr/share/cinder/cinder-dist.conf', '/etc/cinder/cinder.conf'],
    'nova': ['/etc/nova/api-paste.ini', '/usr/share/nova/nova-dist.conf', '/etc/nova/nova.conf'],
    'horizon': ['/etc/httpd/conf/standin.conf'],
    'neutron': ['/usr/share/neutron/neutron-dist.conf', '/etc/neutron/neutron.conf'],
}


def read_options(project, files):
    return read_settings(files, {**COMMON, **AUTH, **BROKER, **OPTIONS[project]}, optional=True)
