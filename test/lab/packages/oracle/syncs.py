"""The syncs of cinder, glance, nova and neutron beside the real Juno databases, and each refusal beside what the real
migrations were seen to do: message, exit code, version left behind."""
from describe import describe, differences
from server import free_port
from services import PROGRAMS, VERSIONS, dump, run as manage, version
from tap import check, equal

# rows that migrations write have the time of the run; the dumps say a fixed one
STAMPED = {'cinder': ('quota_classes', ["created_at = '2014-12-01 08:00:00' WHERE resource = 'consistencygroups'"]),
           'glance': ('metadef_resource_types', ["created_at = '2014-12-01 08:00:00', updated_at = '2014-12-01 08:00:00'"])}
# Loading a dump makes these indexes explicit; in a database that migrations made they are implicit (schema/README.md)
LOADED = {'neutron': [
    "- routerl3agentbindings indexes: ('routerl3agentbindings_ibfk_1', 1, 'l3_agent_id', 1, None, 'BTREE')",
    "+ routerl3agentbindings indexes: ('l3_agent_id', 1, 'l3_agent_id', 1, None, 'BTREE')",
    "+ routerl3agentbindings indexes: ('router_id', 1, 'router_id', 1, None, 'BTREE')"]}
UTF8 = 'have non utf8 collation, please make sure all tables are CHARSET=utf8'


def run(server):
    for service in VERSIONS:
        whole(server, service)
    mixed_releases(server)
    rows(server)
    left_overs(server)
    version_tables(server)
    character_sets(server)
    configuration(server)


def whole(server, service):
    before, after = VERSIONS[service]
    expected = describe(server, server.create('juno', dump(service, 'juno')))
    server.create('one', dump(service, 'icehouse'))
    ask = ['current'] if service == 'neutron' else ['db', 'version']
    check(f'{service}: the version before is {before}', before in manage(service, server.url('one'), *ask).stdout)
    result = manage(service, server.url('one'))
    equal(f'{service}: the sync ends with exit 0', (result.code, result.stdout), (0, ''))
    check(f'{service}: the version after is {after}', after in manage(service, server.url('one'), *ask).stdout, result.stderr)
    if service in STAMPED:
        table, settings = STAMPED[service]
        server.sql('one', '; '.join(f'UPDATE {table} SET {setting}' for setting in settings))
    seen = differences(describe(server, 'one'), expected)
    equal(f'{service}: table by table the real Juno database', '\n'.join(seen), '\n'.join(LOADED.get(service, [])))
    equal(f'{service}: the sync once more: exit 0', manage(service, server.url('one')).code, 0)
    equal(f'{service}: and nothing is changed', '\n'.join(differences(describe(server, 'one'), expected)), '\n'.join(LOADED.get(service, [])))


def refused(server, service, name, result, text, left, code=1):
    """`text` may end with ... where the real one quotes a long statement."""
    last = result.last if service == 'neutron' else result.critical.removeprefix(f'CRITICAL {service} [-] ')
    same = last.startswith(text[:-3]) if text.endswith('...') else last == text
    check(f'{service}, {name}: the message', same, f'{last}\nexpected: {text}')
    equal(f'{service}, {name}: exit', result.code, code)
    if service != 'neutron':
        check(f'{service}, {name}: the log has it too', text.removesuffix('...') in result.log, result.log)
    equal(f'{service}, {name}: left at', left[0](), left[1])


def case(server, service, name, change, text, left, code=1, extra='core_plugin = ml2', release='2014.2.2', database='bad'):
    server.create(database, dump(service, 'icehouse'))
    if change:
        server.sql(database, f'SET FOREIGN_KEY_CHECKS = 0; {change}')
    result = manage(service, server.url(database), extra=extra, release=release)
    refused(server, service, name, result, text, (lambda: version(server, service, database), left), code)


def again(server, service, name, cure, code, text='', left=None):
    server.sql('bad', cure)
    result = manage(service, server.url('bad'))
    equal(f'{service}, {name}: the same command again: exit', result.code, code)
    if text:
        check(f'{service}, {name}: again: the message', text in result.last, result.last)
    if left:
        equal(f'{service}, {name}: again: left at', version(server, service, 'bad'), left)


