"""Users, projects, roles, catalog and tokens, from the database's rows."""
import base64
import crypt
import hmac
import json
import uuid
from datetime import datetime, timedelta

DEFAULT_DOMAIN = 'default'


def with_extra(row):
    """A row as the API shows it: `extra` is opened, what the row's own columns say wins."""
    extra = json.loads(row.pop('extra', None) or '{}')
    return {**extra, **row, **({'enabled': bool(row['enabled'])} if 'enabled' in row else {})}


class Identity:
    def __init__(self, database, settings):
        self._database = database
        self._lifetime = timedelta(seconds=int(settings['expiration']))

    def rows(self, table, condition='1 = 1', parameters=()):
        return [with_extra(row) for row in
                self._database.rows(f'SELECT * FROM `{table}` WHERE {condition} ORDER BY id', parameters)]

    def one(self, table, condition, parameters):
        return next(iter(self.rows(table, condition, parameters)), None)

    def user_by_name(self, name, domain):
        return self.one('user', 'name = %s AND domain_id = %s', (name, domain))

    def project_by_name(self, name, domain):
        return self.one('project', 'name = %s AND domain_id = %s', (name, domain))

    def verify(self, user, password):
        stored = (user or {}).get('password') or ''
        return bool(stored) and bool(user['enabled']) and hmac.compare_digest(crypt.crypt(password, stored) or '', stored)

    def roles(self, user_id, project_id):
        """Roles of a user in a project, by an assignment of the user or of one of the user's groups."""
        return [with_extra(row) for row in self._database.rows(
            "SELECT DISTINCT role.* FROM role JOIN assignment ON assignment.role_id = role.id WHERE target_id = %s AND "
            "(type = 'UserProject' AND actor_id = %s OR type = 'GroupProject' AND actor_id IN "
            '(SELECT group_id FROM user_group_membership WHERE user_id = %s)) ORDER BY role.id',
            (project_id, user_id, user_id))]

    def projects_of(self, user_id):
        return [project for project in self.rows('project') if self.roles(user_id, project['id'])]

    def create_project(self, fields):
        project = {'id': uuid.uuid4().hex, 'name': fields['name'], 'description': fields.get('description') or '',
                   'enabled': bool(fields.get('enabled', True)), 'domain_id': fields.get('domain_id') or DEFAULT_DOMAIN}
        self._database.run('INSERT INTO project (id, name, extra, description, enabled, domain_id) '
                           "VALUES (%s, %s, '{}', %s, %s, %s)",
                           (project['id'], project['name'], project['description'], project['enabled'], project['domain_id']))
        return project

    def catalog(self, user_id, project_id):
        """[(service, [endpoints])] of what is enabled, in order of the ids, with the ids filled into the addresses."""
        places = {'tenant_id': project_id, 'project_id': project_id, 'user_id': user_id}
        found = []
        for service in self.rows('service', 'enabled = 1'):
            endpoints = []
            for endpoint in self.rows('endpoint', 'enabled = 1 AND service_id = %s', (service['id'],)):
                try:
                    endpoint['url'] = endpoint['url'].replace('$(', '%(') % places
                except (KeyError, TypeError, ValueError):
                    continue  # an address that cannot be filled in is left out
                endpoints.append(endpoint)
            found.append((service, endpoints))
        return found

    def issue_token(self, user, project, version):
        issued = datetime.utcnow()
        token = {'id': uuid.uuid4().hex, 'user_id': user['id'], 'project_id': project['id'] if project else None,
                 'version': version, 'issued': issued, 'expires': issued + self._lifetime,
                 'audit_ids': [base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')]}
        extra = {'user': {'id': user['id'], 'name': user['name']}, 'token_version': version,
                 'tenant': {'id': project['id']} if project else None, 'issued_at': issued.isoformat(),
                 'audit_ids': token['audit_ids']}
        self._database.run('INSERT INTO token (id, expires, extra, valid, user_id) VALUES (%s, %s, %s, 1, %s)',
                           (token['id'], token['expires'].replace(microsecond=0), json.dumps(extra), user['id']))
        return token

    def find_token(self, token_id):
        """A token that is valid and not expired; one of Icehouse counts too."""
        rows = self._database.rows('SELECT * FROM token WHERE id = %s AND valid = 1 AND expires > UTC_TIMESTAMP()', (token_id,))
        if not rows:
            return None
        extra = json.loads(rows[0]['extra'] or '{}')
        issued = extra.get('issued_at')
        return {'id': rows[0]['id'], 'user_id': rows[0]['user_id'], 'project_id': (extra.get('tenant') or {}).get('id'),
                'version': extra.get('token_version', 'v2.0'), 'expires': rows[0]['expires'],
                'issued': datetime.fromisoformat(issued) if issued else rows[0]['expires'] - self._lifetime,
                'audit_ids': extra.get('audit_ids', [])}

    def token_roles(self, token):
        return self.roles(token['user_id'], token['project_id']) if token['project_id'] else []

    def revoke_token(self, token_id):
        self._database.run('UPDATE token SET valid = 0 WHERE id = %s', (token_id,))
