"""db_sync's result beside the real Juno database."""
import os
import signal
import subprocess
import tempfile
import time

from describe import QUERIES, describe, differences
from manage import ICEHOUSE, JUNO, command, config_file, keystone_manage, version
from tap import check, equal

# Loading a dump makes this index explicit; in a database that migrations made, it is implicit
IMPLICIT = ('ALTER TABLE endpoint DROP FOREIGN KEY endpoint_service_id_fkey; '
            'ALTER TABLE endpoint DROP INDEX endpoint_service_id_fkey; '
            'ALTER TABLE endpoint ADD CONSTRAINT endpoint_service_id_fkey FOREIGN KEY (service_id) REFERENCES service (id)')
EXPLICIT_INDEX = ["+ endpoint indexes: ('endpoint_service_id_fkey', 1, 'service_id', 1, None, 'BTREE')"]


def run(server):
    expected = describe(server, server.create('juno', JUNO))
    table_by_table(server, expected)
    loaded_dump(server, expected)
    strict(server, expected)
    oracle_bites(server, expected)
    downgrade(server, expected)
    killed(server, expected)
    killed_between(server)
    other_commands(server)


def table_by_table(server, expected):
    server.create('one', ICEHOUSE)
    server.sql('one', IMPLICIT)
    equal('db_version prints 44 before', keystone_manage(server.url('one'), 'db_version').stdout, '44\n')
    result = keystone_manage(server.url('one'), 'db_sync')
    equal('db_sync of the Icehouse database: exit 0', result.code, 0)
    actual = describe(server, 'one')
    equal('the same tables', sorted({table for table, _ in actual}), sorted({table for table, _ in expected}))
    for table in sorted({table for table, _ in expected}):
        for aspect in (*QUERIES, 'rows'):
            seen = differences({(table, aspect): actual.get((table, aspect), [])},
                               {(table, aspect): expected[table, aspect]})
            check(f'{table}: {aspect} equal to the real Juno database', not seen, '\n'.join(seen))
    equal('db_version prints 55 after', keystone_manage(server.url('one'), 'db_version').stdout, '55\n')
    equal('the version of revoke is 2', version(server, 'one', 'revoke'), 2)
    equal('db_sync once more: exit 0', keystone_manage(server.url('one'), 'db_sync').code, 0)
    equal('db_sync once more changes nothing', differences(describe(server, 'one'), actual), [])


def loaded_dump(server, expected):
    server.create('two', ICEHOUSE)
    equal('db_sync over a loaded dump: exit 0', keystone_manage(server.url('two'), 'db_sync').code, 0)
    equal('over a loaded dump one more index is left, as with the real one',
          differences(describe(server, 'two'), expected), EXPLICIT_INDEX)


def strict(server, expected):
    server.create('three', ICEHOUSE)
    server.sql('three', IMPLICIT)
    server.sql(None, "SET GLOBAL sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO'")
    equal('db_sync under a strict sql_mode: exit 0', keystone_manage(server.url('three'), 'db_sync').code, 0)
    server.sql(None, "SET GLOBAL sql_mode = ''")
    equal('and the same result', differences(describe(server, 'three'), expected), [])


def oracle_bites(server, expected):
    """The comparison itself: each of these must be noticed."""
    for name, change in (('a missing index', 'DROP INDEX ix_actor_id ON assignment'),
                         ('a changed row', "UPDATE region SET description = 'x'"),
                         ('a changed column', 'ALTER TABLE region MODIFY url VARCHAR(254)'),
                         ('a missing foreign key', 'ALTER TABLE endpoint DROP FOREIGN KEY fk_endpoint_region_id'),
                         ('a missing check', 'ALTER TABLE domain DROP CONSTRAINT CONSTRAINT_1'),
                         ('one table more', 'CREATE TABLE surplus (id INT)')):
        server.create('broken', JUNO)
        server.sql('broken', change)
        check(f'the comparison notices {name}', differences(describe(server, 'broken'), expected))


