"""A private MariaDB server in a temporary folder, on loopback, and databases in it."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pymysql

USER, PASSWORD = 'os', 'oracle'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, sql_mode=''):
        # in memory where there is room: the tests make and drop thousands of tables
        memory = '/dev/shm' if os.path.isdir('/dev/shm') and shutil.disk_usage('/dev/shm').free > 2 << 30 else None
        self.folder = tempfile.mkdtemp(prefix='tandem-oracle-', dir=memory)
        self.port = free_port()
        data = os.path.join(self.folder, 'data')
        user = ['--user=root'] if os.geteuid() == 0 else []
        subprocess.run(['mariadb-install-db', '--no-defaults', f'--datadir={data}', '--skip-test-db',
                        '--auth-root-authentication-method=normal', *user], check=True, capture_output=True)
        self._log = open(os.path.join(self.folder, 'log'), 'wb')
        # as the recorded databases were made: utf8, empty sql_mode
        self._process = subprocess.Popen(
            ['mariadbd', '--no-defaults', f'--datadir={data}', f'--socket={self.folder}/socket', f'--port={self.port}',
             '--bind-address=127.0.0.1', '--skip-name-resolve', '--character-set-server=utf8', f'--sql-mode={sql_mode}',
             '--innodb-flush-log-at-trx-commit=0', '--innodb-flush-method=nosync', '--innodb-doublewrite=0', '--sync-frm=0', '--innodb-buffer-pool-size=64M', '--performance-schema=off', *user],
            stdout=self._log, stderr=self._log, cwd=self.folder)
        self._wait()
        self.sql(None, f"CREATE USER {USER}@127.0.0.1 IDENTIFIED BY '{PASSWORD}'; "
                 f'GRANT ALL ON *.* TO {USER}@127.0.0.1')

    def _wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                pymysql.connect(unix_socket=f'{self.folder}/socket', user='root').close()
                return
            except pymysql.MySQLError:
                time.sleep(0.1)
        raise SystemExit(f'the private MariaDB did not start, see {self.folder}/log')

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()
        shutil.rmtree(self.folder)

    def sql(self, database, statements):
        """Runs statements; rows of the last one."""
        connection = pymysql.connect(unix_socket=f'{self.folder}/socket', user='root', database=database, autocommit=True,
                                     charset='utf8mb4', client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        with connection, connection.cursor() as cursor:
            cursor.execute(statements)
            while cursor.nextset():
                pass
            return cursor.fetchall()

    def create(self, database, dump=None, charset='utf8'):
        self.sql(None, f'DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database} DEFAULT CHARACTER SET {charset}')
        if dump:
            with open(dump, 'rb') as file:
                subprocess.run(['mariadb', '--no-defaults', f'--socket={self.folder}/socket', '--user=root', database],
                               stdin=file, check=True)
        return database

    def url(self, database, password=PASSWORD, port=None):
        return f'mysql://{USER}:{password}@127.0.0.1:{port or self.port}/{database}'
