"""Test code, run in a lab host: which of the words stand in which files, and in the system's journal.

find-words.py PATH...: words on standard input, one a line; prints JSON {word: [path or "journalctl", ...]}.
"""
import json
import os
import subprocess
import sys

words = [line.encode() for line in sys.stdin.read().split('\n') if line]
places = {word.decode(): [] for word in words}


def look(text, where):
    for word in words:
        if word in text:
            places[word.decode()].append(where)


for path in sys.argv[1:]:
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if os.path.isfile(file) and not os.path.islink(file):
                with open(file, 'rb') as opened:
                    look(os.fsencode(file) + b'\n' + opened.read(), file)
look(subprocess.check_output(['journalctl', '--no-pager', '-o', 'verbose', '--all']), 'journalctl')
print(json.dumps(places))
