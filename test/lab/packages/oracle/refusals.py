"""Each refusal of Keystone's migrations that was seen with the real ones: message, exit code and version left behind."""
import os
import subprocess
import tempfile

from describe import describe, differences
from manage import ICEHOUSE, JUNO, command, config_file, keystone_manage, version
from server import free_port
from tap import check, equal

UTF8 = 'have non utf8 collation, please make sure all tables are CHARSET=utf8'
STAMP = ('The database is not under version control, but has tables. Please stamp the current version of the schema '
         'manually.')


def run(server):
    character_sets(server)
    left_overs(server)
    version_table(server)
    configuration(server)
    regions(server)


def refused(name, result, text, code=1):
    equal(f'{name}: exit {code}', result.code, code)
    equal(f'{name}: CRITICAL line', result.critical, f'CRITICAL keystone [-] {text}')
    equal(f'{name}: last line', result.last, f'TRACE keystone {text}')


def character_sets(server):
    server.create('latin', ICEHOUSE)
    server.sql('latin', 'ALTER TABLE token CONVERT TO CHARACTER SET latin1; ALTER TABLE policy CONVERT TO CHARACTER SET latin1')
    before = describe(server, 'latin')
    result = keystone_manage(server.url('latin'), 'db_sync')
    # the order of the two names is the server's choice
    names = '"policy,token"' if '"policy,token"' in result.critical else '"token,policy"'
    refused('tables token, policy in latin1', result, f'ValueError: Tables {names} {UTF8}')
    equal('tables token, policy in latin1: nothing done', differences(describe(server, 'latin'), before), [])

    server.create('versions', ICEHOUSE)
    server.sql('versions', 'ALTER TABLE migrate_version CONVERT TO CHARACTER SET latin1')
    equal('migrate_version in latin1 is not looked at', keystone_manage(server.url('versions'), 'db_sync').code, 0)

    server.create('defaults', ICEHOUSE, charset='latin1')
    equal('database default latin1: exit 0', keystone_manage(server.url('defaults'), 'db_sync').code, 0)
    found = dict(server.sql('information_schema', "SELECT TABLE_NAME, TABLE_COLLATION FROM TABLES "
                            "WHERE TABLE_SCHEMA = 'defaults' AND TABLE_COLLATION NOT LIKE '%utf8%'"))
    equal('database default latin1: revocation_event is made in latin1', list(found), ['revocation_event'])
    refused('database default latin1, next db_sync', keystone_manage(server.url('defaults'), 'db_sync'),
            f'ValueError: Tables "revocation_event" {UTF8}')
    equal('database default latin1: left at 55', version(server, 'defaults'), 55)


def left_overs(server):
    server.create('indexed', ICEHOUSE)
    server.sql('indexed', 'CREATE INDEX ix_token_user_id ON token (user_id)')
    refused('index ix_token_user_id exists', keystone_manage(server.url('indexed'), 'db_sync'),
            "DBError: (InternalError) (1061, u\"Duplicate key name 'ix_token_user_id'\") "
            "'CREATE INDEX ix_token_user_id ON token (user_id)' ()")
    equal('index exists: left at 54', version(server, 'indexed'), 54)
    server.sql('indexed', 'DROP INDEX ix_token_user_id ON token')
    equal('index exists: after DROP INDEX exit 0', keystone_manage(server.url('indexed'), 'db_sync').code, 0)
    equal('index exists: then at 55', version(server, 'indexed'), 55)

    server.create('mapped', ICEHOUSE)
    server.sql('mapped', 'CREATE TABLE id_mapping (id INT) CHARACTER SET utf8')
    equal('table id_mapping(id) exists: exit 0, silently wrong', keystone_manage(server.url('mapped'), 'db_sync').code, 0)
    equal('table id_mapping(id) exists: kept as it is',
          server.sql('information_schema', "SELECT COLUMN_NAME FROM COLUMNS WHERE TABLE_SCHEMA = 'mapped' "
                     "AND TABLE_NAME = 'id_mapping'"), (('id',),))
    equal('table id_mapping(id) exists: at 55', version(server, 'mapped'), 55)


def version_table(server):
    server.create('stampless', ICEHOUSE)
    server.sql('stampless', 'DROP TABLE migrate_version')
    before = describe(server, 'stampless')
    refused('migrate_version missing', keystone_manage(server.url('stampless'), 'db_sync'), f'DbMigrationError: {STAMP}')
    equal('migrate_version missing: nothing done', differences(describe(server, 'stampless'), before), [])
    refused('db_version without migrate_version', keystone_manage(server.url('stampless'), 'db_version'),
            f'DbMigrationError: {STAMP}')

    server.create('newer', JUNO)
    server.sql('newer', "UPDATE migrate_version SET version = 60 WHERE repository_id = 'keystone'")
    refused('a database of a later release', keystone_manage(server.url('newer'), 'db_sync'), 'KeyError: <VerNum(60)>')


def configuration(server):
    server.create('plain', ICEHOUSE)
    refused('wrong password', keystone_manage(server.url('plain', password='wrong'), 'db_sync'),
            "OperationalError: (OperationalError) (1045, u\"Access denied for user 'os'@'127.0.0.1' "
            '(using password: YES)") None None')
    refused('server not running', keystone_manage(server.url('plain', port=free_port()), 'db_sync'),
            "OperationalError: (OperationalError) (2003, \"Can't connect to MySQL server on '127.0.0.1' "
            '([Errno 111] Connection refused)") None None')
    refused('unknown extension', keystone_manage(server.url('plain'), 'db_sync', '--extension', 'nosuch'),
            'ImportError: keystone.contrib.nosuch extension does not exist.')
    refused('a version that is no number', keystone_manage(server.url('plain'), 'db_sync', 'juno'),
            'DbMigrationError: version should be an integer')
    equal('after all of these still at 44', version(server, 'plain'), 44)

    with tempfile.TemporaryDirectory() as folder:
        path = config_file(folder, server.url('plain'), f'log_dir = {folder}/no-such-folder\nlog_file = keystone.log')
        done = subprocess.run(command(path, ['db_sync']), capture_output=True, text=True, check=False,
                              env={**os.environ, 'TANDEM_LAB_KNOBS': folder})
        check('a log that cannot be written ends it before any work',
              done.returncode == 1 and done.stderr.endswith(f"'{folder}/no-such-folder/keystone.log'\n"), done.stderr)
    equal('and still at 44', version(server, 'plain'), 44)


def regions(server):
    server.create('regions', ICEHOUSE)
    server.sql('regions', "UPDATE endpoint SET region = 'RegionOne' WHERE interface = 'internal'")
    (first,), = server.sql('regions', 'SELECT region FROM endpoint ORDER BY id LIMIT 1')
    equal('regions that differ in case: exit 0', keystone_manage(server.url('regions'), 'db_sync').code, 0)
    equal('regions that differ in case: one region, the first spelling met',
          server.sql('regions', 'SELECT BINARY id FROM region'), ((first.encode(),),))
    equal('regions that differ in case: all 21 endpoints in it',
          server.sql('regions', 'SELECT BINARY region_id, COUNT(*) FROM endpoint GROUP BY BINARY region_id'),
          ((first.encode(), 21),))
