"""What is counted, per second and step, in the process that made the requests.

Sending every hit as a message of its own costs 20 µs; counting it here costs a few hundred nanoseconds.
A window is what the agent calls one second of one step; names and meanings are those of the agent's
``Totals`` (docs/figures.md). All times are nanoseconds of the monotonic clock.
"""

import functools
import re
import threading
import time

OTHER_LABEL = "other"
MAX_LABELS = 500
MAX_COUNTERS = 500
MAX_ERROR_SAMPLES = 20
MAX_LABEL_LENGTH = 1_000
MAX_MESSAGE_LENGTH = 500
MAX_TRACEBACK_LENGTH = 4_000
SECOND = 1_000_000_000
NEVER = 1 << 63

# Places of the cells: u64 counters in a file shared with the agent, which survive a SIGKILL of this process.
CELLS = (
    "sent",
    "hits",
    "failed_after_send",
    "failed_before_send",
    "unanswered",
    "started",
    "success",
    "errors",
    "failures",
    "skipped",
    "interrupted",
)
_CELL = {name: place for place, name in enumerate(CELLS)}
CELL_COUNT = 32

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class StepOver(BaseException):
    """Raised by the session at a test's next request once its step has ended.

    Not an ``Exception``, so that a test's own ``except Exception`` does not go on requesting.
    """


class Row:
    """Answered requests of one label, method and status."""

    __slots__ = ("unexpected", "bytes", "headers", "sum", "min", "max", "buckets")

    def __init__(self):
        self.unexpected = self.bytes = self.headers = self.sum = self.max = 0
        self.min = NEVER
        self.buckets = {}

    def as_json(self, key):
        label, method, status = key
        latency = {"sum": self.sum, "min": self.min, "max": self.max, "buckets": list(self.buckets.items())}
        return {
            "label": label,
            "method": method,
            "status": status,
            "unexpected": self.unexpected,
            "bytes": self.bytes,
            "headersSum": self.headers,
            "latency": latency,
        }


def bucket(nanos):
    """The lowest value of the histogram bucket of `nanos`: three significant digits, exact below 2,048."""
    if nanos < 2048:
        return nanos
    shift = nanos.bit_length() - 11
    return (nanos >> shift) << shift


