"""Test code, run in a lab host: kills the agent with -9 at a moment that it watches for.

kill-when.py FILE WHAT [--sync] [--after SECONDS] [--hold]: when FILE has a line with all words of WHAT (separated by spaces), waits
SECONDS, kills the agent's main process, and with --sync every process of `keystone-manage db_sync` too. With --hold each migration
from then on waits until the knob is set back. Prints "watching", then
one line of JSON: effects counted so far, the processes killed.
"""
import argparse
import json
import os
import signal
import subprocess
import time

EFFECTS = '/var/log/tandem-lab/effects'
KNOB = '/etc/tandem-lab/slow-migration-s'


def lines_of(path):
    try:
        with open(path, encoding='utf8') as file:
            return file.read().split('\n')[:-1]
    except FileNotFoundError:
        return []


def syncs():
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/cmdline', 'rb') as file:
                words = file.read().split(b'\0')
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b'db_sync' in words:
            yield int(name)


parser = argparse.ArgumentParser()
parser.add_argument('file')
parser.add_argument('what')
parser.add_argument('--sync', action='store_true')
parser.add_argument('--after', type=float, default=0)
parser.add_argument('--hold', action='store_true')
given = parser.parse_args()
agent = int(subprocess.check_output(['systemctl', 'show', '-p', 'MainPID', '--value', 'tandem-agent']))
print('watching', flush=True)
deadline = time.monotonic() + 60
while not any(all(word in line for word in given.what.split(' ')) for line in lines_of(given.file)):
    if time.monotonic() > deadline:
        raise SystemExit(f'{given.what} did not come up in {given.file}')
    time.sleep(0.001)
time.sleep(given.after)
if given.hold:
    with open(KNOB, 'w', encoding='ascii') as knob:
        knob.write('600')
os.kill(agent, signal.SIGKILL)
running = list(syncs())
for pid in running if given.sync else []:
    os.kill(pid, signal.SIGKILL)
counted = [line for line in lines_of(EFFECTS) if line.startswith('db_sync ')]
print(json.dumps({'agent': agent, 'syncsRunning': len(running), 'counted': counted}), flush=True)
