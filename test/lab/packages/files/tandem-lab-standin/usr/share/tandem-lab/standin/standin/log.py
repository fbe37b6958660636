"""Log lines in the form of oslo's log of 2014: time pid LEVEL name [-] message; a failure is followed by TRACE lines."""
import os
import sys
import time


class Log:
    def __init__(self, settings, program):
        self._streams = []
        path = settings['log_file']
        if settings['log_dir']:
            path = os.path.join(settings['log_dir'], path or program + '.log')
        if path:
            # opened whoever runs it: a run as root leaves a root-owned file, as the real one does
            self._streams.append(open(path, 'a', encoding='utf-8', buffering=1))
        if settings['use_stderr'].lower() == 'true' or not path:
            self._streams.append(sys.stderr)
        self._levels = {'CRITICAL', 'ERROR', 'WARNING'}
        if settings['verbose'].lower() == 'true' or settings['debug'].lower() == 'true':
            self._levels.add('INFO')

    def write(self, level, name, message):
        if level in self._levels:
            self._line(f'{level} {name} [-] {message}')

    def failure(self, name, failure_class, text):
        self._line(f'CRITICAL {name} [-] {failure_class}: {text}')
        self._line(f'TRACE {name} Traceback (most recent call last):')
        self._line(f'TRACE {name}   (no frames: {name} is a stand-in)')
        self._line(f'TRACE {name} {failure_class}: {text}')

    def _line(self, text):
        now = time.time()
        stamp = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now)) + f'.{int(now % 1 * 1000):03d}'
        for stream in self._streams:
            stream.write(f'{stamp} {os.getpid()} {text}\n')
            stream.flush()
