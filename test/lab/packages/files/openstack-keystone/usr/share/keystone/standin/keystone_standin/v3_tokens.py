"""Tokens of Identity API v3: issue, validate, revoke."""
from .errors import bad_request, not_found, unauthorized
from .identity import DEFAULT_DOMAIN


def token_view(identity, token):
    user = identity.one('user', 'id = %s', (token['user_id'],))
    by_v3 = token['version'] == 'v3.0'
    # a token of v2.0 keeps v2.0's form of issued_at, without a Z
    shown = {'methods': ['password'] if by_v3 else ['password', 'token'], 'extras': {},
             'expires_at': _time(token['expires']), 'issued_at': _time(token['issued']).rstrip('' if by_v3 else 'Z'),
             'user': {'domain': domain_of(identity, user), 'id': user['id'], 'name': user['name']},
             'audit_ids': token['audit_ids']}
    if token['project_id']:
        project = identity.one('project', 'id = %s', (token['project_id'],))
        shown['project'] = {'domain': domain_of(identity, project), 'id': project['id'], 'name': project['name']}
        shown['roles'] = [{'id': role['id'], 'name': role['name']} for role in identity.token_roles(token)]
        shown['catalog'] = [catalog_view(*entry) for entry in identity.catalog(user['id'], project['id'])]
    return {'token': shown}


def _time(moment):
    return moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def domain_of(identity, row):
    domain = identity.one('domain', 'id = %s', (row['domain_id'],))
    return {'id': domain['id'], 'name': domain['name']}


def catalog_view(service, endpoints):
    shown = {'type': service['type'], 'id': service['id'], 'endpoints': [
        {'region_id': endpoint['region_id'], 'region': endpoint['region_id'], 'url': endpoint['url'],
         'interface': endpoint['interface'], 'id': endpoint['id']} for endpoint in endpoints]}
    return {**shown, 'name': service['name']} if service.get('name') else shown


def authenticate(request):
    auth = (request.body or {}).get('auth')
    if auth is None:
        raise bad_request('auth', 'request body')
    identity = request.identity
    proof = auth.get('identity') or {}
    if proof.get('methods') == ['token']:
        former = identity.find_token((proof.get('token') or {}).get('id', ''))
        user = former and identity.one('user', 'id = %s', (former['user_id'],))
    else:
        named = (proof.get('password') or {}).get('user')
        if not named or 'password' not in named:
            raise bad_request('password', 'identity')
        user = named_user(identity, named)
        user = user if identity.verify(user, named['password']) else None
    if not user:
        raise unauthorized()
    project = scoped_project(identity, (auth.get('scope') or {}).get('project'), user)
    token = identity.issue_token(user, project, 'v3.0')
    return 201, token_view(identity, token), [('X-Subject-Token', token['id'])]


def domain_id(identity, named):
    """The id of a domain that is named by id or by name; the default one when none is."""
    named = named or {'id': DEFAULT_DOMAIN}
    if 'id' in named:
        return named['id']
    domain = identity.one('domain', 'name = %s', (named.get('name'),))
    return domain['id'] if domain else None


def named_user(identity, named):
    if 'id' in named:
        return identity.one('user', 'id = %s', (named['id'],))
    return identity.user_by_name(named.get('name'), domain_id(identity, named.get('domain')))


def scoped_project(identity, named, user):
    if named is None:
        return None
    if 'id' in named:
        project = identity.one('project', 'id = %s', (named['id'],))
    else:
        project = identity.project_by_name(named.get('name'), domain_id(identity, named.get('domain')))
    if not project or not project['enabled'] or not identity.roles(user['id'], project['id']):
        raise unauthorized()
    return project


def subject(request):
    token_id = request.headers.get('x-subject-token', '')
    token = request.identity.find_token(token_id)
    if token is None:
        raise not_found(f'Could not find token: {token_id}')
    return token


def validate(request):
    request.require_admin('identity:validate_token')
    token = subject(request)
    return 200, token_view(request.identity, token), [('X-Subject-Token', token['id'])]


def revoke(request):
    request.require_admin('identity:revoke_token')
    request.identity.revoke_token(subject(request)['id'])
    return 204, None, []