def downgrade(server, expected):
    server.create('four', ICEHOUSE)
    server.sql('four', IMPLICIT)
    before = describe(server, 'four')
    keystone_manage(server.url('four'), 'db_sync')
    equal('db_sync 44 over the Juno database: exit 0', keystone_manage(server.url('four'), 'db_sync', '44').code, 0)
    equal('left at 44', version(server, 'four'), 44)
    equal('and revoke stays at 2', version(server, 'four', 'revoke'), 2)
    after = describe(server, 'four')
    icehouse_columns = {key: rows for key, rows in before.items() if key[1] == 'columns' and key[0] != 'endpoint'}
    equal('tables have the columns of Icehouse again (endpoint.region comes back as the last one)',
          differences({key: after[key] for key in icehouse_columns}, icehouse_columns), [])
    equal('every endpoint has its region again', server.sql('four', "SELECT COUNT(*) FROM endpoint WHERE region = 'regionOne'"),
          ((21,),))
    equal('and up again: exit 0', keystone_manage(server.url('four'), 'db_sync').code, 0)
    equal('equal to Juno again', differences(describe(server, 'four'), expected), [])


def killed(server, expected):
    server.create('five', ICEHOUSE)
    server.sql('five', IMPLICIT)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'slow-migration-s'), 'w', encoding='ascii') as knob:
            knob.write('0.4')
        process = subprocess.Popen(command(config_file(folder, server.url('five')), ['db_sync']),
                                   stderr=subprocess.DEVNULL, env={**os.environ, 'TANDEM_LAB_KNOBS': folder})
        deadline = time.monotonic() + 30
        while version(server, 'five') < 51 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = version(server, 'five')
    check('kill -9 in the middle leaves a version between', 51 <= left < 55, left)
    equal('db_sync after the kill: exit 0', keystone_manage(server.url('five'), 'db_sync').code, 0)
    equal('and equal to Juno', differences(describe(server, 'five'), expected), [])


def killed_between(server):
    """MySQL commits DDL by itself: after a kill between a migration and its version row, that migration runs again."""
    server.create('seven', ICEHOUSE)
    keystone_manage(server.url('seven'), 'db_sync', '53')
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'slow-version-row-s'), 'w', encoding='ascii') as knob:
            knob.write('30')
        process = subprocess.Popen(command(config_file(folder, server.url('seven')), ['db_sync']),
                                   stderr=subprocess.DEVNULL, env={**os.environ, 'TANDEM_LAB_KNOBS': folder})
        deadline = time.monotonic() + 20
        index = "SHOW INDEX FROM assignment WHERE Key_name = 'ix_actor_id'"
        while not server.sql('seven', index) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait()
    equal('killed between index and version row: left at 53', version(server, 'seven'), 53)
    result = keystone_manage(server.url('seven'), 'db_sync')
    equal('and the next db_sync refuses', (result.code, result.critical), (1, 'CRITICAL keystone [-] DBError: (InternalError) '
          "(1061, u\"Duplicate key name 'ix_actor_id'\") 'CREATE INDEX ix_actor_id ON assignment (actor_id)' ()"))
    server.sql('seven', 'DROP INDEX ix_actor_id ON assignment')
    equal('and after DROP INDEX it passes', keystone_manage(server.url('seven'), 'db_sync').code, 0)


def other_commands(server):
    server.create('six', JUNO)
    equal('token_flush: exit 0', keystone_manage(server.url('six'), 'token_flush').code, 0)
    equal('token_flush takes the expired token only', server.sql('six', 'SELECT COUNT(*) FROM token'), ((2,),))
    equal('db_version --extension revoke', keystone_manage(server.url('six'), 'db_version', '--extension', 'revoke').stdout, '2\n')
    shown = keystone_manage(server.url('six'), '--version')
    check('--version says that it is a stand-in', 'stand-in' in shown.stdout and shown.stdout.startswith('2014.2'), shown.stdout)
