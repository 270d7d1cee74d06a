"""The closed list of names under which a failed request is reported, and what tells them apart.

``requests.ConnectionError`` alone covers refused, DNS failure and a time-out within the body, so names come
from the chain of causes and from errno.
"""

import errno
import http.client
import socket
import ssl

import requests
import urllib3.exceptions as urllib3_errors

from loads.targets import NotAllowed

_REFUSED = {errno.ECONNREFUSED}
_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
_CONNECT_TIMEOUT = {errno.ETIMEDOUT}


def chain(error):
    """`error` and all that it wraps, outermost first: causes, contexts, `reason` and exception arguments."""
    seen, queue = set(), [error]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        wrapped = [getattr(current, "reason", None), current.__cause__, *current.args]
        if not current.__suppress_context__:
            wrapped.append(current.__context__)
        queue.extend(inner for inner in wrapped if isinstance(inner, BaseException))


def kind_of(error):
    """The name of a request's error."""
    causes = list(chain(error))

    def has(*classes):
        return any(isinstance(cause, classes) for cause in causes)

    numbers = {cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno}
    if isinstance(error, requests.TooManyRedirects):
        return "too-many-redirects"
    if has(NotAllowed):
        return "not-allowed"
    if has(socket.gaierror, urllib3_errors.NameResolutionError):
        return "dns"
    if has(ssl.SSLError, requests.exceptions.SSLError, urllib3_errors.SSLError, ssl.CertificateError):
        return "tls"
    if has(requests.ConnectTimeout) or _in_handshake(causes) or (numbers & _CONNECT_TIMEOUT and not was_sent(error)):
        return "connect-timeout"
    if has(requests.ReadTimeout, urllib3_errors.ReadTimeoutError):
        return "read-timeout"
    if numbers & _REFUSED:
        return "refused"
    if numbers & _RESET:
        return "reset"
    return _kind_of_answer(has, error)


def _kind_of_answer(has, error):
    if has(http.client.RemoteDisconnected):
        return "closed"
    if has(urllib3_errors.InvalidChunkLength, urllib3_errors.DecodeError, requests.exceptions.ContentDecodingError):
        return "bad-response"
    if has(http.client.IncompleteRead, urllib3_errors.IncompleteRead):
        return "closed"
    if has(http.client.HTTPException, urllib3_errors.InvalidHeader):
        return "bad-response"
    return f"other:{type(error).__name__}"


def was_sent(error):
    """Whether the request's first byte had been written when `error` came.

    For adapters whose connections are not ours: everything up to a connection that stands (name, connect,
    TLS handshake, proxy) is before, as are URLs and schemes that no adapter takes.
    """
    before = (
        urllib3_errors.NewConnectionError,
        urllib3_errors.ConnectTimeoutError,
        requests.exceptions.SSLError,
        requests.exceptions.ProxyError,
        requests.exceptions.ConnectTimeout,
    )
    causes = list(chain(error))
    if isinstance(error, (ValueError, NotAllowed)) or _in_handshake(causes):
        return False
    return not any(isinstance(cause, before) for cause in causes)


def _in_handshake(causes):
    # requests calls this a read time-out; only the message of ssl tells.
    return any(isinstance(cause, TimeoutError) and "handshake" in str(cause) for cause in causes)


def message_of(error):
    """What went wrong at the root, in one line: the outer messages carry object addresses and host pools."""
    for cause in reversed(list(chain(error))):
        text = str(cause)
        if text and isinstance(cause, (OSError, http.client.HTTPException, urllib3_errors.HTTPError)):
            return text
    return str(error) or type(error).__name__
