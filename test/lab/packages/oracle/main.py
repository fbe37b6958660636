"""Runs the parts that are named; all when none is."""
import sys

import api
import apis
import migrations
import refusals
import syncs
from server import Server
from tap import finish

PARTS = {'migrations': migrations.run, 'refusals': refusals.run, 'syncs': syncs.run, 'api': api.run, 'apis': apis.run}


def main(names):
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise SystemExit(f"oracle-test: no part {unknown[0]}; there are {', '.join(PARTS)}")
    server = Server()
    try:
        for name in names or PARTS:
            print(f'# {name}', flush=True)
            PARTS[name](server)
    finally:
        server.stop()
    return finish()


sys.exit(main(sys.argv[1:]))
