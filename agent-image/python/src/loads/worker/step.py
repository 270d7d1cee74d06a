"""One step: so many users, for so many executions each or until the end of its time."""

import queue
import sys
import threading
import time
import traceback

from loads.record import NEVER, SECOND
from loads.worker.arrivals import Arrivals
from loads.worker.outcome import Outcome

# A test that never waits for anything must let the other users in now and then.
YIELD_AFTER = 5_000_000


class Step:
    """Runs the process' share of a step, to its `loads.step_done`."""

    def __init__(self, process, command):
        self.process = process
        self.number = command["step"]
        self.start = command["startNs"]
        self.hits = command.get("hits")
        self.users = command["users"]
        self.done = False
        self._command = command
        self._drain = command.get("drainNs") or 0
        self._left = NEVER if command.get("executions") is None else command["executions"]
        self._handles = []
        self._running = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.class_error = None
        self.record = process.recorder.step(self.number, command["runStartNs"])
        self.record.end = NEVER if command.get("endNs") is None else command["endNs"]
        self._kill_at = min(NEVER, self.record.end + self._drain)
        self._early = not process.busy

    # -- life ----------------------------------------------------------------------------------------

    def run(self):
        """Everything from the class' set-up to the last window."""
        try:
            if self._early:
                # Before the start instant, as nothing else is using the class.
                self._set_up_class()
            self._stopping.wait(max(0, self.start - time.monotonic_ns()) / 1e9)
            if not self._early:
                self._set_up_class()
            self._spawn_users()
            self._watch()
            self.process.tasks.kill(self._handles)
            self._report_class(self.process.fixture.leave(self))
        except Exception:
            self.record.error("other:Worker", "runner", "", "the worker itself failed", traceback.format_exc())
        self.record.close()
        self.done = True
        self.process.channel.send("loads.step_done", step=self.number)

    def stop(self, now):
        """No further execution begins; what runs has the drain time, or none."""
        self.record.end = 0
        self._kill_at = min(self._kill_at, time.monotonic_ns() + (0 if now else self._drain))
        self._stopping.set()
        self._wake.set()

    def _watch(self):
        """Ends each second's window on time, until all users ended or their time is up."""
        while self._running > 0:
            now = time.monotonic_ns()
            if now >= self._kill_at:
                return
            run_start = self.record.run_start
            boundary = run_start + (max(0, now - run_start) // SECOND + 1) * SECOND
            self._wake.wait((min(boundary, self._kill_at) - now) / 1e9)
            self._wake.clear()
            now = time.monotonic_ns()
            if now >= boundary:
                self.record.roll(now)

    def _set_up_class(self):
        try:
            self.process.fixture.enter(self, self.process.case)
        except Exception:
            self.class_error = sys.exc_info()

    def _report_class(self, errors):
        case = self.process.case
        for kind, value, trace in errors:
            text = "".join(traceback.format_exception(kind, value, trace))
            label = f"tearDownClass ({case.__module__}.{case.__qualname__})"
            self.record.error(f"other:{kind.__name__}", "testError", label, str(value) or kind.__name__, text)

    # -- users ---------------------------------------------------------------------------------------

    def _spawn_users(self):
        if self._command.get("rate"):
            self.spawn(self._pace)
            return
        total = self._command["totalUsers"] * self._command["agents"]
        for user in self.users:
            place = user * self._command["agents"] + self._command["agent"]
            self.spawn(self._closed_user, self.start + place * self._command.get("rampUpNs", 0) // total)

    def spawn(self, function, *arguments):
        self._count(1)
        self._handles.append(self.process.tasks.spawn(self._counted, function, *arguments))

    def _counted(self, function, *arguments):
        try:
            function(*arguments)
        except self.process.tasks.killed:
            pass
        except Exception:
            self.record.error("other:Worker", "runner", "", "a user ended unexpectedly", traceback.format_exc())
        finally:
            self._count(-1)
            if self._running <= 0:
                self._wake.set()

    def _count(self, change):
        with self.process.recorder.lock:
            self._running += change

    @property
    def over(self):
        return time.monotonic_ns() >= self.record.end

    def _closed_user(self, begin):
        self._stopping.wait(max(0, begin - time.monotonic_ns()) / 1e9)
        user = User(self)
        try:
            done = 0
            while (self.hits is None or done < self.hits) and not self.over and self.take():
                user.execute()
                done += 1
        finally:
            user.end()

    def _pace(self):
        """The open model: arrivals come when they are due, whether or not earlier ones have ended."""
        due, busy, waiting = Arrivals(self._command, self.process), [0], queue.Queue()
        created = 0
        try:
            for instant in due:
                if instant >= self.record.end or self._stopping.wait(max(0, instant - time.monotonic_ns()) / 1e9):
                    break
                if created - busy[0] <= waiting.qsize():
                    if created < len(self.users):
                        created += 1
                        self.spawn(self._open_user, waiting, busy)
                    else:
                        self.record.delayed()
                waiting.put(instant)
        finally:
            for _ in range(created):
                waiting.put(None)

    def _open_user(self, waiting, busy):
        user = None
        try:
            while (due := waiting.get()) is not None:
                self._count_busy(busy, 1)
                try:
                    if self.over or not self.take():
                        continue
                    user = user or User(self)
                    user.execute(late=max(0, time.monotonic_ns() - due))
                finally:
                    self._count_busy(busy, -1)
        finally:
            if user:
                user.end()

    def _count_busy(self, busy, change):
        with self.process.recorder.lock:
            busy[0] += change

    def take(self):
        """Whether one more execution may begin (a replacement agent has only what was left)."""
        with self.process.recorder.lock:
            self._left -= 1
            return self._left >= 0


class User:
    """One simulated user: an instance and a session for the length of a step."""

    def __init__(self, step):
        self._step = step
        self._process = step.process
        self._record = step.record
        self._outcome = Outcome(step.record, step.process.tasks.killed)
        self._case = None
        self._yielded = time.monotonic_ns()
        step.record.user_began()

    def execute(self, late=0):
        """Runs the test once. `late` is how long the execution waited after it was due."""
        if self._step.class_error is not None:
            self._outcome.not_run(self._process.case, self._process.method, self._step.class_error)
        else:
            if self._case is None:
                self._create()
            if self._case is not None:
                if late:
                    self._case.session.late = late
                self._case.run(self._outcome)
                if self._outcome.killed:
                    raise self._process.tasks.killed
        if time.monotonic_ns() - self._yielded > YIELD_AFTER:
            time.sleep(0)
            self._yielded = time.monotonic_ns()

    def _create(self):
        process = self._process
        try:
            self._case = process.case(process.method, test_result=self._record, config=process.config)
        except Exception:
            self._outcome.not_run(process.case, process.method, sys.exc_info())

    def end(self):
        self._record.user_ended()
        if self._case is not None:
            self._case.release()
