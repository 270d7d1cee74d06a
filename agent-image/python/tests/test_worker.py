"""The worker process, driven as its agent drives it: commands on stdin, answers on a PULL socket."""

import json
import os
import struct
import subprocess
import sys
import textwrap
import time

import pytest
import zmq
from loads.record import CELLS, SECOND

LIMIT_MS = 30_000
CASE = """
    import threading
    import time
    from loads.case import TestCase

    EVERYBODY = threading.Barrier(4)

    class T(TestCase):
        def test_it(self):
            {body}
"""


class Worker:
    """A worker process in a directory of its own."""

    def __init__(self, directory, server_url):
        self.directory = directory
        self.server_url = server_url
        self.messages = []
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.PULL)
        self.socket.bind(f"ipc://{directory}/results")
        (directory / "cells").write_bytes(bytes(256))
        self.process = None

    def start(self, source, fqn="t_case.T.test_it", patching=True, **prepare):
        (self.directory / "t_case.py").write_text(textwrap.dedent(source))
        names = {"LOADS_RUN_ID": "run", "LOADS_AGENT_ID": "agent", "LOADS_CELLS": str(self.directory / "cells")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loads.worker"],
            stdin=subprocess.PIPE,
            cwd=self.directory,
            env={**os.environ, **names, "LOADS_ZMQ_RECEIVER": f"ipc://{self.directory}/results"},
        )
        options = {"fqn": fqn, "serverUrl": self.server_url, "patching": patching, "config": {}, "process": 0}
        self.command("prepare", **{**options, "processes": 1, **prepare})
        return self.receive()

    def command(self, name, **fields):
        self.process.stdin.write(json.dumps({"command": name, **fields}).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self):
        assert self.socket.poll(LIMIT_MS), "the worker is silent"
        message = json.loads(self.socket.recv())
        assert (message["run_id"], message["agent_id"], message["process"]) == ("run", "agent", 0)
        self.messages.append(message)
        return message

    def step(self, number=0, users=1, seconds=None, **fields):
        now = time.monotonic_ns()
        end = None if seconds is None else now + int(seconds * SECOND)
        defaults = {"runStartNs": now, "startNs": now, "endNs": end, "totalUsers": users, "users": list(range(users))}
        defaults |= {"hits": None, "executions": None, "rampUpNs": 0, "agent": 0, "agents": 1, "rate": None}
        self.command("step", step=number, **{**defaults, "arrivals": None, "drainNs": SECOND, **fields})

    def until(self, data_type, **fields):
        while True:
            message = self.receive()
            if message["data_type"] == data_type and all(message.get(k) == v for k, v in fields.items()):
                return message

    def run(self, *arguments, **fields):
        self.step(*arguments, **fields)
        self.until("loads.step_done")
        return self.totals()

    def windows(self):
        return [m["window"] for m in self.messages if m["data_type"] == "loads.window"]

    def totals(self):
        totals = {}
        for window in self.windows():
            for name, count in window["totals"].items():
                totals[name] = totals.get(name, 0) + count
        return totals

    def errors(self):
        return [error for window in self.windows() for error in window["errors"]]

    def cells(self):
        cells = struct.unpack("<32Q", (self.directory / "cells").read_bytes())
        return {name: count for name, count in zip(CELLS, cells) if count}

    def quit(self):
        self.command("quit")
        return self.process.wait(30)

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.kill()
            self.process.wait()
        self.context.destroy(linger=0)


@pytest.fixture
def worker(tmp_path, server):
    worker = Worker(tmp_path, server.url)
    yield worker
    worker.close()


def case(*lines):
    return CASE.format(body="\n            ".join(lines))


GET = 'self.session.get(self.server_url + "/ok")'
both = pytest.mark.parametrize("patching", [True, False], ids=["greenlets", "threads"])


@both
def test_every_user_runs_the_test_as_often_as_asked(worker, server, patching):
    assert worker.start(case(GET, 'self.incr_counter("seen", 2)'), patching=patching)["data_type"] == "loads.ready"
    totals = worker.run(users=4, hits=5)
    assert totals == {"started": 20, "success": 20, "sent": 20, "hits": 20, "bytes": 40}
    assert len(server.requests) == 20
    assert worker.cells() == {"started": 20, "success": 20, "sent": 20, "hits": 20}
    assert sum(n for window in worker.windows() for name, n in window["counters"] if name == "seen") == 40
    assert worker.quit() == 0


@both
def test_users_that_are_active_at_once_are_counted(worker, server, patching):
    # Nobody passes before all four are in their test, so that no machine is too slow to see them together.
    worker.start(case("EVERYBODY.wait()"), patching=patching)
    worker.run(users=4, hits=1)
    assert max(window["users"] for window in worker.windows()) == 4


