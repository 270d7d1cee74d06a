"""Runs one tool once, pinned to its core, and takes its figures from the kernel and the server."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

SERVER_CORE, TOOL_CORE = "0", "1"
BENCH = pathlib.Path(__file__).resolve().parent


class Failed(Exception):
    """A tool could not be measured; the message says why."""


class Server:
    """nginx on the server's core, from `with` to its end."""

    def __init__(self, port):
        self.port = port
        self.url = "http://127.0.0.1:%d" % port

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="loads-bench-")
        text = (BENCH / "nginx.conf").read_text().replace("@PORT@", str(self.port))
        config = pathlib.Path(self.folder.name, "nginx.conf")
        config.write_text(text)
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, "nginx", "-p", self.folder.name, "-c", str(config)]
        )
        for _ in range(100):
            try:
                self.requests()
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise Failed("nginx did not start (is port %d in use?)" % self.port)
                time.sleep(0.05)
        raise Failed("nginx does not answer on port %d" % self.port)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=10)
        self.folder.cleanup()

    def requests(self):
        """Requests so far, this one included."""
        with urllib.request.urlopen(self.url + "/bench-status", timeout=5) as response:
            page = response.read().decode()
        return int(re.search(r"^ \d+ \d+ (\d+)", page, re.MULTILINE).group(1))


def note_peaks(session, peaks):
    """Keeps the highest VmHWM of each process of the session, by pid.

    Not ru_maxrss: that of a child begins with what this interpreter had when it forked.
    """
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or os.getsid(int(entry.name)) != session:
                continue
            found = re.search(r"^VmHWM:\s+(\d+)", (entry / "status").read_text(), re.MULTILINE)
            if found and (entry / "comm").read_text().strip() != "taskset":
                peaks[entry.name] = int(found.group(1))
        except OSError:
            continue  # it ended meanwhile


def run(command, env=None, cwd=None, limit=120):
    """Runs to the end; gives (CPU seconds of it and its children, their peak RSS in MiB, output).

    The tool must end by itself; at `limit` seconds it is killed and the measurement failed.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["taskset", "-c", TOOL_CORE, *command],
            env={**os.environ, **(env or {})}, cwd=cwd, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until = time.monotonic() + limit
        peaks = {}
        while True:
            note_peaks(process.pid, peaks)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > until:
                os.killpg(process.pid, signal.SIGKILL)
                os.wait4(process.pid, 0)
                raise Failed("%s did not end within %d s" % (command[0], limit))
            time.sleep(0.1)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise Failed("%s ended with %s:\n%s" % (command[0], process.returncode, text[-2000:]))
    return usage.ru_utime + usage.ru_stime, sum(peaks.values()) / 1024, text


def measure(server, tool, seconds, connections):
    """One run: requests (the server's count), requests per CPU-second, peak memory."""
    with tempfile.TemporaryDirectory(prefix="loads-bench-") as folder:
        env = {"BENCH_URL": server.url + "/", "BENCH_WINDOW_DIR": folder, "PYTHONPATH": str(BENCH / "peers")}
        command = tool.command(server.url, seconds, connections, pathlib.Path(folder))
        before = server.requests()
        cpu, memory, text = run(command, {**env, **tool.env}, cwd=folder, limit=seconds + 120)
        requests = server.requests() - before - 1
        windows = [json.loads(path.read_text()) for path in pathlib.Path(folder).glob("*.json")
                   if path.stem.isdigit()]
    if tool.windowed:
        if not windows:
            raise Failed("%s left no measuring window:\n%s" % (tool.name, text[-2000:]))
        # Whole process tree, less what its processes had spent before the test began; a single process
        # that says when the test stopped is measured to there.
        spent = sum(w["after"] - w["before"] for w in windows)
        # (A process that nobody waited for is missing in the tree, never in its own window.)
        cpu = spent if tool.single else max(spent, cpu - sum(w["before"] for w in windows))
    if requests <= 0 or cpu <= 0:
        raise Failed("%s sent nothing:\n%s" % (tool.name, text[-2000:]))
    return {"requests": requests, "per_cpu_second": requests / cpu, "memory": memory,
            "per_second": requests / seconds}