def one_line(text, limit=MAX_MESSAGE_LENGTH):
    """`text` in one bounded line without memory addresses, so that equal errors have equal messages."""
    text = _ADDRESS.sub("", " ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Recorder:
    """What the whole process shares: the cells, the labels seen, and where windows go.

    `emit(window)` is called with each finished window (a dict for JSON); without it nothing is kept, which
    is what plain unittest and pytest want.
    """

    def __init__(self, emit=None, cells=None, threads=False):
        self.emit = emit
        self.cells = cells if cells is not None else [0] * CELL_COUNT
        self.labels = set()
        self.counter_names = set()
        self._class = _LockedStepRecord if threads else StepRecord
        self.lock = threading.RLock()

    def step(self, number=0, run_start=None):
        """The record of step `number`; seconds are counted from `run_start`."""
        return self._class(self, number, time.monotonic_ns() if run_start is None else run_start)

    def label(self, name):
        """`name`, or "other" once the process has seen as many labels as a run may have."""
        if name in self.labels:
            return name
        if len(self.labels) >= MAX_LABELS:
            return OTHER_LABEL
        self.labels.add(name)
        return name

    def counter_name(self, name):
        if name not in self.counter_names:
            if len(self.counter_names) >= MAX_COUNTERS:
                return OTHER_LABEL
            self.counter_names.add(name)
        return name


class StepRecord:
    """Counts of one step. Requests and tests that began in it are counted here, however late they end."""

    def __init__(self, recorder, number, run_start):
        self.number = number
        self.run_start = run_start
        self.end = NEVER
        self.active = 0
        self._recorder = recorder
        self._cells = recorder.cells
        self._closed = False
        self._before = {}
        self._open(time.monotonic_ns())

    def _open(self, now):
        self.second = max(0, now - self.run_start) // SECOND
        self._boundary = self.run_start + (self.second + 1) * SECOND
        self._totals = {}
        self._rows = {}
        self._errors = {}
        self._counters = {}
        self._users = self.active

    def _add(self, name, count=1):
        if self._closed:
            return
        now = time.monotonic_ns()
        if now >= self._boundary:
            self.roll(now)
        cell = _CELL.get(name)
        if cell is not None:
            self._cells[cell] += count
        self._totals[name] = self._totals.get(name, 0) + count

    # -- requests ------------------------------------------------------------------------------------

    def sent(self):
        """The first byte of a request was written."""
        if self._closed:
            return
        self._cells[0] += 1
        totals = self._totals
        totals["sent"] = totals.get("sent", 0) + 1

    def hit(self, label, method, status, headers, latency, size, now, expected=True):
        """An answer: nanoseconds to the headers and to the last byte, and body bytes as received."""
        if self._closed:
            return
        if now >= self._boundary:
            self.roll(now)
        self._cells[1] += 1
        totals = self._totals
        totals["hits"] = totals.get("hits", 0) + 1
        totals["bytes"] = totals.get("bytes", 0) + size
        row = self._rows.get((label, method, status)) or self._row(label, method, status)
        row.bytes += size
        row.headers += headers
        row.sum += latency
        if latency < row.min:
            row.min = latency
        if latency > row.max:
            row.max = latency
        value = bucket(latency)
        row.buckets[value] = row.buckets.get(value, 0) + 1
        if not expected:
            row.unexpected += 1
            self.error("unexpected-status", "request", label, f"{method} was answered with {status}")

    def _row(self, label, method, status):
        key = (self._recorder.label(label[:MAX_LABEL_LENGTH]), method, status)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row()
        return row

    def failed(self, after_send, kind, label, message):
        """A request that got no answer: refused, timed out, reset …"""
        self._add("failed_after_send" if after_send else "failed_before_send")
        self.error(kind, "request", label, message)

    def unanswered(self):
        """A request that was sent and then cut by us."""
        self._add("unanswered")

    def retried(self):
        """A request sent once more because its kept connection was stale."""
        self._add("retries")

    def error(self, kind, source, label, message, traceback=""):
        """An example of an error, aggregated with its equals."""
        if self._closed:
            return
        key = (kind, source, self._recorder.label(label[:MAX_LABEL_LENGTH]), one_line(message))
        sample = self._errors.get(key)
        if sample is None:
            if len(self._errors) >= MAX_ERROR_SAMPLES:
                key, traceback = (kind, source, "", ""), ""
            sample = self._errors.setdefault(key, [0, traceback[-MAX_TRACEBACK_LENGTH:]])
        sample[0] += 1

    # -- tests ---------------------------------------------------------------------------------------

    def test(self, outcome):
        """`started`, or how a test ended: success, errors, failures, skipped, interrupted."""
        self._add(outcome)

    def delayed(self):
        """An arrival that waited for a free user."""
        self._add("delayed")

    def counter(self, name, count=1):
        """The test's own counter."""
        if self._closed:
            return
        now = time.monotonic_ns()
        if now >= self._boundary:
            self.roll(now)
        name = self._recorder.counter_name(str(name)[:MAX_LABEL_LENGTH])
        self._counters[name] = self._counters.get(name, 0) + count

    def socket_opened(self):
        self._add("sockets_opened")

    def socket_closed(self):
        self._add("sockets_closed")

    def socket_bytes(self, count):
        self._add("socket_bytes", count)

    def user_began(self):
        self.active += 1
        if self.active > self._users:
            self._users = self.active

    def user_ended(self):
        self.active -= 1

    # -- windows -------------------------------------------------------------------------------------

    def roll(self, now=None):
        """Ends the current window, emits it unless it is empty, and opens the next."""
        now = time.monotonic_ns() if now is None else now
        window = self._as_json()
        for name, count in self._totals.items():
            self._before[name] = self._before.get(name, 0) + count
        self._open(now)
        if window is not None and self._recorder.emit is not None:
            self._recorder.emit(window)

    def close(self):
        """Emits the last window; what a straggler still reports after this is not counted.

        Whatever is still under way was cut by us: requests are unanswered, executions interrupted.
        """
        total = self.total
        in_flight = total("sent") - total("hits") - total("failed_after_send") - total("unanswered")
        ended = sum(total(name) for name in ("success", "errors", "failures", "skipped", "interrupted"))
        for name, count in (("unanswered", in_flight), ("interrupted", total("started") - ended)):
            if count > 0:
                self._add(name, count)
        self.roll()
        self._closed = True

    def total(self, name):
        """All that this step counted of `name` so far."""
        return self._before.get(name, 0) + self._totals.get(name, 0)

    def _as_json(self):
        if not (self._totals or self._rows or self._errors or self._counters or self._users):
            return None
        return {
            "second": self.second,
            "step": self.number,
            "users": self._users,
            "totals": {name: count for name, count in self._totals.items() if count},
            "rows": [row.as_json(key) for key, row in self._rows.items()],
            "errors": [
                {"kind": kind, "source": source, "label": label, "message": message, "traceback": trace, "count": n}
                for (kind, source, label, message), (n, trace) in self._errors.items()
            ],
            "counters": list(self._counters.items()),
        }


def _locked(method):
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        with self._recorder.lock:
            return method(self, *args, **kwargs)

    return call


class _LockedStepRecord(StepRecord):
    """The same for users that are threads, where any line may be interrupted by another user's."""


for _name, _method in list(vars(StepRecord).items()):
    if callable(_method) and not _name.startswith("_"):
        setattr(_LockedStepRecord, _name, _locked(_method))
