"""keystone-all beside the recorded exchanges: status, headers and body of each."""
import http.client
import json
import os
import socket
import subprocess
import tempfile

from manage import ICEHOUSE, PACKAGE, config_file, keystone_manage
from recorded import ADMIN_TOKEN, LEFT_OUT, create_cloud, exchanges, normal
from server import free_port
from tap import check, equal


class Keystone:
    """keystone-all as systemd starts it: ready is what it says to NOTIFY_SOCKET."""

    def __init__(self, url):
        self._folder = tempfile.TemporaryDirectory()
        folder = self._folder.name
        self.ports = {5000: free_port(), 35357: free_port()}
        path = config_file(folder, url, f'public_port = {self.ports[5000]}\nadmin_port = {self.ports[35357]}\n'
                           f'public_bind_host = 127.0.0.1\nadmin_bind_host = 127.0.0.1\nadmin_token = {ADMIN_TOKEN}')
        self._log = os.path.join(folder, 'keystone.log')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(os.path.join(folder, 'notify'))
            notified.settimeout(20)
            self._process = subprocess.Popen(
                ['/usr/bin/python3', f'{PACKAGE}/usr/bin/keystone-all', '--config-file', path], stderr=subprocess.DEVNULL,
                env={**os.environ, 'NOTIFY_SOCKET': os.path.join(folder, 'notify')})
            self.notified = notified.recv(100).decode()

    def log(self):
        with open(self._log, encoding='utf-8') as file:
            return file.read()

    def stop(self):
        self._process.terminate()
        code = self._process.wait(timeout=20)
        self._folder.cleanup()
        return code

    def ask(self, port, method, path, headers, body=None):
        """(status, headers in wire order, body)"""
        connection = http.client.HTTPConnection('127.0.0.1', self.ports[port], timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        raw = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        for name, value in ({'Host': f'127.0.0.1:{port}', **headers, **({'Content-Length': len(raw)} if raw else {})}).items():
            connection.putheader(name, value)
        connection.endheaders(raw)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, response.getheaders(), json.loads(text) if text else None


def run(server):
    create_cloud(server, 'cloud')
    keystone = Keystone(server.url('cloud'))
    try:
        equal('keystone-all tells systemd that it is ready', keystone.notified, 'READY=1')
        for name, record in exchanges().items():
            if name not in LEFT_OUT and not name.startswith('90-'):
                replay(keystone, name, record)
        left_out(keystone)
    finally:
        equal('SIGTERM ends it with exit 0', keystone.stop(), 0)
    database_down()
    wrong_schema(server)
    migrated_rows(server)


def replay(keystone, name, record):
    request, expected = record['request'], record['response']
    status, headers, body = keystone.ask(request['port'], request['method'], request['path'], request['headers'],
                                         request.get('body', request.get('body_text')))
    equal(f'{name}: status', status, expected['status'])
    shown = [[key, 'a token' if key == 'X-Subject-Token' else value] for key, value in headers
             if key not in ('Date', 'Content-Length')]
    wanted = [[key, 'a token' if key == 'X-Subject-Token' else value] for key, value in expected['headers']]
    equal(f'{name}: headers', shown, wanted)
    actual, recorded = normal(body), normal(expected.get('body'))
    if request['method'] == 'POST' and request['path'].endswith('/tenants') and status == 200:
        # the new tenant's id
        actual['tenant'].pop('id')
        recorded['tenant'].pop('id')
    equal(f'{name}: body', json.dumps(actual, indent=1, sort_keys=True), json.dumps(recorded, indent=1, sort_keys=True))


def left_out(keystone):
    for name in LEFT_OUT:
        request = exchanges()[name]['request']
        status, _, body = keystone.ask(request['port'], 'GET', request['path'], request['headers'])
        check(f'{name} is left out, and says so', status == 501 and 'stand-in' in body['error']['message'], body)


def database_down():
    keystone = Keystone(f'mysql://os:oracle@127.0.0.1:{free_port()}/cloud')
    try:
        for name, record in exchanges().items():
            if name.startswith('90-'):
                replay(keystone, name, record)
    finally:
        keystone.stop()


def login(keystone):
    return keystone.ask(5000, 'POST', '/v2.0/tokens', {'Content-Type': 'application/json'}, {
        'auth': {'tenantName': 'admin', 'passwordCredentials': {'username': 'admin', 'password': 'example'}}})


def wrong_schema(server):
    server.create('old', ICEHOUSE)
    keystone = Keystone(server.url('old'))
    try:
        equal('on a database at 44 a login is 500', login(keystone)[0], 500)
        equal('and the version list still answers', keystone.ask(5000, 'GET', '/', {})[0], 300)
        check('the log says why', 'the database is at version 44, this release needs 55' in keystone.log(), keystone.log())
    finally:
        keystone.stop()


def migrated_rows(server):
    server.create('moved', ICEHOUSE)
    equal('the Icehouse cloud is migrated', keystone_manage(server.url('moved'), 'db_sync').code, 0)
    keystone = Keystone(server.url('moved'))
    try:
        status, _, body = login(keystone)
        equal('admin of the Icehouse cloud logs in', status, 200)
        equal('and sees its seven services', len(body['access']['serviceCatalog']), 7)
        token = {'X-Auth-Token': body['access']['token']['id']}
        status, _, body = keystone.ask(35357, 'GET', '/v2.0/endpoints', token)
        equal('endpoint list: seven, all in regionOne',
              (status, sorted({entry['region'] for entry in body['endpoints']}), len(body['endpoints'])),
              (200, ['regionOne'], 7))
        issued_before = {'X-Auth-Token': '798ca68d4ee8d0b9fceae75e02acf7bc'}
        equal('a token of Icehouse stays valid', keystone.ask(5000, 'GET', '/v3/users', issued_before)[0], 200)
        equal('a revoked one does not',
              keystone.ask(5000, 'GET', '/v3/users', {'X-Auth-Token': 'ad3b95c18de9ab20a544cdb5d4966397'})[0], 401)
    finally:
        keystone.stop()
