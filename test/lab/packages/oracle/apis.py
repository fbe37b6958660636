"""The APIs of glance, cinder, neutron and nova beside the recorded exchanges. The recorded cloud is another one than the lab's:
compared are status, headers, error bodies, and the shape of what is listed (names and kinds of values), not its content."""
import glob
import http.client
import json
import os
import re
import subprocess
import tempfile
import time

from manage import FIXTURES, JUNO, PACKAGE
from server import free_port
from services import SHARE, dump
from tap import check, equal

ADMIN, DEMO = '0787d2eb4c95ab0600cae059e95e4810', 'fe012d782a6f7c02d9ef0c7cddcc259d'
ADMIN_TOKEN = '798ca68d4ee8d0b9fceae75e02acf7bc'
IMAGE, NONE = '13afcc3a-466d-5c55-8f2f-a548dbf66d17', '00000000-0000-0000-0000-000000000000'
ACTIVE, STOPPED, PAUSED, ERROR = ('a6f36b32-ceee-5440-999b-ca3cde8cd4f6', 'eff1e552-e5b1-5f2e-9eeb-9dab6fa12888',
                                  '5c553819-2436-5c38-87a0-77601c689c33', 'e01b24f4-5b00-5a63-81d5-bb2bc9930ddf')
USED, FREE = '3a792893-040a-5495-bff5-3ebab8e70fbc', '684440b6-ba4f-5657-91bf-c7c8deef24eb'
NETWORK, ROUTER = '45c357b8-dfa3-5d3d-8751-6b73459e6bd3', '696f3908-e839-5138-8b12-df6cae5a17b4'
L3, DHCP = 'e0631b9f-5418-51c9-aef3-30d13afacb1f', '7d09c1fc-e764-5e44-862d-6a7194a5b98e'
# record -> what takes the place of the ids in its path, in order, beside the tenant's
IDS = {'glance': {'1[0256]-': [IMAGE], '1[12]-v2-image$': [IMAGE], '3[56]-': [IMAGE], '29-|28-': [IMAGE]},
       'cinder': {'12-': [FREE], '13-': [USED], '44-': [USED], '4[67]-': [FREE]},
       'neutron': {'17-': [NETWORK], '22-|24-|41-': [L3], '23-|34-': [ROUTER], '25-|33-': [NETWORK], '44-': ['9694e846-90bf-5345-a44c-b338398d1143'], '26-': [DHCP]},
       'nova': {'008-|046-|107-|108-|110-|041-|042-': [ACTIVE], '035-|064-': [STOPPED], '036-|066-|067-': [PAUSED], '033-|037-|065-|146-': [ERROR]}}
FILES = {'glance': ['glance-registry', 'glance-api'], 'cinder': ['cinder-api'], 'neutron': ['neutron-server'], 'nova': ['nova-api']}


def records(service):
    for path in sorted(glob.glob(os.path.join(FIXTURES, service, 'juno/*.json'))):
        with open(path, encoding='utf-8') as file:
            yield os.path.basename(path)[:-len('.json')], json.load(file)


