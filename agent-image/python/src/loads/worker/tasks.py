"""Users as greenlets where sockets are patched, as threads where they are not."""

import threading
import time


class Killed(BaseException):
    """Ends a user from outside; a thread can not be ended so, and is left behind."""


class Tasks:
    """Starts users and waits for them."""

    def __init__(self, patched):
        self.patched = patched
        if patched:
            import gevent

            self._gevent = gevent
            self.killed = gevent.GreenletExit
        else:
            self.killed = Killed

    def spawn(self, function, *arguments):
        """Runs `function` beside everything else; the handle is for `wait` and `kill`."""
        if self.patched:
            return self._gevent.spawn(function, *arguments)
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        return thread

    def wait(self, handles, until=None):
        """Waits until all ended or the monotonic nanosecond `until`; returns those still running."""
        for handle in handles:
            timeout = None if until is None else max(0.0, (until - time.monotonic_ns()) / 1e9)
            handle.join(timeout)
        return [handle for handle in handles if not self._ended(handle)]

    def _ended(self, handle):
        return handle.ready() if self.patched else not handle.is_alive()

    def kill(self, handles):
        """Ends users that are still running, where that is possible."""
        if self.patched:
            self._gevent.killall(handles, exception=self.killed, timeout=5)
