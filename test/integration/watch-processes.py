"""Test code, a unit of a lab host, which lives through its boots: looks at the arguments and environment of every process.

watch-processes.py WORDS SEEN: WORDS is a file with one word a line. Keeps in SEEN, as JSON: how often it looked, and every process that
showed a word, with where (cmdline, which anybody may read; environ, which only root and its owner may).
"""
import json
import os
import sys
import time


def keep():
    with open(f'{sys.argv[2]}.new', 'w', encoding='utf8') as file:
        json.dump({'looks': looks, 'shown': shown}, file)
    os.rename(f'{sys.argv[2]}.new', sys.argv[2])


with open(sys.argv[1], 'rb') as file:
    words = file.read().split()
looks, shown = 0, []
if os.path.exists(sys.argv[2]):
    with open(sys.argv[2], encoding='utf8') as file:
        looks, shown = json.load(file).values()
while True:
    looks += 1
    known = len(shown)
    for name in filter(str.isdigit, os.listdir('/proc')):
        for where in ('cmdline', 'environ'):
            try:
                with open(f'/proc/{name}/{where}', 'rb') as file:
                    text = file.read()
            except OSError:  # gone between the two
                continue
            for word in words:
                one = {'where': where, 'word': word.decode(), 'text': text[:300].decode(errors='replace')}
                if word in text and one not in shown:
                    shown.append(one)
    if len(shown) > known or looks % 50 == 0:
        keep()
    time.sleep(0.02)
