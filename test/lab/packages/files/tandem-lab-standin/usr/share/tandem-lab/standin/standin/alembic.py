"""neutron-db-manage: upgrade, current and stamp of an alembic database."""
import argparse
import sys

from . import IS_JUNO, RELEASE, standin_of
from .database import Database, Failure
from .log import Log
from .repository import SLOW_MIGRATION, SLOW_VERSION_ROW, count_effect, lab_wait
from .settings import COMMON, ConfigFilesNotFound, read_settings
from .steps import read_steps, run_step

OPTIONS = {**COMMON, 'core_plugin': ('', [('DEFAULT', 'core_plugin')])}
ICEHOUSE = 'icehouse'
# where each of alembic's own refusals ends, and what an exception of the database's is called
REFUSED, FAILED = 255, 1


class Refused(Exception):
    """What alembic itself refuses: FAILED on stderr, exit 255."""


def chain():
    """[(revision, statements)] that this release knows, 'havana' first."""
    steps = [('havana', []), *read_steps('neutron')]
    if IS_JUNO:
        return steps
    return steps[:[revision for revision, _ in steps].index(ICEHOUSE) + 1]


def current(database):
    """The stamped revision, or None where there is none."""
    if 'alembic_version' not in database.tables():
        return None
    rows = database.run('SELECT version_num FROM alembic_version')
    return rows[0][0] if rows else None


def position(revision, steps):
    names = [name for name, _ in steps]
    if revision not in names:
        raise Refused(f"No such revision '{revision}'")
    return names.index(revision)


def stamp(database, _log, revision, steps):
    wanted = steps[-1][0] if revision == 'head' else revision
    position(wanted, steps)
    ensure_version_table(database)
    database.run('DELETE FROM alembic_version')
    database.run('INSERT INTO alembic_version (version_num) VALUES (%s)', (wanted,))


def ensure_version_table(database):
    if 'alembic_version' not in database.tables():
        database.run('\nCREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL\n)\n\n')


def upgrade(database, log, revision, steps):
    before = current(database)
    if before is None:
        from_the_beginning(database)
    start = position(before, steps)
    target = position(steps[-1][0] if revision == 'head' else revision, steps)
    for number in range(start + 1, target + 1):
        name, statements = steps[number]
        print(f'INFO  [alembic.migration] Running upgrade {before} -> {name}', file=sys.stderr)
        log.write('INFO', 'alembic.migration', f'Running upgrade {before} -> {name}')
        lab_wait(SLOW_MIGRATION)
        if name == ICEHOUSE and before != ICEHOUSE:
            raise Failure('NotImplementedError', 'stand-in: what lies between havana and icehouse is left out')
        run_step(database, statements)
        count_effect(f'neutron-db-manage applied {name}')
        lab_wait(SLOW_VERSION_ROW)
        database.run('UPDATE alembic_version SET version_num=%s', (name,))
        before = name


def from_the_beginning(database):
    """No stamp: alembic begins at the beginning, with the first table that it makes."""
    if not database.tables():
        raise Failure('NotImplementedError', 'stand-in: the database is empty, and only an Icehouse database can be upgraded')
    ensure_version_table(database)
    database.run('\nCREATE TABLE agents (\n\tid VARCHAR(36) NOT NULL, \n\tPRIMARY KEY (id)\n)\n\n')


def refuse_plugin(settings):
    # Icehouse imports the plugin's class, and knows no short name
    name = settings['core_plugin']
    if not IS_JUNO and name and '.' not in name:
        raise Failure('ImportError', f"Class {name} cannot be found (['Traceback (most recent call last):\\n', "
                      "'ValueError: Empty module name\\n'])")


def parse(arguments):
    text = standin_of('neutron')
    parser = argparse.ArgumentParser(prog='neutron-db-manage', description=f'neutron-db-manage ({text})')
    parser.add_argument('--version', action='version', version=f'{RELEASE} ({text})')
    parser.add_argument('--config-file', action='append', dest='config_files', default=[])
    commands = parser.add_subparsers(dest='command', metavar='command', required=True)
    commands.add_parser('current')
    for name in ('upgrade', 'downgrade', 'stamp'):
        commands.add_parser(name).add_argument('revision', nargs='?')
    return parser.parse_args(arguments)


def neutron_db_manage(arguments):
    options = parse(arguments)
    if options.command != 'current' and not options.revision:
        print('You must provide a revision or relative delta', file=sys.stderr)
        return FAILED
    try:
        settings = read_settings(options.config_files, OPTIONS)
        log = Log({**settings, 'use_stderr': 'false'}, 'neutron-db-manage')
    except (ConfigFilesNotFound, OSError) as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        return FAILED
    steps = chain()
    try:
        if options.command == 'upgrade':
            refuse_plugin(settings)
        # no sql_mode: neutron's migrations run with the server's
        database = Database(settings['connection'])
        if options.command == 'current':
            print(f"Current revision for {settings['connection'].split('@')[-1]}: {current(database)}"
                  + (' (head)' if current(database) == steps[-1][0] else ''))
        elif options.command == 'downgrade':
            raise Failure('NotImplementedError', 'stand-in: the way back is left out; a restored dump leads back')
        else:
            {'upgrade': upgrade, 'stamp': stamp}[options.command](database, log, options.revision, steps)
    except Refused as refusal:
        print(f'  FAILED: {refusal}', file=sys.stderr)
        return REFUSED
    except Failure as failure:
        module = 'oslo.db.exception.' if failure.failure_class == 'DBError' else ''
        print('Traceback (most recent call last):\n  (no frames: neutron-db-manage is a stand-in)\n'
              f'{module}{failure.failure_class}: {failure}', file=sys.stderr)
        return FAILED
    return 0
