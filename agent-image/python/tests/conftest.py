"""Servers and records that tests share."""

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loads.record import Recorder
from loads.session import Session
from server import Server


class Windows:
    """A record, and everything that its windows held."""

    def __init__(self):
        self.windows = []
        self.record = Recorder(self.windows.append).step()

    def ended(self):
        """All windows, the open one included."""
        self.record.roll()
        return self.windows

    @property
    def totals(self):
        totals = {}
        for window in self.ended():
            for name, count in window["totals"].items():
                totals[name] = totals.get(name, 0) + count
        return totals

    def rows(self):
        """(method, path, status): count, over all windows."""
        rows = {}
        for window in self.ended():
            for row in window["rows"]:
                key = (row["method"], "/" + row["label"].split("/", 3)[-1], row["status"])
                rows[key] = rows.get(key, 0) + sum(n for _, n in row["latency"]["buckets"])
        return rows

    def errors(self):
        """kind: count, over all windows."""
        kinds = {}
        for window in self.ended():
            for error in window["errors"]:
                kinds[error["kind"]] = kinds.get(error["kind"], 0) + error["count"]
        return kinds


@pytest.fixture
def windows():
    return Windows()


@pytest.fixture
def session(windows):
    with Session(windows.record) as session:
        yield session


@pytest.fixture
def server():
    server, other = Server(), Server()
    server.cross = f"http://localhost:{other.port}"
    server.other = other
    yield server
    server.close()
    other.close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def closed_port():
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
