"""httpd with the dashboard: login page, a real login at keystone, a page behind it; Django's checks of host and token."""
import ast
import http.client
import json
import re
import secrets
from http.server import BaseHTTPRequestHandler
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

from .service import Service
from .web import Server

SETTINGS = '/etc/openstack-dashboard/local_settings'
PAGE = '<!DOCTYPE html><html><head><title>{0} - stand-in of the Tandem lab for the OpenStack Dashboard</title></head><body>{1}</body></html>'
FORM = ('<form method="POST" action="/dashboard/auth/login/"><input type="hidden" name="csrfmiddlewaretoken" value="{0}">'
        '<input name="username"><input type="password" name="password"><input type="hidden" name="region" value="{1}">{2}</form>')


def local_settings(path=SETTINGS):
    """ALLOWED_HOSTS and the address of keystone. The file is Python: what does not parse breaks every page, as with the real one."""
    with open(path, encoding='utf-8') as file:
        tree = ast.parse(file.read(), path)
    names = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                names[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue  # what is computed is not looked at
    return names.get('ALLOWED_HOSTS', []), f"http://{names.get('OPENSTACK_HOST', '127.0.0.1')}:5000/v2.0"


def login(keystone, username, password):
    url = urlsplit(keystone)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    try:
        connection.request('POST', url.path.rstrip('/') + '/tokens', json.dumps({'auth': {'passwordCredentials': {'username': username, 'password': password}}}),
                           {'Content-Type': 'application/json'})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    sessions = set()

    def _send(self, status, title='', body='', headers=()):
        text = PAGE.format(title, body).encode()
        self.send_response_only(status)
        for name, value in (('Content-Type', 'text/html; charset=utf-8'), ('Content-Length', str(len(text))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text if self.command != 'HEAD' else b'')

    def _serve(self):
        raw = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
        path, cookies = urlsplit(self.path).path, SimpleCookie(self.headers.get('Cookie', ''))
        try:
            allowed, keystone = self.server.dashboard()
        except Exception as error:  # pylint: disable=broad-except # a settings file that is no Python breaks every page
            self.server.service.failed('local_settings', error)
            self._send(500, 'Internal Server Error')
            return
        host = (self.headers.get('Host') or '').rsplit(':', 1)[0]
        if not path.startswith('/dashboard'):
            self._send(404, 'Not Found')
        elif '*' not in allowed and not any(host == name or name.startswith('.') and host.endswith(name) for name in allowed):
            self._send(400, 'Bad Request (400)')
        elif path.startswith('/dashboard/auth/login'):
            self._login(raw, cookies, keystone)
        elif 'sessionid' in cookies and cookies['sessionid'].value in self.sessions:
            self._send(200, 'Overview', 'Logged in.')
        else:
            self._login('', cookies, keystone)

    def _login(self, raw, cookies, keystone):
        fields = {name: values[0] for name, values in parse_qs(raw).items()}
        token = cookies['csrftoken'].value if 'csrftoken' in cookies else None
        if self.command == 'POST' and (not token or fields.get('csrfmiddlewaretoken') != token):
            self._send(403, 'Forbidden', 'CSRF verification failed. Request aborted.')
        elif self.command == 'POST' and login(keystone, fields.get('username', ''), fields.get('password', '')):
            session = secrets.token_hex(16)
            self.sessions.add(session)
            self._send(302, 'Found', '', [('Location', '/dashboard/'), ('Set-Cookie', f'sessionid={session}; Path=/dashboard; httponly')])
        else:
            token = secrets.token_hex(16)
            error = 'Invalid user name or password.' if self.command == 'POST' else ''
            self._send(200, 'Login', FORM.format(token, keystone, error), [('Set-Cookie', f'csrftoken={token}; Path=/')])

    do_GET = do_POST = do_HEAD = _serve

    def log_message(self, *_arguments):
        pass


def httpd(arguments):
    service = Service('horizon', 'httpd', [word for word in arguments if not re.match('-D|FOREGROUND', word)])
    server = Server(('0.0.0.0', 80), None)
    server.RequestHandlerClass, server.service, server.dashboard = Handler, service, local_settings
    service.thread(server.serve_forever)
    service.ready()
    return service.wait()
