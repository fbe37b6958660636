"""Tokens of Identity API v2.0: issue, validate, revoke."""
from .errors import bad_request, not_found, unauthorized
from .identity import DEFAULT_DOMAIN

ACTION = 'admin_required'


def tenant_view(project):
    return {name: value for name, value in project.items() if name not in ('domain_id', 'parent_id')}


def service_catalog(identity, token):
    if not token['project_id']:
        return []
    services = []
    for service, endpoints in identity.catalog(token['user_id'], token['project_id']):
        by_region = {}
        for endpoint in endpoints:
            # the id is that of the first endpoint met
            entry = by_region.setdefault(endpoint['region_id'], {'id': endpoint['id'], 'region': endpoint['region_id']})
            entry[endpoint['interface'] + 'URL'] = endpoint['url']
        if by_region:
            services.append({'endpoints': list(by_region.values()), 'endpoints_links': [], 'type': service['type'],
                             'name': service.get('name', '')})
    return services


def access_view(identity, token):
    user = identity.one('user', 'id = %s', (token['user_id'],))
    roles = identity.token_roles(token)
    shown = {'issued_at': token['issued'].strftime('%Y-%m-%dT%H:%M:%S.%f'), 'expires': token['expires'].strftime('%Y-%m-%dT%H:%M:%SZ'),
             'id': token['id'], 'audit_ids': token['audit_ids']}
    if token['project_id']:
        shown['tenant'] = tenant_view(identity.one('project', 'id = %s', (token['project_id'],)))
    return {'access': {
        'token': shown, 'serviceCatalog': service_catalog(identity, token),
        'user': {'username': user['name'], 'name': user['name'], 'id': user['id'], 'roles_links': [],
                 'roles': [{'name': role['name']} for role in roles]},
        'metadata': {'is_admin': 0, 'roles': [role['id'] for role in roles]}}}


def authenticate(request):
    auth = (request.body or {}).get('auth')
    if auth is None:
        raise bad_request('auth', 'request body')
    identity = request.identity
    if 'token' in auth:
        former = identity.find_token(auth['token'].get('id', ''))
        if former is None:
            raise unauthorized()
        user = identity.one('user', 'id = %s', (former['user_id'],))
    else:
        user = password_user(identity, auth)
    project = named_project(identity, auth)
    own = user.get('default_project_id')
    if project is None and own and identity.roles(user['id'], own):
        project = identity.one('project', 'id = %s', (own,))
    if project and (not project['enabled'] or not identity.roles(user['id'], project['id'])):
        raise unauthorized()
    return 200, access_view(identity, identity.issue_token(user, project, 'v2.0')), []


def password_user(identity, auth):
    if 'passwordCredentials' not in auth:
        raise bad_request('passwordCredentials', 'auth')
    credentials = auth['passwordCredentials']
    if 'password' not in credentials:
        raise bad_request('password', 'passwordCredentials')
    if 'userId' in credentials:
        user = identity.one('user', 'id = %s', (credentials['userId'],))
    elif 'username' in credentials:
        user = identity.user_by_name(credentials['username'], DEFAULT_DOMAIN)
    else:
        raise bad_request('username or userId', 'passwordCredentials')
    if not identity.verify(user, credentials['password']):
        raise unauthorized()
    return user


def named_project(identity, auth):
    if 'tenantId' in auth:
        project = identity.one('project', 'id = %s', (auth['tenantId'],))
    elif 'tenantName' in auth:
        project = identity.project_by_name(auth['tenantName'], DEFAULT_DOMAIN)
    else:
        return None
    if project is None:
        raise unauthorized()
    return project


def validate(request, token_id):
    request.require_admin(ACTION)
    token = request.identity.find_token(token_id)
    if token is None:
        raise not_found(f'Could not find token: {token_id}')
    return 200, access_view(request.identity, token), []


def revoke(request, token_id):
    request.require_admin(ACTION)
    if request.identity.find_token(token_id) is None:
        raise not_found(f'Could not find token: {token_id}')
    request.identity.revoke_token(token_id)
    return 204, None, []
