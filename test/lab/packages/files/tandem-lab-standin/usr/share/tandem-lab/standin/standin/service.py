"""What every service has: files and log by its command line, readiness for systemd, a slow start on demand, an orderly end."""
import argparse
import os
import signal
import socket
import threading
import time

from . import RELEASE, standin_of
from .database import Database, Failure
from .log import Log
from .options import FILES, read_options
from .repository import KNOBS

REGISTER_AGAIN_S = 1


class Service:
    def __init__(self, project, program, arguments):
        text = standin_of(project)
        parser = argparse.ArgumentParser(prog=program, description=f'{program} ({text})')
        parser.add_argument('--version', action='version', version=f'{RELEASE} ({text})')
        parser.add_argument('--config-file', action='append', dest='config_files')
        parser.add_argument('--logfile', '--log-file', dest='log_file')
        options = parser.parse_args(arguments)
        files = options.config_files or FILES.get(project) or [f'/usr/share/glance/{program}-dist.conf', f'/etc/glance/{program}.conf']
        if options.config_files and project in ('cinder', 'nova'):
            files = [FILES[project][0], *files]
        self.project, self.program = project, program
        self.settings = read_options(project, files)
        if options.log_file:
            self.settings.update(log_file=options.log_file, log_dir='')
        self.log = Log(self.settings, program)
        # lab hosts have short names, the rows of the old cloud full ones
        self.host = self.settings['host'] or (socket.gethostname() if '.' in socket.gethostname() else socket.getfqdn())
        self.stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopped.set())
        self.log.write('INFO', project, f'Starting {program} node (version {RELEASE}, {text})')
        self._slow_start()

    def _slow_start(self):
        """Knob slow-start-PROGRAM: 'SECONDS TIMES'. So many starts take so long; the next ones do not."""
        try:
            with open(os.path.join(KNOBS, f'slow-start-{self.program}'), encoding='ascii') as file:
                seconds, times = (float(word) for word in (file.read() + ' 1').split()[:2])
        except FileNotFoundError:
            return
        counter = f'/var/lib/{self.project}/standin-starts-{self.program}'
        try:
            with open(counter, encoding='ascii') as file:
                starts = int(file.read())
        except FileNotFoundError:
            starts = 0
        with open(counter, 'w', encoding='ascii') as file:
            file.write(str(starts + 1))
        if starts < times:
            self.stopped.wait(seconds)

    def knob(self, name, default=None):
        """Text of a knob file, read each time."""
        try:
            with open(os.path.join(KNOBS, name), encoding='utf-8') as file:
                return file.read().strip()
        except FileNotFoundError:
            return default

    def failed(self, what, error):
        self.log.write('ERROR', f'{self.project}.rpc', f'Exception during message handling of {what}: {type(error).__name__}: {error}')

    def ready(self):
        """Tells systemd (Type=notify)."""
        path = os.environ.get('NOTIFY_SOCKET')
        if path:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b'READY=1', '\0' + path[1:] if path.startswith('@') else path)

    def thread(self, target, *arguments):
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def every(self, seconds, work):
        """Does it again and again until the end; a failure is logged, not fatal."""
        while not self.stopped.is_set():
            try:
                work()
            except Exception as error:  # pylint: disable=broad-except # the next turn tries again
                self.failed('a periodic task', error)
            self.stopped.wait(seconds)

    def database(self):
        return Database(self.settings['connection'])

    def beat(self, topic):
        """Keeps this program's row in `services` fresh."""
        database = self.database()
        try:
            report(database, self.project, self.host, self.program, topic)
        finally:
            database.close()

    def beat_for_ever(self, topic):
        """Returns when the row is there; then goes on beside."""
        while not self.stopped.is_set():
            try:
                self.beat(topic)
                break
            except Failure as failure:
                self.log.write('ERROR', self.project, f'{failure.failure_class}: {failure}')
                time.sleep(REGISTER_AGAIN_S)
        self.thread(self.every, float(self.settings['report_interval']), lambda: self.beat(topic))

    def wait(self):
        self.stopped.wait()
        return 0


def report(database, project, host, binary, topic):
    """One report of a service: its row is made where it is missing."""
    if not database.run('SELECT id FROM services WHERE deleted = 0 AND host = %s AND `binary` = %s', (host, binary)):
        zone = (', availability_zone', ", 'nova'") if project == 'cinder' else ('', '')
        database.run(f'INSERT INTO services (created_at, host, `binary`, topic, report_count, disabled, deleted{zone[0]}) '
                     f'VALUES (UTC_TIMESTAMP(), %s, %s, %s, 0, 0, 0{zone[1]})', (host, binary, topic))
    database.run('UPDATE services SET report_count = report_count + 1, updated_at = UTC_TIMESTAMP() '
                 'WHERE deleted = 0 AND host = %s AND `binary` = %s', (host, binary))
