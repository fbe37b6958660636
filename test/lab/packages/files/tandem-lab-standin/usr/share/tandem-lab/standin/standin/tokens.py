"""Token validation as keystoneclient's auth_token does it: asks keystone with the service's own token, keeps what it learned."""
import http.client
import json
import time
from urllib.parse import urlsplit

KEPT_S = 300
# after a refused connection it tries again three times: a 401 comes after 3.5 s
WAITS_S = (0.5, 1, 2)


class Unreachable(Exception):
    """Keystone did not answer, or only with an error of its own."""


class Keystone:
    def __init__(self, settings, log):
        self._settings, self._log, self._known, self._own = settings, log, {}, None
        self._url = settings['identity_uri'] or '{auth_protocol}://{auth_host}:{auth_port}'.format(**settings)

    def uri(self):
        return self._settings['auth_uri'].rstrip('/') or self._url

    def validate(self, token):
        """{'user', 'tenant', 'roles'}, or None: also where keystone cannot be asked, which nobody is told (observed.md)."""
        known = self._known.get(token)
        if known and known[1] > time.monotonic():
            return known[0]
        try:
            found = self._ask(token)
        except (Unreachable, OSError, ValueError, KeyError) as error:
            self._log.write('WARNING', 'keystoneclient.middleware.auth_token', f'Authorization failed for token: {error}')
            return None
        if found:
            self._known[token] = (found, time.monotonic() + KEPT_S)
        return found

    def _ask(self, token):
        for attempt in (1, 2):
            self._own = self._own or self._login()
            status, body = self._request('GET', f'/v2.0/tokens/{token}', headers={'X-Auth-Token': self._own})
            if status == 401 and attempt == 1:
                self._own = None
                continue
            if status == 200:
                access = body['access']
                return {'user': access['user']['id'], 'tenant': access['token'].get('tenant', {}).get('id'),
                        'roles': [role['name'].lower() for role in access['user']['roles']]}
            if status == 404:
                return None
            raise Unreachable(f'keystone answered {status}')
        return None

    def _login(self):
        settings = self._settings
        status, body = self._request('POST', '/v2.0/tokens', {'auth': {
            'tenantName': settings['admin_tenant_name'],
            'passwordCredentials': {'username': settings['admin_user'], 'password': settings['admin_password']}}})
        if status != 200:
            raise Unreachable(f'keystone answered {status} to the service user')
        return body['access']['token']['id']

    def _request(self, method, path, body=None, headers=None):
        url = urlsplit(self._url)
        for wait in (*WAITS_S, None):
            connection = http.client.HTTPConnection(url.hostname, url.port or 35357, timeout=30)
            try:
                connection.request(method, path, None if body is None else json.dumps(body),
                                   {'Content-Type': 'application/json', **(headers or {})})
                answer = connection.getresponse()
                text = answer.read()
                return answer.status, json.loads(text) if text else None
            except OSError:
                if wait is None:
                    raise
                time.sleep(wait)
            finally:
                connection.close()
        raise Unreachable('keystone does not answer')
