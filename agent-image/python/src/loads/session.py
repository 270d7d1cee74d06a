"""``requests.Session`` with every response counted as a hit."""
import contextlib
import time

import requests
from requests.adapters import BaseAdapter

from loads.errors import kind_of, message_of, was_sent
from loads.record import StepOver


class Session(requests.Session):
    def __init__(self, record):
        super().__init__()
        self.record = record
        self.late = 0
        self.expected = None

    @contextlib.contextmanager
    def expecting(self, expected):
        """Within this, `expected(status)` says whether an answer's status is what the test wants."""
        before, self.expected = self.expected, expected
        try:
            yield
        finally:
            self.expected = before

    def get_adapter(self, url):
        return CountedAdapter(super().get_adapter(url), self)


class CountedAdapter(BaseAdapter):
    def __init__(self, inner, session):
        super().__init__()
        self._inner = inner
        self._session = session

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def send(self, request, **kw):
        record = self._session.record
        t0 = time.monotonic_ns()
        if t0 >= record.end:
            raise StepOver
        try:
            r = self._inner.send(request, **kw)
        except Exception as e:
            s = was_sent(e)
            if s:
                record.sent()
            record.failed(s, kind_of(e), request.url, message_of(e))
            raise
        record.sent()
        t1 = time.monotonic_ns()
        r.content
        t2 = time.monotonic_ns()
        record.hit(request.url, request.method, r.status_code, t1 - t0, t2 - t0, len(r.content), t2)
        return r
