"""Identity API v3, the same on both ports: tokens, and lists and single objects to read."""
from standin.database import Failure

from .errors import bad_request, conflict, not_found
from .v3_tokens import authenticate, revoke, validate

PREFIX = '/v3'
# paths of the real one that are not here
LEFT_OUT = ('credentials', 'policies', 'OS-TRUST', 'OS-FEDERATION', 'OS-OAUTH1', 'OS-EP-FILTER', 'OS-REVOKE', 'auth')

# plural in the path -> (singular, table, filters of the query)
KINDS = {'endpoints': ('endpoint', ('interface', 'service_id')), 'services': ('service', ('type',)),
         'users': ('user', ('domain_id', 'name', 'enabled')), 'projects': ('project', ('domain_id', 'name', 'enabled')),
         'regions': ('region', ('parent_region_id',)), 'domains': ('domain', ('name', 'enabled')),
         'roles': ('role', ('name',)), 'groups': ('group', ('domain_id', 'name'))}


def view(kind, plural, row, url):
    shown = {name: value for name, value in row.items() if name not in ('password', 'legacy_endpoint_id')}
    if kind == 'endpoint':
        shown['region'] = row['region_id']
    if kind == 'user' and not row.get('default_project_id'):
        shown.pop('default_project_id', None)
    return {**shown, 'links': {'self': f"{url}/v3/{plural}/{row['id']}"}}


def list_of(plural):
    kind, filters = KINDS[plural]

    def show(request):
        request.require_admin(f'identity:list_{plural}')
        chosen = {name: value for name, value in request.query.items() if name in filters}
        condition = ' AND '.join(f'{name} = %s' for name in chosen) or '1 = 1'
        rows = request.identity.rows(kind, condition, tuple(_value(value) for value in chosen.values()))
        query = f'?{request.query_text}' if request.query_text else ''
        return 200, {plural: [view(kind, plural, row, request.url) for row in rows],
                     'links': {'self': f'{request.url}/v3/{plural}{query}', 'previous': None, 'next': None}}, []
    return show


def _value(text):
    return {'true': 1, 'false': 0}.get(text.lower(), text)


def one_of(plural):
    kind = KINDS[plural][0]

    def show(request, wanted):
        request.require_admin(f'identity:get_{kind}')
        row = request.identity.one(kind, 'id = %s', (wanted,))
        if row is None:
            raise not_found(f'Could not find {kind}: {wanted}')
        return 200, {kind: view(kind, plural, row, request.url)}, []
    return show


def create_project(request):
    request.require_admin('identity:create_project')
    fields = (request.body or {}).get('project') or {}
    if not fields.get('name'):
        raise bad_request('name', 'project')
    try:
        return 201, {'project': view('project', 'projects', request.identity.create_project(fields), request.url)}, []
    except Failure as failure:
        if 'IntegrityError' in str(failure):
            raise conflict('project') from None
        raise


# method, admin port only, path, handler
ROUTES = [
    ('POST', False, '/auth/tokens', authenticate),
    ('GET', False, '/auth/tokens', validate),
    ('DELETE', False, '/auth/tokens', revoke),
    ('POST', False, '/projects', create_project),
    *[('GET', False, f'/{plural}', list_of(plural)) for plural in KINDS],
    *[('GET', False, f'/{plural}/([^/]+)', one_of(plural)) for plural in KINDS],
]
