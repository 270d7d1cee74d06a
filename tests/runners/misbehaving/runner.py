"""A runner that does what its test is called: hang, exit, garbage, million, killed.

Each sends one well-formed execution first, which must stay counted whatever happens after it.
"""

import json
import os
import signal
import sys
import time

import zmq

context = zmq.Context()
push = context.socket(zmq.PUSH)
push.setsockopt(zmq.LINGER, -1)
push.connect(os.environ["LOADS_ZMQ_RECEIVER"])


def send(data_type, **fields):
    common = {"data_type": data_type, "run_id": os.environ["LOADS_RUN_ID"], "test": sys.argv[1]}
    push.send(json.dumps({**common, **fields}).encode())


def hit():
    send("add_hit", url="http://server/", method="GET", status=200, started=time.time(), elapsed=0.001)


def leave(status):
    push.close()
    context.term()
    sys.stdout.flush()
    os._exit(status)


send("startTest")
hit()
send("addSuccess")
send("stopTest")
match sys.argv[1]:
    case "hang":
        # Ignores the polite request, so that only SIGKILL ends it.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    case "exit":
        print("out of cheese")
        leave(3)
    case "garbage":
        for text in (b"no JSON at all", b"\xff\xfe\x00", b"[1, 2]", b'{"data_type": "add_hit"}', b'{"data_type": "what"}'):
            push.send(text)
        leave(0)
    case "million":
        for _ in range(999_999):
            hit()
        leave(0)
    case "killed":
        push.close()
        context.term()
        os.kill(os.getpid(), signal.SIGKILL)
    case other:
        sys.exit(f"no misbehaviour is called {other!r}")