def mixed_releases(server):
    for service, number in (('glance', '36'), ('cinder', '26'), ('nova', '254')):
        server.create('bad', dump(service, 'juno'))
        refused(server, service, 'Icehouse over the Juno database', manage(service, server.url('bad'), release='2014.1.5'),
                f'KeyError: <VerNum({number})>', (lambda s=service: version(server, s, 'bad'), number))
    server.create('bad', dump('neutron', 'juno'))
    refused(server, 'neutron', 'Icehouse over the Juno database', manage('neutron', server.url('bad'), release='2014.1.5', extra=''),
            "  FAILED: No such revision 'juno'", (lambda: version(server, 'neutron', 'bad'), 'juno'), 255)


def rows(server):
    child = "(1452, u'Cannot add or update a child row: a foreign key constraint fails (..."
    case(server, 'nova', 'a pci device of no compute node', 'UPDATE pci_devices SET compute_node_id = 99',
         f'DBError: (IntegrityError) {child}', '245')
    again(server, 'nova', 'a pci device of no compute node', 'DELETE FROM pci_devices', 0, left='254')
    case(server, 'nova', 'a product_id of NULL', 'UPDATE pci_devices SET product_id = NULL',
         "DBError: (DataError) (1265, u\"Data truncated for column 'product_id' at row 1\") "
         "'\\nALTER TABLE pci_devices CHANGE COLUMN product_id product_id VARCHAR(4) NOT NULL' ()", '246')
    case(server, 'nova', 'a resource of NULL', 'UPDATE quota_usages SET resource = NULL LIMIT 1',
         "DBError: (DataError) (1265, u\"Data truncated for column 'resource' at row 1\") "
         "'\\nALTER TABLE quota_usages CHANGE COLUMN resource resource VARCHAR(255) NOT NULL' ()", '246')
    check('nova: says on stdout where to look',
          manage('nova', server.url('bad')).stdout == 'Command failed, please check log for more info\n')
    case(server, 'neutron', 'a binding without a router', 'UPDATE routerl3agentbindings SET router_id = NULL',
         f'oslo.db.exception.DBError: (IntegrityError) {child}', '37f322991f59')
    again(server, 'neutron', 'a binding without a router', 'DELETE FROM routerl3agentbindings', 1,
          "(InternalError) (1054, u\"Unknown column 'id' in 'SELECT'\") 'DELETE routerl3agentbindings FROM ", '37f322991f59')
    twice = "INSERT INTO routerl3agentbindings SELECT 'another', router_id, l3_agent_id FROM routerl3agentbindings"
    server.create('bad', dump('neutron', 'icehouse'))
    server.sql('bad', twice)
    equal('neutron: the same binding twice: exit 0', manage('neutron', server.url('bad')).code, 0)
    equal('neutron: the same binding twice: one is left', server.sql('bad', 'SELECT COUNT(*) FROM routerl3agentbindings'), ((1,),))
    server.create('bad', dump('neutron', 'icehouse'))
    server.sql('bad', "UPDATE ports SET device_id = 'none' WHERE device_owner = 'network:router_gateway'")
    equal('neutron: a port of no router: exit 0', manage('neutron', server.url('bad')).code, 0)
    equal('neutron: a port of no router is left out', server.sql('bad', 'SELECT COUNT(*) FROM routerports'), ((1,),))


def left_overs(server):
    case(server, 'nova', 'numa_topology exists', 'ALTER TABLE compute_nodes ADD numa_topology TEXT',
         "DBError: (InternalError) (1060, u\"Duplicate column name 'numa_topology'\") "
         "'\\nALTER TABLE compute_nodes ADD numa_topology TEXT' ()", '250')
    case(server, 'cinder', 'consistencygroups exists', 'CREATE TABLE consistencygroups (id INT)',
         "DBError: (InternalError) (1050, u\"Table 'consistencygroups' already exists\") ...", '24')
    again(server, 'cinder', 'consistencygroups exists', 'DROP TABLE consistencygroups', 0, left='26')
    case(server, 'glance', 'metadef_namespaces exists', 'CREATE TABLE metadef_namespaces (id INT) CHARSET utf8',
         "DBError: (InternalError) (1050, u\"Table 'metadef_namespaces' already exists\") ...", '34')
    server.create('bad', dump('nova', 'icehouse'))
    server.sql('bad', 'CREATE TABLE instance_extra (id INT)')
    equal('nova, instance_extra(id) exists: exit 0, silently wrong', manage('nova', server.url('bad')).code, 0)
    equal('nova, instance_extra(id) exists: kept as it is, with one column more', server.sql(
        'information_schema', "SELECT COLUMN_NAME FROM COLUMNS WHERE TABLE_SCHEMA = 'bad' AND TABLE_NAME = 'instance_extra'"),
        (('id',), ('pci_requests',)))


