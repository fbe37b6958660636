"""keystone-all: the two HTTP services, public (5000) and admin (35357)."""
import argparse
import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standin.log import Log

from . import RELEASE, STANDIN
from .api import Request, answer
from .settings import DEFAULT_FILES, read_settings


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def _serve(self):
        length = int(self.headers.get('Content-Length') or 0)
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()},
                          self.rfile.read(length), self.server.admin, self.client_address[0])
        status, headers, body = answer(request, self.server.settings, self.server.log)
        # no Server header: the real one sends none
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Date', self.date_time_string())
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def log_message(self, *_arguments):
        pass


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, settings, log, name):
        self.settings, self.log, self.admin = settings, log, name == 'admin'
        super().__init__((settings[f'{name}_bind_host'], int(settings[f'{name}_port'])), Handler)


def notify(text):
    """Tells systemd (Type=notify)."""
    path = os.environ.get('NOTIFY_SOCKET')
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), '\0' + path[1:] if path.startswith('@') else path)


def main(arguments):
    parser = argparse.ArgumentParser(prog='keystone-all', description=f'keystone-all ({STANDIN})')
    parser.add_argument('--version', action='version', version=f'{RELEASE} ({STANDIN})')
    parser.add_argument('--config-file', action='append', dest='config_files')
    options = parser.parse_args(arguments)
    settings = read_settings(options.config_files or DEFAULT_FILES)
    log = Log(settings, 'keystone-all')
    try:
        services = [Service(settings, log, name) for name in ('admin', 'public')]
    except OSError as error:
        log.failure('keystone', 'error', f'[Errno {error.errno}] {error.strerror}')
        return 1
    for service in services:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        log.write('INFO', 'keystone.common.environment.eventlet_server',
                  f'Starting {sys.argv[0]} on {service.server_address[0]}:{service.server_address[1]} ({STANDIN})')
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    # ready without a look at the database, as the real one: a start proves no database
    notify('READY=1')
    stopped.wait()
    return 0
