"""Keystone's migrations 045 to 055 and the two of the extension revoke, both ways.

Written from what Juno's migrations do to a database (mission schema material, openstack/keystone juno-eol), statement by
statement in the same order: MySQL commits DDL at once, so an interrupted migration leaves what the real one leaves.
"""


def nothing(_database):
    """045 to 049 are placeholders for backports."""


def up_050(database):
    for table, column in (('endpoint', 'service_id'), ('user_group_membership', 'group_id')):
        indexes = database.run(
            'SELECT INDEX_NAME, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX) FROM information_schema.STATISTICS '
            'WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s GROUP BY INDEX_NAME', (database.name, table))
        # the server drops an index that it made itself for the foreign key; one that was named by hand stays beside it
        if any(columns == column and name != column for name, columns in indexes):
            database.run(f'CREATE INDEX {column} ON {table} ({column})')


def up_051(database):
    if 'id_mapping' in database.tables():
        return  # checkfirst: an existing table is kept, whatever its columns
    database.run(
        '\nCREATE TABLE id_mapping (\n\tpublic_id VARCHAR(64) NOT NULL, \n\tdomain_id VARCHAR(64) NOT NULL, '
        "\n\tlocal_id VARCHAR(64) NOT NULL, \n\tentity_type ENUM('user','group') NOT NULL, \n\tPRIMARY KEY (public_id), "
        '\n\tUNIQUE (domain_id, local_id, entity_type)\n)ENGINE=InnoDB CHARSET=utf8\n\n')


def down_051(database):
    database.run('\nDROP TABLE id_mapping')


def up_052(database):
    database.run('\nALTER TABLE region ADD url VARCHAR(255)')


def down_052(database):
    database.run('\nALTER TABLE region DROP COLUMN url')


def up_053(database):
    database.run('\nALTER TABLE region CHANGE COLUMN id id VARCHAR(255) NOT NULL')
    database.run('\nALTER TABLE region CHANGE COLUMN parent_region_id parent_region_id VARCHAR(255)')
    database.run('\nALTER TABLE endpoint ADD region_id VARCHAR(255)')
    for endpoint, region in database.run('SELECT id, region FROM endpoint'):
        if region is None:
            continue
        # the server compares without case: regionOne and RegionOne become one region, the first spelling met
        found = database.run('SELECT id FROM region WHERE region.id = %s', (region,))
        if len(found) == 1:
            region = found[0][0]
        else:
            database.run("INSERT INTO region (id, description, extra) VALUES (%s, '', '{}')", (region,))
        database.run('UPDATE endpoint SET region_id = %s WHERE endpoint.id = %s', (region, endpoint))
    database.run('ALTER TABLE endpoint ADD CONSTRAINT fk_endpoint_region_id FOREIGN KEY(region_id) REFERENCES region (id)')
    database.run('\nALTER TABLE endpoint DROP COLUMN region')


def down_053(database):
    database.run('\nALTER TABLE endpoint ADD region VARCHAR(255)')
    for endpoint, region in database.run('SELECT id, region_id FROM endpoint'):
        database.run('UPDATE endpoint SET region = %s WHERE endpoint.id = %s', (region, endpoint))
    database.run('ALTER TABLE endpoint DROP FOREIGN KEY fk_endpoint_region_id')
    database.run('\nALTER TABLE endpoint DROP COLUMN region_id')
    # ids that no longer fit are thrown away
    for region, parent in database.run('SELECT id, parent_region_id FROM region'):
        if len(region) > 64 or len(parent or '') > 64:
            database.run('DELETE FROM region WHERE region.id = %s', (region,))
    database.run('\nALTER TABLE region CHANGE COLUMN id id VARCHAR(64) NOT NULL')
    database.run('\nALTER TABLE region CHANGE COLUMN parent_region_id parent_region_id VARCHAR(64)')


def up_054(database):
    database.run('CREATE INDEX ix_actor_id ON assignment (actor_id)')


def down_054(database):
    database.run('\nDROP INDEX ix_actor_id ON assignment')


def up_055(database):
    database.run('CREATE INDEX ix_token_user_id ON token (user_id)')
    database.run('CREATE INDEX ix_token_trust_id ON token (trust_id)')


def down_055(database):
    database.run('\nDROP INDEX ix_token_user_id ON token')
    database.run('\nDROP INDEX ix_token_trust_id ON token')


def up_revoke_001(database):
    if 'revocation_event' in database.tables():
        return
    columns = ''.join(f'\n\t{name} VARCHAR(64), ' for name in
                      ('domain_id', 'project_id', 'user_id', 'role_id', 'trust_id', 'consumer_id', 'access_token_id'))
    # no character set is named: a database whose default is latin1 gets a latin1 table here
    database.run(f'\nCREATE TABLE revocation_event (\n\tid VARCHAR(64) NOT NULL, {columns}\n\tissued_before DATETIME NOT NULL, '
                 '\n\texpires_at DATETIME, \n\trevoked_at DATETIME NOT NULL, \n\tPRIMARY KEY (id)\n)\n\n')
    database.run('CREATE INDEX ix_revocation_event_revoked_at ON revocation_event (revoked_at)')


def down_revoke_001(database):
    database.run('\nDROP TABLE revocation_event')


def up_revoke_002(database):
    database.run('\nALTER TABLE revocation_event ADD audit_id VARCHAR(32)')
    database.run('\nALTER TABLE revocation_event ADD audit_chain_id VARCHAR(32)')


def down_revoke_002(database):
    database.run('\nALTER TABLE revocation_event DROP COLUMN audit_id')
    database.run('\nALTER TABLE revocation_event DROP COLUMN audit_chain_id')


# repository -> {version: (upgrade to it, downgrade from it)}
REPOSITORIES = {
    'keystone': {**{version: (nothing, nothing) for version in range(45, 50)},
                 50: (up_050, nothing), 51: (up_051, down_051), 52: (up_052, down_052), 53: (up_053, down_053),
                 54: (up_054, down_054), 55: (up_055, down_055)},
    'revoke': {1: (up_revoke_001, down_revoke_001), 2: (up_revoke_002, down_revoke_002)},
}
