"""Where a request becomes bytes and an answer a hit."""

import re
import time

from datetime import timedelta
from http.client import HTTPException

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from loads import body as bodies
from loads import head as heads
from loads.counted import send_counted
from loads.connect import Origin, requests_error
from loads.errors import kind_of, message_of
from loads.record import StepOver
from loads.response import PlainResponse, Replay, raw_response, stock_response

RECEIVE = 65_536
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))
_OWN_ERRORS = (HTTPError, HTTPException, OSError)
# How far an exchange has come.
UNSENT, SENT, ANSWERED = range(3)
# Request targets that urllib3 sends as they are.
_TARGET = re.compile(r"/(?:[A-Za-z0-9/._~!$&'()*+,;=:@?-]|%[0-9A-F]{2})*")
_METHOD = re.compile(r"[A-Z]+")
# Replaced by whoever mocks requests; then everything must go that way.
STOCK_SEND = HTTPAdapter.send
# By name, as gevent is not imported where nothing is patched.
_KILLS = ("GreenletExit", "Killed")


class Exchange:
    """One request to be sent: `wire` is the head's and the body's bytes, `target` the path for messages."""

    __slots__ = ("request", "origin", "wire", "label", "target", "connect", "read", "start", "state", "reused")

    def __init__(self, request, origin, wire, label, target, connect, read):
        self.request = request
        self.origin = origin
        self.wire = wire
        self.label = label
        self.target = target
        self.connect = connect
        self.read = read
        self.state = UNSENT
        self.reused = False


