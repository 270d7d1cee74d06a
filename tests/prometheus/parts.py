"""The real parts: a run of `loads`, the demo server, a Prometheus. All on loopback, all ended by their owner."""

import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


def program():
    """`loads`, as it was built for the tests."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("LOADS_PROGRAMS", target / "debug")) / "loads"
    assert path.is_file(), f"{path} is not built: cargo build -p loads, or tests/run"
    return str(path)


def until(what, ask):
    """Asks until there is an answer."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fetch(url, data=None):
    with urllib.request.urlopen(url, data=data, timeout=30) as answer:
        return answer.read().decode()


def answers(url):
    with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
        return fetch(url)
    return None


@contextlib.contextmanager
def process(arguments, log):
    """A program that is ended with the block."""
    with open(log, "wb") as output:
        child = subprocess.Popen(arguments, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def demo_server(folder):
    log = folder / "demo-server.log"
    with process([program(), "demo-server", "--listen", "127.0.0.1:0"], log):
        found = until("the demo server", lambda: re.search(r"127\.0\.0\.1:\d+", log.read_text()))
        yield f"http://{found.group()}"


def plan(server, agents, step, requests, **more):
    """A run's plan, as the broker reads it."""
    filled = [
        {"method": "GET", "headers": {}, "body": None, "label": None, "weight": None, "expectStatus": None} | request
        for request in requests
    ]
    http = {
        "requests": filled,
        "http2": False,
        "connections": None,
        "timeoutSeconds": 10,
        "insecureSkipVerify": False,
    }
    return {
        "runId": "r1",
        "test": "",
        "executor": {"http": http},
        "serverUrl": server,
        "agents": agents,
        "minAgents": agents,
        "steps": [step],
        "rate": None,
        "rampUpSeconds": 0,
        "startTimeoutSeconds": 60,
        "brokerSilenceSeconds": 60,
        "drainSeconds": 10,
        "onAgentLoss": "Fail",
        "testDir": None,
        "pythonDeps": [],
    } | more


class Broker:
    """`loads broker` with its open port, labelled as in a cluster."""

    def __init__(self, folder):
        listening = json.loads((folder / "endpoints.json").read_text())
        self.folder, self.address = folder, listening["http"]
        self.control, self.results = listening["control"], listening["results"]

    def metrics(self):
        return fetch(f"http://{self.address}/metrics")

    def summary(self):
        return json.loads(fetch(f"http://{self.address}/api/v1/summary"))

    def final(self):
        """The result, once it is stored."""
        path = self.folder / "result.json"
        return until("the result", lambda: path.is_file() and json.loads(path.read_text()))

    @contextlib.contextmanager
    def agents(self, number):
        with contextlib.ExitStack() as stack:
            for index in range(number):
                arguments = [
                    program(),
                    "agent",
                    "--run",
                    "r1",
                    "--index",
                    str(index),
                    "--control",
                    self.control,
                    "--results",
                    self.results,
                    "--state-dir",
                    str(self.folder / f"agent-{index}"),
                ]
                stack.enter_context(process(arguments, self.folder / f"agent-{index}.log"))
            yield


@contextlib.contextmanager
def broker(folder, plan):
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    arguments = [
        program(),
        "broker",
        "--plan",
        str(folder / "plan.json"),
        "--state-dir",
        str(folder),
        "--http",
        "127.0.0.1:0",
        "--control",
        "tcp://127.0.0.1:0",
        "--results",
        "tcp://127.0.0.1:0",
        "--publish",
        f"ipc://{folder}/live",
        "--namespace",
        "team",
        "--loadtest",
        "shop",
        "--hold-result",
    ]
    with process(arguments, folder / "broker.log"):
        until("the broker", (folder / "endpoints.json").is_file)
        yield Broker(folder)


class Prometheus:
    """Asks a real one."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def _ask(self, path, **parameters):
        data = urllib.parse.urlencode(parameters).encode()
        try:
            answer = json.loads(fetch(f"{self.url}/api/v1/{path}", data))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def ask(self, query, at=None):
        """Labels and value of each series at an instant."""
        at = {} if at is None else {"time": at}
        return [(one["metric"], float(one["value"][1])) for one in self._ask("query", query=query, **at)]

    def ask_range(self, query, start, end, step):
        """Labels and values of each series over a time."""
        found = self._ask("query_range", query=query, start=start, end=end, step=step)
        return [(one["metric"], [float(value) for _, value in one["values"]]) for one in found]

    def value(self, query):
        """The one value; none when there is no series."""
        found = self.ask(query)
        assert len(found) <= 1, found
        return found[0][1] if found else None


@contextlib.contextmanager
def prometheus(folder, targets, interval, rules=()):
    """A real one, that scrapes `targets` (job: address and path) every `interval`."""
    folder.mkdir()
    jobs = [
        {"job_name": job, "metrics_path": path, "static_configs": [{"targets": [address]}]}
        for job, (address, path) in targets.items()
    ]
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": [{"honor_labels": True, **job} for job in jobs],
    }
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    arguments = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with process(arguments, folder / "prometheus.log"):
        until("Prometheus", lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
        yield Prometheus(port)


@contextlib.contextmanager
def texts(files):
    """Serves what files say, by path. Counters grow by what they are at each scrape: as if time went on."""
    scrapes = dict.fromkeys(files, 0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            scrapes[self.path] += 1
            grown = [grow(line, scrapes[self.path]) for line in files[self.path].read_text().splitlines()]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("".join(f"{line}\n" for line in grown).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def grow(line, times):
    counter = re.match(r"(\S+(_total|_bucket|_sum|_count)(?:\{.*\})?) (\S+)$", line)
    return f"{counter.group(1)} {float(counter.group(3)) * times}" if counter else line


def promtool(*arguments, text=None):
    """promtool's exit code and everything it says."""
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr
