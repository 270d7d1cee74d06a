"""CPU seconds between test start and test stop, written where bench/run looks for them."""

import atexit
import json
import os
import resource


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Window:
    """One process' measuring window; `stop` may come at the process' end."""

    def __init__(self):
        self.started = None

    def start(self):
        if self.started is None:
            self.started = cpu_seconds()
            atexit.register(self.stop)

    def stop(self):
        if self.started is None:
            return
        path = os.path.join(os.environ["BENCH_WINDOW_DIR"], "%d.json" % os.getpid())
        with open(path, "w") as file:
            json.dump({"before": self.started, "after": cpu_seconds()}, file)
        self.started = None