class PlainAdapter(HTTPAdapter):
    """Sends plain requests over sockets of its own and reads the answers itself; all else is requests' way.

    Everything that it sends is counted in the session's record, once for each answer.
    """

    def __init__(self, session):
        super().__init__()
        self._session = session
        self._origins = {}

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        """requests' entry: redirects, requests with hooks, and whatever else is not the session's short way."""
        limits = plain_timeout(timeout)
        plain = not (stream or cert or proxies) and limits is not None and isinstance(verify, (bool, str))
        if plain and HTTPAdapter.send is STOCK_SEND:
            exchange = self._exchange_for(request, verify, limits)
            if exchange is not None:
                return self.exchange(exchange)
        options = {"stream": stream, "timeout": timeout, "verify": verify, "cert": cert, "proxies": proxies}
        return send_counted(super().send, self, self._session, request, options)

    def _exchange_for(self, request, verify, limits):
        """The exchange for a prepared request, or None if something about it is unusual."""
        body, headers = request.body, request.headers
        if isinstance(body, str):
            body = body.encode("utf-8")
        if "Transfer-Encoding" in headers or not (body is None or isinstance(body, bytes)):
            return None
        if body is not None and headers.get("Content-Length") != str(len(body)):
            return None
        target = request.path_url
        if not is_plain(request.method, request.url, target):
            return None
        origin = self.origin(request, verify)
        wire = b"".join((start_line(request.method, target), origin.head_of(headers, request.method), b"\r\n", body or b""))
        label = self._session.label_of(request.url)
        return Exchange(request, origin, wire, label, target, *limits)

    def origin(self, request, verify):
        """The origin of a prepared request; its connections are checked as `verify` says."""
        scheme, _, rest = request.url.partition("://")
        key = (scheme, rest.partition("/")[0].partition("?")[0], verify)
        origin = self._origins.get(key)
        if origin is None:
            pool = self.get_connection_with_tls_context(request, verify, proxies={}, cert=None)
            self.cert_verify(pool, request.url, verify, None)
            origin = self._origins[key] = Origin(pool, verify)
        return origin

    def close(self):
        """Closes all connections. The session may go on: what it remembers leads to the same origins."""
        super().close()
        for origin in self._origins.values():
            origin.close()

    # -- one exchange --------------------------------------------------------------------------------

    def exchange(self, exchange):
        """Sends, receives and counts; returns the response, or raises what requests would."""
        session = self._session
        record = session.record
        start = time.monotonic_ns()
        if start >= record.end:
            raise StepOver
        late, session.late = session.late, 0
        exchange.start = start - late
        kept = None
        try:
            kept, data = self._ask(exchange, record)
            return self._answer(exchange, record, kept, data)
        except _OWN_ERRORS as error:
            if kept is not None:
                kept.close()
            raise self._failed(exchange, record, error) from error
        except BaseException as error:
            # Cut from outside, by us or by a time limit of the test's own.
            if kept is not None:
                kept.close()
            if exchange.state == SENT:
                _cut(record, exchange.label, error)
            raise

    def _ask(self, exchange, record):
        """Sends the request; returns the connection and the first bytes of the answer (b"" where it ended)."""
        again = exchange.request.method in IDEMPOTENT
        kept = exchange.origin.take(not again)
        exchange.reused = kept is not None
        while True:
            if kept is None:
                kept = exchange.origin.connect(exchange.connect)
            try:
                data = self._send_and_wait(exchange, record, kept)
            except ConnectionError:
                if not (exchange.reused and again):
                    kept.close()
                    raise
                data = b""
            except BaseException:
                kept.close()
                raise
            if data or not (exchange.reused and again):
                return kept, data
            # A kept connection that the server has closed meanwhile: once more, on a new one.
            kept.close()
            kept, exchange.reused = None, False
            record.retried()

    def _send_and_wait(self, exchange, record, kept):
        wire, sock = exchange.wire, kept.sock
        kept.set_timeout(exchange.read)
        try:
            count = sock.send(wire)
            if exchange.state == UNSENT:
                exchange.state = SENT
                record.sent()
            if count < len(wire):
                sock.sendall(memoryview(wire)[count:])
        except (BrokenPipeError, ConnectionResetError):
            # The server may have answered before it closed; reading tells (as urllib3 does).
            pass
        return sock.recv(RECEIVE)

    def _answer(self, exchange, record, kept, data):
        """Reads the rest of an answer that begins with `data`."""
        sock = kept.sock
        replay = None
        while (end := data.find(b"\r\n\r\n")) < 0 and data and not heads.may_end(data):
            part, replay = _receive(sock, data)
            if replay is not None:
                break
            data += part
        head = heads.read(data[: end + 2]) if end >= 0 else None
        if head is None:
            return self._unusual(exchange, record, kept, replay or Replay(data, sock if data else None))
        headers_at = time.monotonic_ns()
        exchange.state = ANSWERED
        try:
            body, clean, replay = bodies.read(head, exchange.request.method, sock, data, end + 4)
        except BaseException as error:
            kept.close()
            self._hit(exchange, record, head.status, headers_at, 0)
            _cut(record, exchange.label, error, answered=True)
            raise
        if replay is not None:
            return self._unusual(exchange, record, kept, replay, headers_at)
        self._hit(exchange, record, head.status, headers_at, len(body))
        if clean and not head.close:
            exchange.origin.keep(kept)
        else:
            kept.close()
        response = PlainResponse(head, body, exchange.request, self, headers_at - exchange.start)
        if head.encoded and body:
            self._decode(exchange, record, response, body)
        return response

    def _hit(self, exchange, record, status, headers_at, size):
        now = time.monotonic_ns()
        expected = self._session.expected
        record.hit(
            exchange.label,
            exchange.request.method,
            status,
            headers_at - exchange.start,
            now - exchange.start,
            size,
            now,
            200 <= status < 400 if expected is None else expected(status),
        )

    def _decode(self, exchange, record, response, body):
        """Unpacks the body; one that can not be is left for requests to raise, as it would."""
        response._content, response._content_consumed = False, False
        response.raw = raw_response(response._head, body)
        try:
            response.content
        except RequestException as error:
            record.error(kind_of(error), "request", exchange.label, message_of(error))
            response.raw = raw_response(response._head, body)

    def _unusual(self, exchange, record, kept, replay, headers_at=None):
        """An answer that only http.client and urllib3 read as requests would, or that did not come whole."""
        method, target = exchange.request.method, exchange.target
        pool = exchange.origin.pool
        raw = stock_response(replay, pool, method, target)
        headers_at = headers_at or time.monotonic_ns()
        exchange.state = ANSWERED
        response = self.build_response(exchange.request, raw)
        try:
            response.content
        except RequestException as error:
            record.error(kind_of(error), "request", exchange.label, message_of(error))
            # For requests to raise at the point where it would.
            response = self.build_response(exchange.request, stock_response(replay.again(), pool, method, target))
        except BaseException as error:
            _cut(record, exchange.label, error, answered=True)
            raise
        finally:
            kept.close()
            self._hit(exchange, record, raw.status, headers_at, raw.tell())
        response.elapsed = timedelta(microseconds=(headers_at - exchange.start) / 1_000)
        return response

    def _failed(self, exchange, record, error):
        """Counts a request that got no answer; returns what requests raises."""
        connecting = exchange.state == UNSENT
        timeout = exchange.connect if connecting else exchange.read
        error = requests_error(error, exchange.request, exchange.origin.pool, exchange.target, timeout)
        record.failed(not connecting, kind_of(error), exchange.label, message_of(error))
        return error


def is_plain(method, url, target):
    """Whether a request line for `target` is what urllib3 would write."""
    scheme, _, rest = url.partition("://")
    return (
        scheme in ("http", "https")
        and "@" not in rest.partition("/")[0]
        and _TARGET.fullmatch(target) is not None
        and _METHOD.fullmatch(method) is not None
    )


def start_line(method, target):
    return f"{method} {target} HTTP/1.1\r\n".encode("ascii")


def plain_timeout(timeout):
    """(connect, read) seconds, or None where `timeout` is one that requests should judge."""
    connect, read = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (timeout, timeout)
    for seconds in (connect, read):
        if seconds is not None and (type(seconds) not in (int, float) or seconds <= 0):
            return None
    return connect, read


def _receive(sock, data):
    """More bytes; or, where none come, how the answer that began with `data` ended."""
    try:
        part = sock.recv(RECEIVE)
    except OSError as error:
        return b"", Replay(data, error=error)
    return part, None if part else Replay(data)


def _cut(record, label, error, answered=False):
    """Counts a request ended from outside: by us, or by a time limit of the test's own (gevent.Timeout)."""
    ours = isinstance(error, (StepOver, KeyboardInterrupt, SystemExit)) or type(error).__name__ in _KILLS
    if answered:
        if not ours:
            record.error(f"other:{type(error).__name__}", "request", label, message_of(error))
    elif ours:
        record.unanswered()
    else:
        record.failed(True, f"other:{type(error).__name__}", label, message_of(error))
