"""Runs keystone-manage of the package against a database of the private server."""
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, '../files')
PACKAGE = os.path.join(FILES, 'openstack-keystone')
# where the shared package lies beside, in the source tree
os.environ['PYTHONPATH'] = os.path.join(FILES, 'tandem-lab-standin/usr/share/tandem-lab/standin')
FIXTURES = os.path.join(HERE, '../../../fixtures/mission')
ICEHOUSE = os.path.join(FIXTURES, 'schema/keystone-icehouse.sql')
JUNO = os.path.join(FIXTURES, 'keystone/keystone-juno.sql')


class Result:
    def __init__(self, code, stdout, stderr):
        self.code, self.stdout, self.stderr = code, stdout, stderr
        # the last line without time stamp and pid; and the CRITICAL line, which has the form that a log shows
        lines = [re.sub(r'^\d{4}-\d\d-\d\d [\d:.]+ \d+ ', '', line) for line in stderr.splitlines()]
        self.last = lines[-1] if lines else ''
        self.critical = next((line for line in lines if line.startswith('CRITICAL ')), '')


def config_file(folder, url, extra=''):
    path = os.path.join(folder, 'keystone.conf')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'[DEFAULT]\nlog_file = {folder}/keystone.log\n{extra}\n[database]\nconnection = {url}\n')
    return path


def command(path, arguments):
    return ['/usr/bin/python3', f'{PACKAGE}/usr/bin/keystone-manage', '--config-file', path, *arguments]


def keystone_manage(url, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command(config_file(folder, url), arguments), capture_output=True, text=True, timeout=120,
                              check=False, env={**os.environ, 'TANDEM_LAB_KNOBS': folder})
    return Result(done.returncode, done.stdout, done.stderr)


def version(server, database, repository='keystone'):
    rows = server.sql(database, f"SELECT version FROM migrate_version WHERE repository_id = '{repository}'")
    return rows[0][0] if rows else None
