"""Test code, run in a lab host: looks at the arguments and environment of every process until /run/watch-stop is there.

watch-processes.py WORDS: WORDS is a file with one word a line. Prints "watching", then one line of JSON: how often it looked, and every
process that showed a word, with where (cmdline, which anybody may read; environ, which only root and its owner may).
"""
import json
import os
import sys
import time

with open(sys.argv[1], 'rb') as file:
    words = file.read().split()
print('watching', flush=True)
looks, shown = 0, {}
while not os.path.exists('/run/watch-stop'):
    looks += 1
    for name in filter(str.isdigit, os.listdir('/proc')):
        for where in ('cmdline', 'environ'):
            try:
                with open(f'/proc/{name}/{where}', 'rb') as file:
                    text = file.read()
            except OSError:  # gone between the two
                continue
            for word in words:
                if word in text:
                    shown[f'{where} {word.decode()} {text[:300].decode(errors="replace")}'] = {'where': where, 'word': word.decode(), 'text': text[:300].decode(errors='replace')}
    time.sleep(0.02)
print(json.dumps({'looks': looks, 'shown': list(shown.values())}), flush=True)
