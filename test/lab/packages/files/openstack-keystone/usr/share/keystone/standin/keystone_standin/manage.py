"""keystone-manage: db_sync, db_version, token_flush."""
import argparse
import sys
import traceback

from standin.database import Database, Failure
from standin.log import Log
from standin.repository import controlled_version, migrate, refuse_other_character_sets, version_of
from standin.settings import ConfigFilesNotFound

from . import RELEASE, STANDIN
from .migrations import REPOSITORIES
from .settings import DEFAULT_FILES, read_settings

PATH_OF_KEYSTONE = 'common/sql/migrate_repo'
DEFAULT_PATH = '/usr/lib/python2.7/site-packages/keystone/' + PATH_OF_KEYSTONE
# extensions of Juno that have migrations of their own, which the stand-in leaves out
OTHER_EXTENSIONS = ('endpoint_filter', 'endpoint_policy', 'example', 'federation', 'oauth1')


def parse(arguments):
    parser = argparse.ArgumentParser(prog='keystone-manage', description=f'keystone-manage ({STANDIN})')
    parser.add_argument('--version', action='version', version=f'{RELEASE} ({STANDIN})')
    parser.add_argument('--config-file', action='append', dest='config_files')
    commands = parser.add_subparsers(dest='command', metavar='command', required=True)
    sync = commands.add_parser('db_sync', help='Sync the database.')
    sync.add_argument('version', nargs='?')
    sync.add_argument('--extension')
    version = commands.add_parser('db_version', help='Print the current migration version of the database.')
    version.add_argument('--extension')
    commands.add_parser('token_flush', help='Flush expired tokens from the DB.')
    return parser.parse_args(arguments)


def known_extension(name):
    if name in OTHER_EXTENSIONS:
        raise Failure('NotImplementedError', f'stand-in: extension {name} is left out, only revoke is here')
    if name not in REPOSITORIES or name == 'keystone':
        raise Failure('ImportError', f'keystone.contrib.{name} extension does not exist.')


def db_sync(database, options, log):
    try:
        wanted = None if options.version is None else int(options.version)
    except ValueError:
        raise Failure('DbMigrationError', 'version should be an integer') from None
    if options.extension:
        known_extension(options.extension)
        control(database, options.extension)
        bring(database, options.extension, wanted, log)
        return
    bring(database, 'keystone', wanted, log)
    # Juno syncs revoke too, unless a version is named: a version is the common repository's alone
    if wanted is None:
        control(database, 'revoke')
        bring(database, 'revoke', None, log)


def bring(database, repository, wanted, log):
    controlled_version(database, repository)
    refuse_other_character_sets(database)
    migrate(database, repository, REPOSITORIES[repository], wanted, log,
            prefix='' if repository == 'keystone' else f'{repository}:')


def control(database, repository):
    """Puts a repository under version control at 0 where it is not."""
    if version_of(database, repository) is not None:
        return
    rows = database.run('SELECT repository_path FROM migrate_version WHERE repository_id = %s', ('keystone',))
    # beside keystone's own, wherever that release was installed; no release reads the path
    path = (rows[0][0] if rows and rows[0][0] else DEFAULT_PATH).replace(PATH_OF_KEYSTONE,
                                                                         f'contrib/{repository}/migrate_repo')
    database.run('INSERT INTO migrate_version (repository_id, repository_path, version) VALUES (%s, %s, 0)',
                 (repository, path))


def db_version(database, options, _log):
    if options.extension:
        known_extension(options.extension)
        print(version_of(database, options.extension) or 0)
    else:
        print(controlled_version(database, 'keystone'))


def token_flush(database, _options, log):
    (count,), = database.run('SELECT COUNT(*) FROM token WHERE token.expires <= UTC_TIMESTAMP()')
    database.run('DELETE FROM token WHERE token.expires <= UTC_TIMESTAMP()')
    log.write('INFO', 'keystone.token.persistence.backends.sql', f'Total expired tokens removed: {count}')


COMMANDS = {'db_sync': db_sync, 'db_version': db_version, 'token_flush': token_flush}


def main(arguments):
    options = parse(arguments)
    try:
        settings = read_settings(options.config_files or DEFAULT_FILES)
        log = Log(settings, 'keystone-manage')
    except ConfigFilesNotFound as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        # the real one dies with a traceback where it cannot write its log
        traceback.print_exc(limit=0)
        print(f'IOError: [Errno {error.errno}] {error.strerror}: {error.filename!r}', file=sys.stderr)
        return 1
    try:
        database = Database(settings['connection'])
        COMMANDS[options.command](database, options, log)
    except Failure as failure:
        log.failure('keystone', failure.failure_class, failure)
        return 1
    return 0
