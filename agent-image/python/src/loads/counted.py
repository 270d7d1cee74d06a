"""Counting what goes requests' own way: streams, proxies, uploads, and adapters that a test has mounted."""

import time

from requests.adapters import BaseAdapter
from requests.exceptions import RequestException

from loads.errors import kind_of, message_of, was_sent
from loads.record import StepOver


class CountedAdapter(BaseAdapter):
    """An adapter of the test's own, with every answer counted. Everything else is the adapter's."""

    def __init__(self, adapter, session):
        super().__init__()
        self._adapter = adapter
        self._session = session

    def __getattr__(self, name):
        return getattr(self._adapter, name)

    def send(self, request, **options):
        return send_counted(self._adapter.send, self, self._session, request, options)

    def close(self):
        self._adapter.close()


def send_counted(send, adapter, session, request, options):
    """Calls `send(request, **options)` and counts what comes of it."""
    record = session.record
    began = time.monotonic_ns()
    if began >= record.end:
        raise StepOver
    late, session.late = session.late, 0
    start = began - late
    label = session.label_of(request.url)
    try:
        response = send(request, **options)
    except Exception as error:
        sent = was_sent(error)
        if sent:
            record.sent()
        record.failed(sent, kind_of(error), label, message_of(error))
        raise
    headers_at = time.monotonic_ns()
    record.sent()
    try:
        # A stream is the test's to read, and a redirect's body requests': they are hits to their headers.
        if not (options.get("stream") or response.is_redirect):
            response.content
    except RequestException as error:
        record.error(kind_of(error), "request", label, message_of(error))
        raise
    finally:
        now = time.monotonic_ns()
        status = response.status_code
        expected = 200 <= status < 400 if session.expected is None else session.expected(status)
        size = response.raw.tell() if hasattr(response.raw, "tell") else 0
        record.hit(label, request.method, status, headers_at - start, now - start, size, now, expected)
    # Whoever answers a challenge through the response's connection (digest authentication) is counted too.
    response.connection = adapter
    return response
