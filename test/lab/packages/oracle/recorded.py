"""The recorded exchanges of Keystone Juno, and a database that holds the cloud that they were recorded from."""
import crypt
import glob
import json
import os
import re

from manage import FIXTURES, JUNO

# recorded, and left out by the stand-in
LEFT_OUT = ('25-v2-extensions',)
PASSWORD = 'secret'
COLUMNS = {'domain': ('id', 'name', 'enabled'), 'project': ('id', 'name', 'description', 'enabled', 'domain_id'),
           'user': ('id', 'name', 'enabled', 'domain_id', 'default_project_id'), 'role': ('id', 'name'),
           'group': ('id', 'domain_id', 'name', 'description'), 'region': ('id', 'description', 'parent_region_id', 'url'),
           'service': ('id', 'type', 'enabled'),
           'endpoint': ('id', 'interface', 'service_id', 'url', 'enabled', 'region_id')}
LISTS = {'domain': '33-v3-domains', 'project': '31-v3-projects', 'user': '30-v3-users', 'role': '34-v3-roles',
         'group': '35-v3-groups', 'region': '32-v3-regions', 'service': '29-v3-services', 'endpoint': '28-v3-endpoints'}
# name in the recorded requests -> user, project, valid for seconds
TOKENS = {'token-admin-00000000000000000000': ('admin', 'admin', 3600),
          'token-demo-000000000000000000000': ('demo', 'demo', 3600),
          'token-todelete-00000000000000000': ('admin', 'admin', 3600),
          'token-expired-000000000000000000': ('admin', 'admin', -3600)}
ADMIN_TOKEN = 'token-of-keystone-conf-000000000'


def exchanges():
    found = {}
    for path in sorted(glob.glob(os.path.join(FIXTURES, 'keystone/juno/*.json'))):
        with open(path, encoding='utf-8') as file:
            found[os.path.basename(path)[:-len('.json')]] = json.load(file)
    return found


def quote(value):
    if value is None:
        return 'NULL'
    if isinstance(value, (bool, int)):
        return str(int(value))
    text = str(value).replace('\\', '\\\\').replace("'", "''")
    return f"'{text}'"


def insert(table, row):
    names = ', '.join(f'`{name}`' for name in row)
    return f"INSERT INTO `{table}` ({names}) VALUES ({', '.join(quote(value) for value in row.values())})"


def create_cloud(server, database):
    """The rows that the recorded lists show, in the real Juno schema."""
    server.create(database, JUNO)
    records = exchanges()
    statements = ['SET FOREIGN_KEY_CHECKS = 0']
    statements += [f'DELETE FROM `{table}`' for table in (*COLUMNS, 'assignment', 'user_group_membership', 'token')]
    legacy = {entry['service_id']: entry['id'] for entry in records['20-v2-endpoints']['response']['body']['endpoints']}
    ids = {}
    for table, source in LISTS.items():
        for entry in records[source]['response']['body'][table + 's']:
            row = {name: entry.get(name) for name in COLUMNS[table]}
            extra = {name: value for name, value in entry.items() if name not in (*row, 'links', 'region')}
            row['extra'] = json.dumps(extra)
            if table == 'user':
                row['password'] = crypt.crypt(PASSWORD, '$6$rounds=5000$tandemoracle')
            if table == 'endpoint':
                row['legacy_endpoint_id'] = legacy[entry['service_id']]
            statements.append(insert(table, row))
            ids[table, entry.get('name')] = entry['id']
    for user, project, role in (('admin', 'admin', 'admin'), ('demo', 'demo', '_member_')):
        statements.append(insert('assignment', {'type': 'UserProject', 'actor_id': ids['user', user],
                                                'target_id': ids['project', project], 'role_id': ids['role', role],
                                                'inherited': 0}))
    for token, (user, project, seconds) in TOKENS.items():
        extra = json.dumps({'tenant': {'id': ids['project', project]}, 'token_version': 'v2.0', 'audit_ids': ['a' * 22]})
        statements.append(f"INSERT INTO token VALUES ('{token}', UTC_TIMESTAMP() + INTERVAL {seconds} SECOND, "
                          f"{quote(extra)}, 1, NULL, {quote(ids['user', user])})")
    server.sql(database, '; '.join(statements))


def normal(value, key='', under=''):
    """A body without what differs from run to run: times by their form, ids of tokens, order of lists."""
    if isinstance(value, dict):
        return {name: normal(entry, name, key) for name, entry in value.items()}
    if isinstance(value, list):
        if key == 'audit_ids':
            return ['audit id of %d characters' % len(entry) for entry in value]
        return sorted((normal(entry, '', key) for entry in value), key=lambda entry: json.dumps(entry, sort_keys=True))
    if key in ('issued_at', 'expires', 'expires_at'):
        return re.sub(r'\d', '0', value)
    if key == 'id' and under == 'token':
        return 'id of a token'
    return value
