"""Test lines: `ok - NAME` or `not ok - NAME` with what was seen."""
import difflib

failures = 0
count = 0


def check(name, passed, seen=''):
    global failures, count
    count += 1
    print(f"{'ok' if passed else 'not ok'} - {name}", flush=True)
    if not passed:
        failures += 1
        for line in str(seen).splitlines()[:20]:
            print(f'#   {line}', flush=True)


def equal(name, actual, expected):
    seen = f'seen:     {actual!r}\nexpected: {expected!r}'
    if isinstance(actual, str) and isinstance(expected, str):
        seen = '\n'.join(difflib.unified_diff(expected.splitlines(), actual.splitlines(), 'expected', 'seen', lineterm='', n=1))
    check(name, actual == expected, seen)


def finish():
    print(f'1..{count}')
    return 1 if failures else 0