def version_tables(server):
    stamp = ('DbMigrationError: The database is not under version control, but has tables. Please stamp the current version '
             'of the schema manually.')
    for service, text in (('glance', stamp), ('nova', 'NovaException: Upgrade DB using Essex release first.'),
                          ('cinder', 'Error: Upgrade DB using Essex release first.')):
        case(server, service, 'migrate_version missing', 'DROP TABLE migrate_version', text, None)
    case(server, 'neutron', 'never stamped', 'DROP TABLE alembic_version',
         "oslo.db.exception.DBError: (InternalError) (1050, u\"Table 'agents' already exists\") '\\nCREATE TABLE agents ...", None)
    equal('neutron, never stamped: stamp icehouse: exit 0', manage('neutron', server.url('bad'), 'stamp', 'icehouse').code, 0)
    equal('neutron, never stamped: then the upgrade: exit 0', manage('neutron', server.url('bad')).code, 0)
    case(server, 'neutron', 'stamped havana', "UPDATE alembic_version SET version_num = 'havana'",
         "oslo.db.exception.DBError: (InternalError) (1061, u\"Duplicate key name 'uniq_agents0agent_type0host'\") ...", 'e197124d4b9')


def character_sets(server):
    latin = 'ALTER TABLE {0} CONVERT TO CHARACTER SET latin1'
    case(server, 'glance', 'image_tags in latin1', 'ALTER TABLE image_tags DROP FOREIGN KEY image_tags_ibfk_1; ' + latin.format('image_tags'),
         f'ValueError: Tables "image_tags" {UTF8}', '34')
    for service, table in (('cinder', 'services'), ('nova', 'key_pairs'), ('neutron', 'quotas'), ('glance', 'migrate_version')):
        server.create('bad', dump(service, 'icehouse'))
        server.sql('bad', latin.format(table))
        equal(f'{service}, {table} in latin1: not looked at', manage(service, server.url('bad')).code, 0)
    for service in PROGRAMS:
        server.create('bad', dump(service, 'icehouse'), charset='latin1')
        result = manage(service, server.url('bad'))
        if service != 'neutron':
            equal(f'{service}, database default latin1: exit 0', result.code, 0)
        if service == 'glance':
            check('glance, database default latin1: the next sync refuses its own tables', all(
                text in manage('glance', server.url('bad')).critical for text in ('metadef_namespaces', 'metadef_objects', UTF8)))
    refused(server, 'neutron', 'database default latin1', result, 'oslo.db.exception.DBError: (InternalError) (1005, u\'Can\\\'t '
            'create table `bad`.`routerroutes_mapping` (errno: 150 "Foreign key constraint is incorrectly formed")\') ...',
            (lambda: version(server, 'neutron', 'bad'), '1b837a7125a9'))
    again(server, 'neutron', 'database default latin1', 'ALTER DATABASE bad DEFAULT CHARACTER SET utf8', 1,
          'create table `bad`.`meteringlabelrules` (errno: 150', '5446f2a45467')


def configuration(server):
    case(server, 'neutron', 'short plugin name in Icehouse', '', "ImportError: Class ml2 cannot be found ([...", 'icehouse',
         release='2014.1.5')
    server.create('bad', dump('cinder', 'icehouse'))
    url = server.url('bad', password='wrong')
    denied = ("OperationalError: (OperationalError) (1045, u\"Access denied for user 'os'@'127.0.0.1' (using password: YES)\") "
              'None None')
    for service in PROGRAMS:
        result = manage(service, url)
        check(f'{service}: a wrong password', denied in result.stderr and result.code == 1, result.stderr)
    down = server.url('bad', port=free_port())
    for service in ('glance', 'cinder'):
        check(f'{service}: server not running', "(2003, \"Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection "
              'refused)") None None' in manage(service, down).stderr)
    result = manage('neutron', server.url('bad'), 'upgrade')
    equal('neutron: no revision given', (result.code, result.last), (1, 'You must provide a revision or relative delta'))
    equal('nova: null_instance_uuid_scan is Kilo\'s: exit 2', manage('nova', server.url('bad'), 'db', 'null_instance_uuid_scan').code, 2)