class Cloud:
    """Keystone and the four, on ports of their own, over the real Juno databases."""

    def __init__(self, server):
        self._folder = tempfile.TemporaryDirectory()
        self._processes, self.ports = [], {number: free_port() for number in (5000, 35357, 9292, 9191, 8776, 9696, 8774, 8775, 6080)}
        self.broker = free_port()
        for name in FILES:
            server.create(name, dump(name, 'juno'))
        server.create('keystone', JUNO)
        server.sql('keystone', f"INSERT INTO token VALUES ('demo', UTC_TIMESTAMP() + INTERVAL 1 HOUR, '{{\"tenant\": {{\"id\": \"{DEMO}\"}}}}', 1, NULL, "
                   "'dc2985ce22d922b129acdbbbca534b34')")
        self.start('keystone-all', f'{PACKAGE}/usr/bin/keystone-all', server.url('keystone'), '')
        for project, programs in FILES.items():
            for program in programs:
                self.start(program, os.path.join(SHARE, 'launch'), server.url(project), project)

    def start(self, program, launcher, url, user):
        folder = self._folder.name
        path, link, port = os.path.join(folder, f'{program}.conf'), os.path.join(folder, program), self.ports
        listen = {'glance-registry': f'bind_port = {port[9191]}', 'glance-api': f'bind_port = {port[9292]}\nregistry_port = {port[9191]}\nfilesystem_store_datadir = {folder}',
                  'cinder-api': f'osapi_volume_listen_port = {port[8776]}', 'neutron-server': f'bind_port = {port[9696]}', 'keystone-all':
                  f'public_port = {port[5000]}\nadmin_port = {port[35357]}', 'nova-api': f'osapi_compute_listen_port = {port[8774]}\nmetadata_listen_port = {port[8775]}'}[program]
        uri = 'http://controller.example.test:' + ('5000/v2.0' if user in ('nova', 'neutron') else '35357')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'[DEFAULT]\nuse_stderr = false\nlog_file = {folder}/{program}.log\nrabbit_host = 127.0.0.1\nrabbit_port = {self.broker}\n{listen}\n[database]\nconnection = {url}\n'
                       f'[keystone_authtoken]\nidentity_uri = http://127.0.0.1:{port[35357]}\nauth_uri = {uri}\nadmin_user = {user}\nadmin_password = example\n'
                       'admin_tenant_name = services\n')
        if program != 'keystone-all':
            os.symlink(launcher, link)
        self._processes.append(subprocess.Popen(['/usr/bin/python3', link if program != 'keystone-all' else launcher, '--config-file', path],
                                                env={**os.environ, 'TANDEM_LAB_KNOBS': folder}))
        own = {'keystone-all': 5000, 'glance-registry': 9191, 'glance-api': 9292, 'cinder-api': 8776, 'neutron-server': 9696, 'nova-api': 8774}[program]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                return self.ask(own, 'GET', '/', {}) and None
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f'{program} does not listen, see {folder}/{program}.log')

    def ask(self, port, method, path, headers, body=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.ports[port], timeout=30)
        raw = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        connection.request(method, path, raw, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), text

    def stop(self, only=None):
        for process in self._processes[:1] if only else self._processes:
            process.terminate()
            process.wait(timeout=20)

    def clean(self):
        self._folder.cleanup()


# names that an entry may have or not: the site's own properties, and what an image or volume has only in some states
OPTIONAL = {'os_version', 'os_distro', 'architecture', 'hw_disk_bus', 'checksum', 'direct_url', 'volume_image_metadata', 'fault', 'security_groups', 'progress'}


