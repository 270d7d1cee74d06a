"""Reads the ``prepare`` command with as little imported as can be, patches, and only then loads the rest.

requests, ssl and zmq bind to the socket module when they are imported: whatever came before gevent's patch
would block all users.
"""

import json
import os
import sys


def main():
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return 0
    prepare = json.loads(line)
    if prepare.get("command") != "prepare":
        print(f"loads.worker: the first command must be prepare, not {prepare.get('command')!r}", file=sys.stderr)
        return 2
    if prepare.get("patching", True):
        from gevent import monkey

        monkey.patch_all()
    from loads.worker.process import Process

    return Process(prepare, os.environ).serve(sys.stdin.buffer)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A user stuck in code that never yields, or the thread that reads stdin, must not keep the process.
    os._exit(status)
