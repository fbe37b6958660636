"""Identity API v2.0. The public port has tokens and the user's own tenants, the admin port the rest too."""
from standin.database import Failure

from .errors import bad_request, conflict, not_found, unauthorized
from .identity import DEFAULT_DOMAIN
from .v2_tokens import ACTION, authenticate, revoke, tenant_view, validate

PREFIX = '/v2.0'
# paths of the real one that are not here
LEFT_OUT = ('extensions', 'certificates', 'ec2tokens', 's3tokens')


def user_view(user):
    shown = {name: value for name, value in user.items() if name not in ('password', 'domain_id', 'default_project_id')}
    shown.setdefault('username', user['name'])
    if user.get('default_project_id'):
        shown['tenantId'] = user['default_project_id']
    return shown


def role_view(role):
    return role


def tenants(request):
    if not request.admin_port:
        if request.token is None:
            raise unauthorized()
        own = request.identity.projects_of(request.token['user_id'])
        return 200, {'tenants': [tenant_view(project) for project in own], 'tenants_links': []}, []
    request.require_admin(ACTION)
    if 'name' in request.query:
        project = request.identity.project_by_name(request.query['name'], DEFAULT_DOMAIN)
        if project is None:
            raise not_found(f"Could not find project: {request.query['name']}")
        return 200, {'tenant': tenant_view(project)}, []
    found = request.identity.rows('project', 'domain_id = %s', (DEFAULT_DOMAIN,))
    return 200, {'tenants': [tenant_view(project) for project in found], 'tenants_links': []}, []


def create_tenant(request):
    request.require_admin(ACTION)
    fields = (request.body or {}).get('tenant') or {}
    if not fields.get('name'):
        raise bad_request('name', 'tenant')
    try:
        return 200, {'tenant': tenant_view(request.identity.create_project(fields))}, []
    except Failure as failure:
        if 'IntegrityError' in str(failure):
            raise conflict('project') from None
        raise


def users(request):
    request.require_admin(ACTION)
    # of the default domain only, unlike Icehouse
    found = request.identity.rows('user', 'domain_id = %s', (DEFAULT_DOMAIN,))
    return 200, {'users': [user_view(user) for user in found]}, []


def services(request):
    request.require_admin(ACTION)
    return 200, {'OS-KSADM:services': request.identity.rows('service')}, []


def roles(request):
    request.require_admin(ACTION)
    return 200, {'roles': request.identity.rows('role')}, []


def endpoints(request):
    request.require_admin(ACTION)
    found = {}
    for endpoint in request.identity.rows('endpoint', 'legacy_endpoint_id IS NOT NULL'):
        interface, url = endpoint.pop('interface'), endpoint.pop('url')
        endpoint['id'] = endpoint.pop('legacy_endpoint_id')
        endpoint['region'] = endpoint.pop('region_id')
        found.setdefault(endpoint['id'], endpoint)[interface + 'url'] = url
    return 200, {'endpoints': list(found.values())}, []


def user_roles(request, project_id, user_id):
    request.require_admin(ACTION)
    one_of('project')(request, project_id)
    return 200, {'roles': request.identity.roles(user_id, project_id)}, []


# kind in the database -> (key in the body, how it is shown)
SINGLE = {'project': ('tenant', tenant_view), 'user': ('user', user_view), 'role': ('role', role_view),
          'service': ('OS-KSADM:service', role_view)}


def one_of(kind):
    key, view = SINGLE[kind]

    def show(request, wanted):
        request.require_admin(ACTION)
        row = request.identity.one(kind, 'id = %s', (wanted,))
        if row is None:
            raise not_found(f'Could not find {kind}: {wanted}')
        return 200, {key: view(row)}, []
    return show


# method, admin port only, path, handler
ROUTES = [
    ('POST', False, '/tokens', authenticate),
    ('GET', False, '/tenants', tenants),
    ('GET', True, '/tokens/([^/]+)', validate),
    ('DELETE', True, '/tokens/([^/]+)', revoke),
    ('POST', True, '/tenants', create_tenant),
    ('GET', True, '/tenants/([^/]+)', one_of('project')),
    ('GET', True, '/tenants/([^/]+)/users/([^/]+)/roles', user_roles),
    ('GET', True, '/users', users),
    ('GET', True, '/users/([^/]+)', one_of('user')),
    ('GET', True, '/endpoints', endpoints),
    ('GET', True, '/OS-KSADM/services', services),
    ('GET', True, '/OS-KSADM/services/([^/]+)', one_of('service')),
    ('GET', True, '/OS-KSADM/roles', roles),
    ('GET', True, '/OS-KSADM/roles/([^/]+)', one_of('role')),
]
