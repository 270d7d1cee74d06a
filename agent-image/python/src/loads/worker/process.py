"""The worker process: takes commands from the agent on stdin, runs steps, answers on the channel."""

import json
import mmap
import os
import signal
import sys

from loads import targets
from loads.record import CELL_COUNT, Recorder
from loads.worker.channel import Channel
from loads.worker.load import LoadError, load
from loads.worker.step import Step
from loads.worker.tasks import Tasks

# An agent that is gone takes nothing any more: do not outlive it by much.
ORPHAN_LINGER_MS = 2_000


class Process:
    """One of the processes that share an agent's users."""

    def __init__(self, prepare, environ):
        patched = prepare.get("patching", True)
        common = {
            "run_id": environ.get("LOADS_RUN_ID", ""),
            "agent_id": environ.get("LOADS_AGENT_ID", ""),
            "process": prepare.get("process", 0),
        }
        self.number = prepare.get("process", 0)
        self.processes = prepare.get("processes", 1)
        self.tasks = Tasks(patched)
        self.channel = Channel(environ["LOADS_ZMQ_RECEIVER"], common, patched)
        cells = open_cells(environ.get("LOADS_CELLS"))
        self.recorder = Recorder(self._send_window, cells, threads=not patched)
        self.config = {**(prepare.get("config") or {})}
        if prepare.get("serverUrl"):
            self.config["server_url"] = prepare["serverUrl"]
        if prepare.get("targets"):
            # Before the test is imported, which may connect to something already.
            targets.enforce(prepare["targets"]["allow"])
        self.case = self.method = None
        self.fixture = ClassFixture()
        self._steps = []
        self._load(prepare.get("fqn", ""))

    def _send_window(self, window):
        self.channel.send("loads.window", window=window)

    def _load(self, fqn):
        sys.path.insert(0, os.getcwd())
        try:
            self.case, self.method = load(fqn)
        except LoadError as error:
            self.channel.send("loads.failed", kind=error.kind, message=error.message, traceback=error.traceback)
            return
        # Now, so that no user's first request pays for it.
        import loads.app
        import loads.session
        import loads.websockets  # noqa: F401

        self.channel.send("loads.ready", pid=os.getpid())

    def serve(self, stdin):
        """Obeys commands until `quit`, or until stdin ends, which means that the agent is gone."""
        # The agent decides when a run ends; a Ctrl-C in a terminal reaches this process too.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for line in self._lines(stdin):
            try:
                command = json.loads(line)
                name = command["command"]
            except (ValueError, KeyError, TypeError) as error:
                print(f"loads.worker: unreadable command {line[:200]!r}: {error}", file=sys.stderr)
                continue
            if name == "step":
                self._start(command)
            elif name == "stop":
                self.stop(command.get("mode") == "now")
            elif name == "quit":
                self.stop(now=True)
                self._finish(linger_ms=-1)
                return 0
            else:
                print(f"loads.worker: unknown command {name!r}", file=sys.stderr)
        self.stop(now=True)
        self._finish(ORPHAN_LINGER_MS)
        return 0

    def _lines(self, stdin):
        if self.tasks.patched:
            from gevent.fileobject import FileObjectThread

            stdin = FileObjectThread(stdin, "rb", closefd=False)
        while line := stdin.readline():
            if line.strip():
                yield line

    def _start(self, command):
        if self.case is None:
            self.channel.send("loads.step_done", step=command.get("step", 0))
            return
        step = Step(self, command)
        self._steps = [(other, task) for other, task in self._steps if not other.done]
        self._steps.append((step, self.tasks.spawn(step.run)))

    def stop(self, now):
        """Ends all steps: requests under way finish within the drain time, or at once are cut. A step that
        comes later begins all the same: that is how a paused load goes on."""
        for step, _ in self._steps:
            step.stop(now)

    def _finish(self, linger_ms):
        self.tasks.wait([task for _, task in self._steps])
        self.channel.close(linger_ms)

    @property
    def busy(self):
        """Whether another step than the newest is still draining."""
        return any(not step.done for step, _ in self._steps)


def open_cells(path):
    """The agent's counters, mapped; counters of our own where there is no agent."""
    if not path:
        return None
    with open(path, "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), CELL_COUNT * 8)).cast("Q")


class ClassFixture:
    """setUpClass and tearDownClass, once for each step; with steps that overlap while one drains, the next
    step's set-up first tears the earlier one down."""

    def __init__(self):
        self._owner = None
        self._case = None

    def enter(self, owner, case):
        """Raises what setUpClass raises."""
        self.leave(self._owner)
        try:
            case.setUpClass()
        except Exception:
            # As in unittest: no tearDownClass after this.
            case.doClassCleanups()
            raise
        self._owner, self._case = owner, case

    def leave(self, owner):
        """Returns the exceptions of tearDownClass and of the class clean-ups, if `owner` has the class."""
        if owner is None or self._owner is not owner:
            return []
        case, self._owner, self._case = self._case, None, None
        errors = []
        try:
            case.tearDownClass()
        except Exception:
            errors.append(sys.exc_info())
        case.doClassCleanups()
        errors.extend(case.tearDown_exceptions)
        return errors
