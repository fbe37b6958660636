"""One request in, one answer out: body checks, token, route, errors; as recorded from Keystone Juno."""
import json
import re
import traceback
from urllib.parse import parse_qs, urlsplit

from standin.database import Database, Failure
from standin.repository import version_of

from . import v2, v3
from .errors import ApiError, bad_request, forbidden, not_found, unauthorized
from .identity import Identity
from .versions import one_version, version_list

SCHEMA = 55
REASON_500 = 'An unexpected error prevented the server from fulfilling your request.'


class Request:
    def __init__(self, method, target, headers, raw, admin_port, client):
        parts = urlsplit(target)
        self.method, self.headers, self.raw, self.admin_port, self.client = method, headers, raw, admin_port, client
        self.path = parts.path.rstrip('/') or '/'
        self.query_text = parts.query
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.url = 'http://' + headers.get('host', 'localhost')
        self.body = self.identity = self.token = None
        self.is_admin = False

    def require_admin(self, action):
        """Without a token 401; with one that has not the role admin 403."""
        if not self.is_admin:
            if self.token is None:
                raise unauthorized()
            raise forbidden(action)


def answer(request, settings, log):
    """(status, headers, body bytes)"""
    headers = [('Vary', 'X-Auth-Token'), ('Content-Type', 'application/json')]
    try:
        status, body, extra = dispatch(request, settings)
        headers = extra + headers
    except ApiError as error:
        status, body = error.status, error.body()
        if status == 401:
            headers.insert(0, ('Www-Authenticate', f'Keystone uri="{request.url}"'))
            log.write('WARNING', 'keystone.common.wsgi', f'Authorization failed. {error} from {request.client}')
    except Exception as error:  # pylint: disable=broad-except # whatever it is, the client gets a 500
        status, body = 500, ApiError(500, 'Internal Server Error', REASON_500).body()
        text = f'{error.failure_class}: {error}' if isinstance(error, Failure) else traceback.format_exc(limit=-3)
        log.write('ERROR', 'keystone.common.wsgi', text)
    if body is None:
        return status, [('Vary', 'X-Auth-Token')] + headers[2:], b''
    return status, headers, json.dumps(body).encode()


def dispatch(request, settings):
    """(status, body, headers that come first)"""
    if request.method in ('GET', 'HEAD'):
        if request.path == '/':
            return 300, version_list(request.url), []
        if request.path in ('/v2.0', '/v3'):
            return 200, one_version(request.url, request.path), []
    module = v2 if request.path.startswith('/v2.0/') else v3 if request.path.startswith('/v3/') else None
    if module is None:
        raise not_found('The resource could not be found.')
    database = Database(settings['connection'])
    try:
        request.identity = Identity(database, settings)
        read_token(request, settings)
        read_body(request)
        handler, arguments = route(module, request)
        assert_schema(database)
        return handler(request, *arguments)
    finally:
        database.close()


def assert_schema(database):
    """The real one's queries fail on a database of another version; so do these, with the reason in the log."""
    version = version_of(database, 'keystone')
    if version != SCHEMA:
        raise Failure('DBError', f'stand-in: the database is at version {version}, this release needs {SCHEMA}')


def read_token(request, settings):
    token_id = request.headers.get('x-auth-token')
    if token_id is None:
        return
    if token_id == settings['admin_token']:
        request.is_admin = True
        return
    request.token = request.identity.find_token(token_id)
    if request.token is None:
        raise unauthorized()
    request.is_admin = 'admin' in [role['name'] for role in request.identity.token_roles(request.token)]


def read_body(request):
    if not request.raw:
        return
    if request.headers.get('content-type', '').partition(';')[0].strip() != 'application/json':
        raise bad_request('application/json', 'Content-Type header')
    try:
        request.body = json.loads(request.raw)
    except ValueError:
        raise bad_request('valid JSON', 'request body') from None
    if not isinstance(request.body, dict):
        raise bad_request('valid JSON object', 'request body')


def route(module, request):
    path = request.path[len(module.PREFIX):]
    method = 'GET' if request.method == 'HEAD' else request.method
    for allowed, admin_only, pattern, handler in module.ROUTES:
        found = re.fullmatch(pattern, path)
        # a method that the path does not have is a 404, not a 405
        if found and allowed == method and (request.admin_port or not admin_only):
            return handler, found.groups()
    if path.split('/')[1] in module.LEFT_OUT:
        raise ApiError(501, 'Not Implemented', f'stand-in: {request.path} is left out.')
    raise not_found('The resource could not be found.')