def shape(value):
    if isinstance(value, dict):
        return {name: shape(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [shape(entry) for entry in value]
    return None if value is None else {bool: 'bool', int: 'number', float: 'number', str: 'text'}[type(value)]


def unlike(seen, wanted, path=''):
    """Where a shape is not that of the record: names too many or too few, other kinds. A null fits everything."""
    if seen is None or wanted is None:
        return []
    if isinstance(seen, dict) and isinstance(wanted, dict):
        free = path.endswith(('metadata', 'properties', 'configurations', 'profile', 'vif_details', 'addresses', 'capabilities', 'extra_specs'))
        found = [] if free else [f'{path}: {name} is missing' for name in wanted if name not in seen and name not in OPTIONAL] + [f'{path}: {name} is too much' for name in seen if name not in wanted and name not in OPTIONAL]
        return found + [line for name in seen if name in wanted for line in unlike(seen[name], wanted[name], f'{path}.{name}')]
    if isinstance(seen, list) and isinstance(wanted, list):
        # an entry is right when it is like one of the recorded ones
        return [line for entry in seen if wanted for line in min((unlike(entry, one, path + '[]') for one in wanted), key=len)]
    return [] if seen == wanted and type(seen) is type(wanted) else [f'{path}: {seen} in place of {wanted}']


def named(text):
    """Ids that differ from cloud to cloud."""
    text = text.replace('compute1.example.test', 'cmp1').replace('compute2.example.test', 'cmp2')
    return re.sub(r'req-[0-9a-f-]{36}', 'REQ', re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}', 'ID', text))


def replay(cloud, service, name, record):
    request, wanted = record['request'], record['response']
    who = request['headers'].get('X-Auth-Token', '')
    headers = {**request['headers'], 'X-Auth-Token': {'token-admin': ADMIN_TOKEN, 'token-demo-': 'demo'}.get(who[:11], who)}
    if not who:
        del headers['X-Auth-Token']
    path = re.sub(r'(?<=/v[12]/)[0-9a-f]{32}', lambda found: DEMO if ('demo' in who and name.find('wrong-tenant') < 0) else ADMIN, request['path'])
    ids = next((list(ids) for pattern, ids in IDS[service].items() if re.match(pattern, name)), [])
    path = re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}', lambda found: ids.pop(0) if ids and found[0] != NONE else found[0], path)
    # the recorded cloud's hosts are cmp1 and cmp2; a tenant in nova's body of an error is the token's
    path = re.sub(r'cmp(\d)', r'compute\1.example.test', path).replace('/cmp/', '/compute/')
    body = request.get('body', request.get('body_text'))
    body = json.loads(re.sub(r'cmp(\d)', r'compute\1.example.test', json.dumps(body)))
    status, seen_headers, text = cloud.ask(request['port'], request['method'], path, headers, body)
    equal(f'{service} {name}: status', status, wanted['status'])
    known = [(key, 'REQ' if value.startswith('req-') else named(value)) for key, value in wanted['headers'] if not key.startswith('X-Image-Meta')]
    shown = [(key, 'REQ' if value.startswith('req-') else named(value)) for key, value in seen_headers if key not in ('Date', 'Content-Length') and not key.startswith('X-Image-Meta')]
    for pair in known:
        if pair[0] not in ('Etag', 'Content-Md5', 'Location'):
            check(f'{service} {name}: header {pair[0]}', pair in shown, f'{shown}\nexpected: {known}')
    body = wanted.get('body', wanted.get('body_text'))
    if isinstance(body, (dict, list)):
        seen = json.loads(text)
        differences = unlike(shape(seen), shape(body))
        check(f'{service} {name}: shape of the body', not differences, '\n'.join(differences))
        if status >= 400:
            equal(f'{service} {name}: the message', named(json.dumps(seen, sort_keys=True)), named(json.dumps(body, sort_keys=True)))
    elif isinstance(body, str) and status >= 300:
        equal(f'{service} {name}: the text', named(text.decode()), named(body))


def run(server):
    cloud = Cloud(server)
    try:
        for service in FILES:
            for name, record in records(service):
                if not re.match(r'\d*90-', name):
                    replay(cloud, service, name, record)
        outages(cloud, server)
    finally:
        cloud.stop()
        cloud.clean()


def outages(cloud, server):
    """What is asked with a token that is known already, and with one that is not, while keystone or the database is away."""
    admin, fresh = {'X-Auth-Token': ADMIN_TOKEN}, {'X-Auth-Token': 'f' * 32}
    paths = {'glance': (9292, '/v2/images'), 'cinder': (8776, f'/v2/{ADMIN}/volumes'), 'neutron': (9696, '/v2.0/networks'), 'nova': (8774, f'/v2/{ADMIN}/servers')}
    cloud.stop(only='keystone')
    for service, (port, path) in paths.items():
        equal(f'{service}: keystone down, a known token works', cloud.ask(port, 'GET', path, admin)[0], 200)
    began = time.monotonic()
    equal('nova: keystone down, a new token: 401', cloud.ask(8774, 'GET', paths['nova'][1], fresh)[0], 401)
    check('nova: and that takes 3.5 s', 3.4 < time.monotonic() - began < 8, time.monotonic() - began)
    for service in FILES:
        server.sql(None, f'DROP DATABASE {service}')
    for service, (port, path) in paths.items():
        status, _, text = cloud.ask(port, 'GET', path, admin)
        equal(f'{service}: database away: 500', status, 500)
        record = next((record for name, record in records(service) if re.match(r'\d*90-', name)), None)
        if record and 'body' in record['response']:
            equal(f'{service}: database away: the body', named(text.decode()), named(json.dumps(record['response']['body'])))
        check(f'{service}: database away: versions are answered', cloud.ask(port, 'GET', '/', {})[0] in (200, 300))
