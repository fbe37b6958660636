"""HTTP side of every API: request, token, route, error; each project words its answers in its own class."""
import json
import re
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from .database import Database, Failure
from .tokens import Keystone

JSON = 'application/json'
PLAIN = 'text/plain'
HTML_UTF8 = 'text/html; charset=UTF-8'
UTF8 = '; charset=UTF-8'
SCHEMA = {'cinder': 26, 'glance': 36, 'nova': 254, 'neutron': 'juno'}
NOT_FOUND = '404 Not Found\n\nThe resource could not be found.\n\n   '


class Fault(Exception):
    """An answer that is no success; the project's class words it."""

    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status, self.message, self.more = status, message, more


class Answer:
    """`body`: bytes as they are, text as it is, None for nothing, anything else as JSON."""

    def __init__(self, status=200, body=None, content_type=JSON, headers=()):
        self.status, self.body, self.content_type, self.headers = status, body, content_type, list(headers)


class Request:
    def __init__(self, method, target, headers, raw):
        parts = urlsplit(target)
        self.method, self.headers, self.raw, self.target = method, headers, raw, target
        self.path, self.query_text = parts.path, parts.query
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.url = 'http://' + headers.get('host', 'localhost')
        self.token = self.database = None
        self.id = f'req-{uuid.uuid4()}'

    @property
    def admin(self):
        return bool(self.token) and 'admin' in self.token['roles']

    def rows(self, statement, *parameters):
        return self.database.rows(statement, parameters)

    def one(self, statement, *parameters):
        return next(iter(self.database.rows(statement, parameters)), None)

    def run(self, statement, *parameters):
        return self.database.run(statement, parameters)


class Api:
    """A project's API. Subclasses give `routes`: [(method, pattern, handler name)], and the wording."""
    routes = ()
    open_paths = ()

    def __init__(self, settings, log):
        self.settings, self.log, self.keystone = settings, log, Keystone(settings, log)

    def answer(self, request):
        try:
            found = self.opened(request)
            return found if found is not None else self.closed(request)
        except Fault as fault:
            return self.fault(request, fault)
        except Exception as error:  # pylint: disable=broad-except # whatever it is, the client gets a 500
            text = f'{error.failure_class}: {error}' if isinstance(error, Failure) else traceback.format_exc(limit=-3)
            self.log.write('ERROR', self.name, text)
            return self.broken(request)

    def opened(self, _request):
        """An answer that needs no token and no database, or None."""
        return None

    def closed(self, request):
        request.token = self.keystone.validate(request.headers['x-auth-token']) if 'x-auth-token' in request.headers else None
        if request.token is None:
            return self.unauthorized(request)
        handler, arguments = self.route(request)
        request.database = Database(self.settings['connection'])
        try:
            self.assert_schema(request.database)
            return self.prepared(request, handler, arguments)
        finally:
            request.database.close()

    def assert_schema(self, database):
        """The real one's queries fail on a database of another version; so do these, with the reason in the log."""
        project = self.name.split('.')[0]
        table, column = ('alembic_version', 'version_num') if project == 'neutron' else ('migrate_version', 'version')
        rows = database.run(f'SELECT {column} FROM {table}')
        if not rows or rows[0][0] != SCHEMA[project]:
            raise Failure('DBError', f'stand-in: the database is at version {rows}, this release needs {SCHEMA[project]}')

    def prepared(self, request, handler, arguments):
        return handler(request, *arguments)

    def route(self, request):
        for method, pattern, name in self.routes:
            found = re.fullmatch(pattern, request.path.rstrip('/') or '/')
            if found and method == request.method:
                return getattr(self, name), found.groups()
        raise Fault(404, NOT_FOUND, route=True)

    def body(self, request, name=None):
        """The JSON of the request; `name` is the one key that it must have."""
        try:
            body = json.loads(request.raw) if request.raw else None
        except ValueError:
            raise Fault(400, 'Malformed request body', malformed=True) from None
        if name and not (isinstance(body, dict) and name in body):
            raise Fault(400, f"Missing required element '{name}' in request body", missing=True)
        return body[name] if name else body

    def unauthorized(self, request):
        return Answer(401, 'Authentication required', PLAIN, [('Www-Authenticate', f"Keystone uri='{self.keystone.uri()}'")])


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def _serve(self):
        raw = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
        answer = self.server.api.answer(request)
        body = answer.body
        if not isinstance(body, bytes):
            body = b'' if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response_only(answer.status)
        names = [name for name, _ in answer.headers]
        if answer.content_type and 'Content-Type' not in names:
            self.send_header('Content-Type', answer.content_type)
        for name, value in answer.headers:
            self.send_header(name, value)
        if 'Content-Length' not in names:
            self.send_header('Content-Length', str(len(body)))
        self.send_header('Date', self.date_time_string())
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def log_message(self, *_arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address, api):
        self.api = api
        super().__init__(address, Handler)


def stamp(time, form='%Y-%m-%dT%H:%M:%S.000000'):
    return None if time is None else time.strftime(form)
