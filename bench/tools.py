"""The tools that are compared: how each is installed, and how it is run."""

import os
import pathlib
import shutil
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "loads" / "bench"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release"
VENV = CACHE / "venv"

HTTP_TEST = """\
apiVersion: loads.dev/v1alpha1
kind: LoadTest
metadata: {name: bench}
spec:
  executor: http
  serverURL: %(url)s
  users: %(users)d
  duration: %(seconds)d
  http: {requests: [{path: /}]}
"""


class Tool:
    """One row of the table."""

    def __init__(self, name, group, command, ensure, env=None, windowed=False, single=True):
        self.name, self.group, self._command, self.ensure = name, group, command, ensure
        self.env = env or {}
        # Measured between test start and test stop (Python tools, whose imports cost seconds).
        self.windowed, self.single = windowed, single

    def command(self, url, seconds, connections, folder):
        """argv of one run."""
        return [str(word) for word in self._command(url, seconds, connections, folder)]


def call(*command, env=None):
    print("bench: " + " ".join(map(str, command)), file=sys.stderr)
    subprocess.run([str(c) for c in command], check=True, stdout=sys.stderr, env={**os.environ, **(env or {})})


def apt(program, package):
    def ensure():
        if not shutil.which(program):
            sudo = [] if os.geteuid() == 0 else ["sudo"]
            call(*sudo, "apt-get", "install", "-y", "--no-install-recommends", package)
    return ensure


def cargo_install(name, version):
    def ensure():
        if not (CACHE / "bin" / name).exists():
            call("cargo", "install", "--locked", "--root", CACHE, "%s@%s" % (name, version))
    return ensure


def go_install(name, module):
    def ensure():
        if not (CACHE / "bin" / name).exists():
            call("go", "install", module, env={"GOBIN": str(CACHE / "bin")})
    return ensure


def pip_install(program, requirements):
    def ensure():
        if not (VENV / "bin" / "python").exists():
            call(sys.executable, "-m", "venv", VENV)
        if not (VENV / "bin" / program).exists():
            call(VENV / "bin" / "pip", "install", "-q", *requirements)
    return ensure


BUILT = set()


def build(*what):
    def ensure():
        if what not in BUILT:
            call("cargo", "build", "--release", "--manifest-path", ROOT / "Cargo.toml", *what)
            BUILT.add(what)
    return ensure


def loads_http(url, seconds, connections, folder):
    test = folder / "loadtest.yaml"
    test.write_text(HTTP_TEST % {"url": url, "users": connections, "seconds": seconds})
    return [TARGET / "loads", "run", "--quiet", test]


def loads_python(url, seconds, connections, folder):
    return [TARGET / "loads", "run", "--quiet", "bench_case.BenchCase.test_get", "-u", connections,
            "-d", seconds, "--server-url", url, "--include-file", BENCH / "peers" / "*.py",
            "--test-dir", folder / "test"]


def engine(url, seconds, connections, folder):
    return [TARGET / "examples" / "http_load", url + "/", connections, seconds, 1]


def wrk(url, seconds, connections, folder):
    return ["wrk", "-t1", "-c%d" % connections, "-d%d" % seconds, url + "/"]


def oha(url, seconds, connections, folder):
    return [CACHE / "bin" / "oha", "--no-tui", "-c", connections, "-z", "%ds" % seconds, url + "/"]


def ab(url, seconds, connections, folder):
    return ["ab", "-q", "-k", "-c", connections, "-t", seconds, "-n", 100_000_000, url + "/"]


def k6(url, seconds, connections, folder):
    return [CACHE / "bin" / "k6", "run", "--quiet", "--no-usage-report", "--vus", connections,
            "--duration", "%ds" % seconds, BENCH / "peers" / "k6.js"]


def locust(user):
    def command(url, seconds, connections, folder):
        return [VENV / "bin" / "locust", "-f", BENCH / "peers" / "locust_users.py", "--headless", "--only-summary",
                "-u", connections, "-r", connections, "-t", "%ds" % seconds, "-H", url, user]
    return command


def molotov(url, seconds, connections, folder):
    return [VENV / "bin" / "molotov", "-q", "-w", connections, "-d", seconds,
            BENCH / "peers" / "molotov_scenario.py"]


LOADS = build("-p", "loads")
LOCUST = pip_install("locust", ["locust==2.47.0"])
TOOLS = {
    "loads": Tool("loads run, http executor", "http", loads_http, LOADS),
    "engine": Tool("its engine alone, no broker", "http", engine,
                   build("-p", "loads-agent", "--example", "http_load")),
    "wrk": Tool("wrk", "http", wrk, apt("wrk", "wrk")),
    "ab": Tool("ab -k", "http", ab, apt("ab", "apache2-utils")),
    "oha": Tool("oha 1.16.0", "http", oha, cargo_install("oha", "1.16.0")),
    "k6": Tool("k6 1.8.1", "http", k6, go_install("k6", "go.k6.io/k6@v1.8.1")),
    "python": Tool("loads run, python executor", "python", loads_python, LOADS, windowed=True, single=False),
    "locust": Tool("Locust HttpUser", "python", locust("Plain"), LOCUST, windowed=True),
    "locust-fast": Tool("Locust FastHttpUser", "python", locust("Fast"), LOCUST, windowed=True),
    "molotov": Tool("molotov 2.6", "python", molotov,
                    pip_install("molotov", ["molotov==2.6", "setuptools<81"]), windowed=True),
}
