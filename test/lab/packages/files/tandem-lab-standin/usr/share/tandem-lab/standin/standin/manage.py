"""cinder-manage, glance-manage and nova-manage: sync and version of the database."""
import argparse
import sys
import traceback

from . import IS_JUNO, RELEASE, standin_of
from .database import Database, Failure
from .log import Log
from .repository import controlled_version, migrate, refuse_other_character_sets
from .settings import COMMON, ConfigFilesNotFound, read_settings
from .steps import read_steps, run_step

ESSEX = 'Upgrade DB using Essex release first.'


class Project:
    def __init__(self, name, files, repository, icehouse, missing=None, checks_utf8=False):
        self.name, self.files, self.repository, self.icehouse = name, files, repository, icehouse
        self.missing, self.checks_utf8 = missing, checks_utf8


PROJECTS = {
    'cinder': Project('cinder', ['/usr/share/cinder/cinder-dist.conf', '/etc/cinder/cinder.conf'], 'cinder', 22,
                      missing=('Error', ESSEX)),
    # both programs' files, as the real one; the log is where the last of them says
    'glance': Project('glance', ['/usr/share/glance/glance-registry-dist.conf', '/etc/glance/glance-registry.conf',
                                 '/usr/share/glance/glance-api-dist.conf', '/etc/glance/glance-api.conf'],
                      'Glance Migrations', 34, checks_utf8=True),
    'nova': Project('nova', ['/usr/share/nova/nova-dist.conf', '/etc/nova/nova.conf'], 'nova', 234,
                    missing=('NovaException', ESSEX)),
}


def steps_of(project):
    """{version: (upgrade, None)} of the release that runs; Icehouse knows none of Juno's."""
    return {int(version): (lambda database, statements=statements: run_step(database, statements), None)
            for version, statements in read_steps(project.name) if IS_JUNO or int(version) <= project.icehouse}


def sync(project, database, wanted, log):
    if project.missing:
        controlled_version(database, project.repository, project.missing)
    else:
        controlled_version(database, project.repository)
    if project.checks_utf8:
        refuse_other_character_sets(database)
    steps = steps_of(project)
    migrate(database, project.repository, steps, max(steps, default=project.icehouse) if wanted is None else int(wanted), log,
            command=f'{project.name}-manage')


def parse(project, arguments):
    """(config files, action, version that is asked for)"""
    text = standin_of(project.name)
    parser = argparse.ArgumentParser(prog=f'{project.name}-manage', description=f'{project.name}-manage ({text})')
    parser.add_argument('--version', action='version', version=f'{RELEASE} ({text})')
    parser.add_argument('--config-file', action='append', dest='config_files')
    commands = parser.add_subparsers(dest='category', metavar='command', required=True)
    if project.name == 'glance':
        commands.add_parser('db_version')
        commands.add_parser('db_sync').add_argument('wanted', nargs='?')
    actions = commands.add_parser('db').add_subparsers(dest='action', required=True)
    actions.add_parser('version')
    actions.add_parser('sync').add_argument('wanted', nargs='?')
    if project.name == 'nova':
        actions.add_parser('archive_deleted_rows')
    options = parser.parse_args(arguments)
    action = options.action if options.category == 'db' else options.category[len('db_'):]
    return options.config_files, action, getattr(options, 'wanted', None)


def manage(name, arguments):
    project = PROJECTS[name]
    config_files, action, wanted = parse(project, arguments)
    try:
        settings = read_settings(config_files or project.files, COMMON, optional=config_files is None)
        log = Log(settings, f'{name}-manage')
    except ConfigFilesNotFound as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        # the real ones die with a traceback where they cannot write their log
        traceback.print_exc(limit=0)
        print(f'IOError: [Errno {error.errno}] {error.strerror}: {error.filename!r}', file=sys.stderr)
        return 1
    try:
        # oslo.db's default for these three
        database = Database(settings['connection'], sql_mode='TRADITIONAL')
        if action == 'sync':
            sync(project, database, wanted, log)
        elif action == 'version':
            print(controlled_version(database, project.repository, *([project.missing] if project.missing else [])))
        else:
            raise Failure('NotImplementedError', f'stand-in: {action} is left out')
    except Failure as failure:
        log.failure(name, failure.failure_class, failure)
        if name == 'nova':
            print('Command failed, please check log for more info')
        return 1
    return 0
