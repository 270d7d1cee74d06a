"""When the open model's arrivals are due."""

import math


class Arrivals:
    """The monotonic nanoseconds at which this process' arrivals are due, in order.

    Arrival k of the whole test belongs to agent k mod agents, and within an agent to its processes in turn:
    the total is exact and evenly spaced without a message. While ramping up, the rate rises linearly.
    """

    def __init__(self, command, process):
        self._rate = command["rate"]
        self._ramp = (command.get("rampUpNs") or 0) / 1e9
        self._start = command["startNs"]
        self._last = math.inf if command.get("arrivals") is None else command["arrivals"]
        self._first = command["agent"] + command["agents"] * process.number
        self._stride = command["agents"] * process.processes
        # A step that goes on after a pause, or that was taken over: what happened before does not happen again.
        self._not_before = command.get("skipBeforeNs") or 0
        if command.get("executions") is not None and self._last is not math.inf:
            share = max(0, -((self._first - self._last) // self._stride))
            self._first += self._stride * max(0, share - command["executions"])

    def __iter__(self):
        k = self._first
        while k < self._last:
            due = self._start + round(self._after(k) * 1e9)
            if due >= self._not_before:
                yield due
            k += self._stride

    def _after(self, k):
        """Seconds from the step's start to arrival k."""
        if k <= self._ramp * self._rate / 2:
            return math.sqrt(2 * self._ramp * k / self._rate)
        return k / self._rate + self._ramp / 2
