"""Connections of our own to one origin, made by urllib3 (its addresses, options and certificate checks)."""

import ssl
from http.client import HTTPException

import requests
import urllib3.exceptions as urllib3_errors
from urllib3.util.ssl_match_hostname import CertificateError

# As many as requests keeps for a host.
MAX_IDLE = 10


class Kept:
    """A connection between two requests, with what of it is needed in a hurry."""

    __slots__ = ("connection", "sock", "timeout")

    def __init__(self, connection):
        self.connection = connection
        self.sock = connection.sock
        self.timeout = False

    def set_timeout(self, seconds):
        if seconds != self.timeout or self.timeout is False:
            self.sock.settimeout(seconds)
            self.timeout = seconds

    def close(self):
        self.connection.close()


class Origin:
    """Scheme, host and port, and the idle connections to it."""

    def __init__(self, pool, verify):
        self.pool = pool
        self.verify = verify
        self._idle = []

    def take(self, check):
        """An idle connection, or None. With `check`, only one that the server has not closed meanwhile."""
        while self._idle:
            kept = self._idle.pop()
            if not check or kept.connection.is_connected:
                return kept
            kept.close()
        return None

    def connect(self, timeout):
        """A new connection. Raises urllib3's errors, or those of ssl and sockets."""
        connection = self.pool._new_conn()
        connection.timeout = timeout
        try:
            # Connects where there is TLS, and warns as urllib3 does where certificates are not checked.
            self.pool._validate_conn(connection)
            if connection.sock is None:
                connection.connect()
        except BaseException:
            connection.close()
            raise
        return Kept(connection)

    def keep(self, kept):
        if len(self._idle) < MAX_IDLE:
            self._idle.append(kept)
        else:
            kept.close()

    def close(self):
        while self._idle:
            self._idle.pop().close()

    def head_of(self, headers, method):
        """The header lines that urllib3 sends for `headers`, from Host on, each with its line end."""
        connection = self.pool._new_conn()
        connection.sock = capture = _Capture()
        connection.request(method, "/", headers=headers)
        connection.close()
        return capture.data.partition(b"\r\n")[2][:-2]


class _Capture:
    """A socket that keeps what is written to it."""

    def __init__(self):
        self.data = b""

    def sendall(self, data):
        self.data += data

    def settimeout(self, seconds):
        pass

    def close(self):
        pass


def requests_error(error, request, pool, target, timeout):
    """What requests raises where urllib3, ssl, http.client or a socket raised `error`."""
    if isinstance(error, (ssl.SSLError, CertificateError)):
        error = urllib3_errors.SSLError(error)
    elif isinstance(error, TimeoutError):
        message = f"Read timed out. (read timeout={timeout})"
        wrapped = urllib3_errors.ReadTimeoutError(pool, target, message)
        wrapped.__cause__ = error
        error = wrapped
    elif isinstance(error, (OSError, HTTPException)):
        wrapped = urllib3_errors.ProtocolError("Connection aborted.", error)
        wrapped.__cause__ = error
        error = wrapped
    if isinstance(error, urllib3_errors.ReadTimeoutError):
        return requests.ReadTimeout(error, request=request)
    if isinstance(error, urllib3_errors.ProtocolError):
        return requests.ConnectionError(error, request=request)
    gave_up = urllib3_errors.MaxRetryError(pool, target, error)
    if isinstance(error, urllib3_errors.SSLError):
        return requests.exceptions.SSLError(gave_up, request=request)
    is_timeout = isinstance(error, urllib3_errors.ConnectTimeoutError)
    if is_timeout and not isinstance(error, urllib3_errors.NewConnectionError):
        return requests.ConnectTimeout(gave_up, request=request)
    return requests.ConnectionError(gave_up, request=request)
