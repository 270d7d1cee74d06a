"""A runner for Loads with libzmq and heartbeats: docs/external-runners.md is all it knows."""

import http.client
import json
import os
import signal
import sys
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

import zmq

env = os.environ
test = sys.argv[1]
duration = float(env.get("LOADS_DURATION", 0))
hits = int(env.get("LOADS_TOTAL_HITS", 0))
url = env["LOADS_SERVER_URL"]
stopping = False


def stop(_signal, _frame):
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, stop)
context = zmq.Context()
push = context.socket(zmq.PUSH)
push.setsockopt(zmq.LINGER, -1)
push.setsockopt(zmq.HEARTBEAT_IVL, 100)
push.connect(env["LOADS_ZMQ_RECEIVER"])


def send(data_type, **fields):
    common = {"data_type": data_type, "run_id": env["LOADS_RUN_ID"], "agent_id": env["LOADS_AGENT_ID"]}
    push.send(json.dumps({**common, **fields}).encode())


def request(common, connection=http.client.HTTPConnection(urlsplit(url).netloc)):
    started, begun = datetime.now(timezone.utc), time.monotonic()
    connection.request("GET", urlsplit(url).path or "/")
    response = connection.getresponse()
    response.read()
    elapsed = time.monotonic() - begun
    send("add_hit", url=url, method="GET", status=response.status, started=started.isoformat(), elapsed=elapsed, **common)
    assert response.status == 200, f"status {response.status}"


begin = time.monotonic()
hit = 0
while not stopping and (time.monotonic() - begin < duration if duration else hit < hits):
    hit += 1
    common = {"test": test, "loads_status": [hits, int(env["LOADS_TOTAL_USERS"]), hit, int(env["LOADS_CURRENT_USER"])]}
    send("startTest", **common)
    try:
        request(common)
        send("incr_counter", name="visits", **common)
        send("addSuccess", **common)
    except Exception as error:
        send("addFailure", exc_info=[type(error).__name__, str(error), ""], **common)
    send("stopTest", **common)
push.close()
context.term()
