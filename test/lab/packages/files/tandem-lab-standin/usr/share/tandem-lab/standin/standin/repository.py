"""Version control of a database, as sqlalchemy-migrate and oslo.db of Juno do it."""
import os
import subprocess
import time

from .database import Failure

# Lab knobs for fault tests, files with seconds: to wait before each migration, and between a migration and its version row
KNOBS = os.environ.get('TANDEM_LAB_KNOBS', '/etc/tandem-lab')
SLOW_MIGRATION = 'slow-migration-s'
SLOW_VERSION_ROW = 'slow-version-row-s'
EFFECT = '/usr/libexec/tandem-lab/effect'

VERSION_TABLE = 'migrate_version'


def version_of(database, repository):
    """The version, or None where the database is not under control."""
    if VERSION_TABLE not in database.tables():
        return None
    rows = database.run('SELECT version FROM migrate_version WHERE repository_id = %s', (repository,))
    return rows[0][0] if rows else None


def controlled_version(database, repository, missing=('DbMigrationError', 'The database is not under version control, but '
                                                      'has tables. Please stamp the current version of the schema manually.')):
    version = version_of(database, repository)
    if version is not None:
        return version
    if not database.tables():
        raise Failure('NotImplementedError', 'stand-in: the database is empty, and only an Icehouse database can be upgraded')
    raise Failure(*missing)


def refuse_other_character_sets(database):
    # the order of the names is the server's, as it was with the real one
    tables = [name for name, _ in database.run(
        'SELECT TABLE_NAME,TABLE_COLLATION from information_schema.TABLES '
        "where TABLE_SCHEMA=%s and TABLE_COLLATION NOT LIKE '%%utf8%%'", (database.name,))
        if name.lower() not in ('migrate_version', 'alembic_version')]
    if tables:
        raise Failure('ValueError', f'Tables "{",".join(tables)}" have non utf8 collation, '
                      'please make sure all tables are CHARSET=utf8')


def migrate(database, repository, steps, wanted, log, command='db_sync', prefix=''):
    """Brings a repository to a version (None: the newest) by `steps`, {version: (upgrade to it, downgrade from it)}; each
    step ends with its version row. A step that cannot be undone has None."""
    current = version_of(database, repository)
    target = max(steps) if wanted is None else wanted
    upwards = target >= current
    versions = range(current + 1, target + 1) if upwards else range(current, target, -1)
    # a target below what this release knows is a database of a later one
    for version in versions:
        if version not in steps:
            raise Failure('KeyError', f'<VerNum({version})>')
        if not upwards and steps[version][1] is None:
            raise Failure('NotImplementedError', f'stand-in: the way back from {version} is left out')
    for version in versions:
        before, after = (version - 1, version) if upwards else (version, version - 1)
        log.write('INFO', 'migrate.versioning.api', f'{before} -> {after}... ')
        lab_wait(SLOW_MIGRATION)
        steps[version][0 if upwards else 1](database)
        count_effect(f"{command} {'applied' if upwards else 'reverted'} {prefix}{version}")
        lab_wait(SLOW_VERSION_ROW)
        database.run('UPDATE migrate_version SET version=%s WHERE migrate_version.version = %s AND '
                     'migrate_version.repository_id = %s', (after, before, repository))
        log.write('INFO', 'migrate.versioning.api', 'done')


def lab_wait(knob):
    """As long as the knob says now: setting it back to 0 ends a wait that is under way."""
    began = time.monotonic()
    while True:
        try:
            with open(os.path.join(KNOBS, knob), encoding='ascii') as file:
                seconds = float(file.read() or 1)  # empty: it is being written
        except FileNotFoundError:
            return
        left = seconds - (time.monotonic() - began)
        if left <= 0:
            return
        time.sleep(min(left, 0.1))


def count_effect(text):
    if os.access(EFFECT, os.X_OK):
        subprocess.run([EFFECT, text], check=False)
