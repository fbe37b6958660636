"""The manage commands of cinder, glance, nova and neutron, run as in a host: a config file, a log, a database."""
import os
import re
import subprocess
import tempfile

from manage import FILES, FIXTURES

SHARE = os.path.join(FILES, 'tandem-lab-standin/usr/share/tandem-lab/standin')
# version before and after, and what asks for it
VERSIONS = {'cinder': ('22', '26'), 'glance': ('34', '36'), 'nova': ('234', '254'), 'neutron': ('icehouse', 'juno')}
PROGRAMS = {'cinder': ('cinder-manage', ['db', 'sync']), 'glance': ('glance-manage', ['db', 'sync']),
            'nova': ('nova-manage', ['db', 'sync']), 'neutron': ('neutron-db-manage', ['upgrade', 'head'])}


def dump(service, release):
    return os.path.join(FIXTURES, f'schema/{service}-{release}.sql')


class Result:
    def __init__(self, done, log):
        self.code, self.stdout, self.stderr, self.log = done.returncode, done.stdout, done.stderr, log
        lines = [re.sub(r'^\d{4}-\d\d-\d\d [\d:.]+ \d+ ', '', line) for line in done.stderr.splitlines()]
        self.last = lines[-1] if lines else ''
        self.critical = next((line for line in lines if line.startswith('CRITICAL ')), '')


def run(service, url, *arguments, release='2014.2.2', extra='core_plugin = ml2'):
    """The service's manage command; its sync when no arguments are given."""
    program, sync = PROGRAMS[service]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'service.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'[DEFAULT]\nlog_dir = {folder}\n{extra}\n[database]\nconnection = {url}\n')
        os.symlink(os.path.join(SHARE, 'launch'), os.path.join(folder, program))
        done = subprocess.run(['/usr/bin/python3', os.path.join(folder, program), '--config-file', path, *(arguments or sync)],
                              capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, 'TANDEM_LAB_KNOBS': folder, 'TANDEM_LAB_RELEASE': release})
        log = os.path.join(folder, f'{program}.log')
        if not os.path.exists(log):
            return Result(done, '')
        with open(log, encoding='utf-8') as file:
            return Result(done, file.read())


def version(server, service, database):
    """As the version table has it; None where there is none."""
    table, column = ('alembic_version', 'version_num') if service == 'neutron' else ('migrate_version', 'version')
    there = server.sql('information_schema', f"SELECT 1 FROM TABLES WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME = '{table}'")
    rows = server.sql(database, f'SELECT {column} FROM {table}') if there else ()
    return str(rows[0][0]) if rows else None
