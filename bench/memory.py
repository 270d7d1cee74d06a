"""The broker's memory over a full-speed run, and what recording costs."""

import os
import pathlib
import subprocess
import tempfile
import time

from measure import SERVER_CORE, TOOL_CORE, Failed
from tools import HTTP_TEST, TARGET, build


def recorder_cost(runs):
    """Nanoseconds for one request, each of `runs` times."""
    build("-p", "loads-agent", "--example", "recorder_cost")()
    program = TARGET / "examples" / "recorder_cost"
    return [float(subprocess.check_output(["taskset", "-c", TOOL_CORE, program])) for _ in range(runs)]


def broker_pid(session):
    """The `loads broker` process among the session's processes."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            if os.getsid(int(entry.name)) == session and argv[1:2] == [b"broker"]:
                return int(entry.name)
        except OSError:
            continue
    return None


def rss_kib(pid):
    for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Failed("process %d has no VmRSS" % pid)


def broker_memory(server, seconds, connections):
    """[(second, MiB)] of the broker's resident memory, from second 10 to `seconds`."""
    build("-p", "loads")()
    with tempfile.TemporaryDirectory(prefix="loads-bench-") as folder:
        test = pathlib.Path(folder, "loadtest.yaml")
        values = {"url": server.url, "users": connections, "seconds": seconds + 2}
        test.write_text(HTTP_TEST % values)
        command = ["taskset", "-c", "%s,%s" % (SERVER_CORE, TOOL_CORE), TARGET / "loads", "run", "--quiet",
                   "--processes", test]
        log = open(pathlib.Path(folder, "log"), "w+")
        before = server.requests()
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            samples = sample(process, server, before, seconds)
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
        if process.returncode != 0:
            log.seek(0)
            raise Failed("loads run ended with %s:\n%s" % (process.returncode, log.read()[-2000:]))
        return samples, server.requests() - before - 1


def sample(process, server, before, seconds):
    until = time.monotonic() + 60
    # The load's own clock: second 0 is when the first requests arrive, not when the processes start.
    while server.requests() - before < 1000:
        if time.monotonic() > until or process.poll() is not None:
            raise Failed("no load arrived within 60 s")
        before += 1
        time.sleep(0.1)
    start = time.monotonic()
    broker = broker_pid(process.pid)
    if broker is None:
        raise Failed("there is no process `loads broker` in this run")
    samples = []
    for second in range(10, seconds + 1, 10):
        time.sleep(max(0.0, start + second - time.monotonic()))
        samples.append((second, rss_kib(broker) / 1024))
    return samples