@both
def test_a_step_of_a_duration_ends_on_time_and_loses_nothing(worker, server, patching):
    worker.start(case(GET, "time.sleep(0.01)"), patching=patching)
    totals = worker.run(users=3, seconds=1.2)
    assert totals["hits"] == totals["sent"] == len(server.requests) > 10
    assert totals["started"] == totals["success"] + totals.get("interrupted", 0)
    assert {window["second"] for window in worker.windows()} >= {0, 1}
    assert {"errors", "failures"}.isdisjoint(totals)


@both
def test_a_test_still_running_at_the_end_is_interrupted_at_its_next_request(worker, patching):
    body = ["try:", "    while True:", f"        {GET}", "        time.sleep(0.01)", "except Exception:", "    pass"]
    worker.start(case(*body), patching=patching)
    totals = worker.run(users=2, seconds=0.5)
    assert (totals["started"], totals["interrupted"]) == (2, 2)
    assert totals["sent"] == totals["hits"]


@both
def test_what_does_not_end_within_the_drain_is_cut_and_said(worker, patching):
    worker.start(case('self.session.get(self.server_url + "/wait")'), patching=patching)
    totals = worker.run(users=2, seconds=0.3, drainNs=SECOND // 5)
    assert totals == {"started": 2, "interrupted": 2, "sent": 2, "unanswered": 2}


OUTCOMES = {
    "self.fail('no')": "failures",
    "1 / 0": "errors",
    "self.skipTest('later')": "skipped",
    "self.addCleanup(self.fail, 'late')": "failures",
    "pass": "success",
}


@pytest.mark.parametrize("body", OUTCOMES)
def test_an_execution_has_the_outcome_that_unittest_gives_it(worker, body):
    worker.start(case(body))
    assert worker.run(users=2, hits=3) == {"started": 6, OUTCOMES[body]: 6}
    sources = {"failures": "testFailure", "errors": "testError"}
    expected = [(sources[OUTCOMES[body]], 6)] if OUTCOMES[body] in sources else []
    assert [(error["source"], error["count"]) for error in worker.errors()] == expected


def test_subtests_expected_failures_and_tear_down_count_once(worker):
    source = """
        import unittest
        from loads.case import TestCase

        class T(TestCase):
            def test_it(self):
                for n in range(4):
                    with self.subTest(n=n):
                        self.assertLess(n, 2)

            def tearDown(self):
                raise RuntimeError("torn")
    """
    worker.start(source)
    assert worker.run(hits=2) == {"started": 2, "errors": 2}
    (error,) = [error for error in worker.errors() if error["source"] == "testError"]
    assert (error["kind"], error["message"], error["label"]) == ("other:RuntimeError", "torn", "test_it (t_case.T)")
    assert 'raise RuntimeError("torn")' in error["traceback"] and "unittest" not in error["traceback"]


def test_a_user_has_one_instance_a_step_and_the_class_is_set_up_once(worker):
    source = """
        from loads.case import TestCase

        class T(TestCase):
            @classmethod
            def setUpClass(cls):
                cls.up = getattr(cls, "up", 0) + 1

            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.incr_counter("instances")

            def setUp(self):
                self.incr_counter("set up")
                self.times = getattr(self, "times", 0) + 1

            def test_it(self):
                self.incr_counter(f"class {self.up}")
                self.incr_counter(f"time {self.times}")
    """
    worker.start(source)
    worker.run(0, users=2, hits=3)
    worker.run(1, users=2, hits=3)
    counters = {}
    for window in worker.windows():
        for name, count in window["counters"]:
            counters[name] = counters.get(name, 0) + count
    assert counters.pop("instances") == 4
    assert counters == {"set up": 12, "class 1": 6, "class 2": 6, "time 1": 4, "time 2": 4, "time 3": 4}


def test_a_class_that_can_not_be_set_up_fails_every_execution(worker):
    source = CASE.format(body="pass") + "        @classmethod\n        def setUpClass(cls):\n            1 / 0\n"
    worker.start(source)
    assert worker.run(users=2, hits=2) == {"started": 4, "errors": 4}
    assert [error["kind"] for error in worker.errors()] == ["other:ZeroDivisionError"]


@both
def test_arrivals_come_at_their_rate_and_end_with_their_number(worker, server, patching):
    worker.start(case(GET), patching=patching)
    totals = worker.run(users=20, rate=100, arrivals=60, seconds=20)
    assert totals["started"] == totals["hits"] == len(server.requests) == 60


@both
def test_a_step_that_was_ended_for_a_pause_goes_on_with_what_is_left(worker, server, patching):
    worker.start(case(GET, "time.sleep(0.002)"), patching=patching)
    worker.step(users=3, executions=1000)
    while len(server.requests) < 20:
        time.sleep(0.01)
    worker.command("stop", mode="drain")
    worker.until("loads.step_done")
    begun = worker.totals()["started"]
    assert begun == len(server.requests) < 1000
    totals = worker.run(users=3, executions=50)
    assert totals["started"] == totals["hits"] == len(server.requests) == begun + 50


def test_arrivals_of_the_past_do_not_happen_again(worker, server):
    worker.start(case(GET))
    now = time.monotonic_ns()
    start = now - 10 * SECOND
    # 10 s × 10/s are over; the last 20 of 120 are to come, at once where only their number counts.
    fields = {"startNs": start, "runStartNs": start, "endNs": now + 20 * SECOND, "rate": 10, "arrivals": 120}
    assert worker.run(users=5, skipBeforeNs=now, **fields)["started"] == 20
    assert worker.run(number=1, users=5, executions=7, **fields)["started"] == 27


def test_arrivals_without_a_free_user_wait_and_their_wait_is_in_the_latency(worker):
    worker.start(case(GET, "time.sleep(0.2)"))
    totals = worker.run(users=1, rate=50, arrivals=4, seconds=20)
    assert totals["started"] == 4
    assert totals["delayed"] == 3
    latency = worker.windows()[-1]["rows"][0]["latency"]
    assert latency["max"] > SECOND // 3


def test_a_replacement_runs_only_what_was_left(worker):
    worker.start(case(GET))
    assert worker.run(users=3, hits=10, executions=7)["started"] == 7


@both
def test_a_stop_ends_the_step_and_what_is_in_flight_is_counted(worker, patching):
    worker.start(case(GET, "time.sleep(0.05)"), patching=patching)
    worker.step(users=2, hits=1_000_000)
    worker.until("loads.window")
    worker.command("stop", mode="drain")
    worker.until("loads.step_done", step=0)
    totals = worker.totals()
    assert totals["sent"] == totals["hits"]
    assert totals["started"] == totals["success"] + totals.get("interrupted", 0)
    assert worker.quit() == 0


def test_a_stop_now_says_what_it_cut(worker):
    worker.start(case('self.session.get(self.server_url + "/wait")'))
    worker.step(users=3, hits=1, drainNs=60 * SECOND)
    while worker.cells().get("sent") != 3:
        time.sleep(0.01)
    worker.command("stop", mode="now")
    worker.until("loads.step_done")
    assert worker.totals() == {"started": 3, "sent": 3, "unanswered": 3, "interrupted": 3}


def test_users_begin_one_after_the_other_within_the_ramp_up(worker):
    worker.start(case("self.incr_counter(str(time.monotonic_ns()))"))
    begin = time.monotonic_ns()
    worker.run(users=4, hits=1, startNs=begin, rampUpNs=SECOND)
    times = sorted(int(name) - begin for window in worker.windows() for name, _ in window["counters"])
    assert len(times) == 4
    assert all(at >= place * SECOND // 4 for place, at in enumerate(times))


def test_the_end_of_stdin_ends_the_worker(worker):
    worker.start(case(GET))
    worker.step(users=2, hits=1_000_000)
    worker.until("loads.window")
    worker.process.stdin.close()
    assert worker.process.wait(20) == 0


def test_the_config_reaches_the_test(worker):
    worker.start(case('self.incr_counter(self.config["color"] + self.config["server_url"])'), config={"color": "red"})
    worker.run(hits=1)
    assert worker.windows()[0]["counters"] == [[f"red{worker.server_url}", 1]]


FAULTS = {
    "T.test_it": ("fqn", "module, class and method"),
    "t_missing.T.test_it": ("module-not-found", "{directory}"),
    "t_case.Tea.test_it": ("class-not-found", "it has Plain, T"),
    "t_case.Plain.test_it": ("not-a-testcase", "derive it from loads.case.TestCase"),
    "t_case.T.test_is": ("method-not-found", "did you mean 'test_it'?"),
    "t_broken.T.test_it": ("import-error", "No module named 'no_such_package'"),
}


@pytest.mark.parametrize("fqn", FAULTS)
def test_a_test_that_can_not_be_loaded_says_what_and_what_to_do(worker, fqn):
    kind, message = FAULTS[fqn]
    (worker.directory / "t_broken.py").write_text("import no_such_package\n")
    source = case("pass") + "\n    import unittest\n\n    class Plain(unittest.TestCase):\n        pass\n"
    failed = worker.start(source, fqn=fqn)
    assert (failed["data_type"], failed["kind"]) == ("loads.failed", kind)
    assert message.format(directory=worker.directory) in failed["message"]
    assert ("Traceback" in failed["traceback"]) == (kind == "import-error")
    assert worker.quit() == 0
