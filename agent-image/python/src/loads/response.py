"""Responses as requests makes them, with everything that a test does not look at left unmade."""

import io
from datetime import timedelta

import requests
from requests.cookies import cookiejar_from_dict, extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse


class Original:
    """What urllib3 and http.cookiejar want of http.client's response, once its body has been read."""

    def __init__(self, head):
        self.msg = head

    def isclosed(self):
        return True

    def close(self):
        pass


class _Body(io.BytesIO):
    """A received body; closed, as http.client's is, as soon as its last byte was read."""

    def isclosed(self):
        return self.closed or self.tell() >= len(self.getbuffer())


class PlainResponse(requests.Response):
    """A ``requests.Response`` whose less used parts come into being when they are asked for.

    Making them all costs more than the exchange itself: a cookie jar alone is 8 µs.
    """

    def __init__(self, head, body, request, adapter, elapsed_ns):
        # Not requests' own: it makes all that __getattr__ makes here.
        self._head = head
        self._content = body
        self._content_consumed = body is not False
        self._elapsed_ns = elapsed_ns
        self._next = None
        self.status_code = head.status
        self.request = request
        self.url = request.url
        self.connection = adapter

    def __getattr__(self, name):
        # Called only for what is not there yet.
        make = _PARTS.get(name)
        if make is None or "_head" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = self.__dict__[name] = make(self)
        return value

    def __setstate__(self, state):
        # As requests does, which drops what can not be pickled.
        super().__setstate__(state)
        self.__dict__.setdefault("_next", None)


def raw_response(head, body):
    """urllib3's response over a body that has been received."""
    return HTTPResponse(
        body=_Body(body),
        headers=HTTPHeaderDict(head.pairs),
        status=head.status,
        version=11,
        version_string="HTTP/1.1",
        reason=head.reason,
        preload_content=False,
        decode_content=False,
        original_response=Original(head),
    )


def _raw(response):
    raw = raw_response(response._head, b"")
    raw.read()
    return raw


def _headers(response):
    return CaseInsensitiveDict(HTTPHeaderDict(response._head.pairs))


def _cookies(response):
    jar = cookiejar_from_dict({})
    if response._head.cookies:
        extract_cookies_to_jar(jar, response.request, response.raw)
    return jar


_PARTS = {
    "raw": _raw,
    "headers": _headers,
    "cookies": _cookies,
    "encoding": lambda response: get_encoding_from_headers(response.headers),
    "reason": lambda response: response._head.reason,
    "elapsed": lambda response: timedelta(microseconds=response._elapsed_ns / 1_000),
    "history": lambda response: [],
}


class Replay(io.RawIOBase):
    """The bytes of an answer once more: what was received, then what the socket still gives, then how it ended."""

    def __init__(self, data, sock=None, error=None):
        self._data = bytearray(data)
        self._position = 0
        self._sock = sock
        self._error = error

    def readable(self):
        return True

    def readinto(self, target):
        if self._position < len(self._data):
            part = self._data[self._position : self._position + len(target)]
        elif self._error is not None:
            raise self._error
        elif self._sock is None:
            return 0
        else:
            part = self._receive(len(target))
        self._position += len(part)
        target[: len(part)] = part
        return len(part)

    def _receive(self, size):
        try:
            part = self._sock.recv(max(size, 8192))
        except OSError as error:
            self._error = error
            raise
        if not part:
            self._sock = None
        self._data += part
        return part[:size]

    def again(self):
        """The same answer from its beginning, without the socket."""
        return Replay(self._data, error=self._error)


def stock_response(replay, pool, method, target):
    """The answer as urllib3's connection reads it; raises what that raises."""
    connection = pool._new_conn()
    connection.sock = _ReplaySocket(replay)
    connection.request(method, target, preload_content=False, decode_content=False)
    return connection.getresponse()


class _ReplaySocket:
    """A socket that takes a request, does nothing with it, and answers with a replay."""

    def __init__(self, replay):
        self._replay = replay

    def makefile(self, *_):
        return io.BufferedReader(self._replay)

    def sendall(self, data):
        pass

    def settimeout(self, seconds):
        pass

    def close(self):
        # As with a real socket, the file made of it outlives this.
        pass
