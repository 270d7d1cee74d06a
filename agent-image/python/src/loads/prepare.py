"""What requests prepares anew for every request, prepared once for those that are alike."""

import os
import sys
import urllib.request

from requests import PreparedRequest
from requests.cookies import RequestsCookieJar, get_cookie_header, merge_cookies
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from requests.utils import get_netrc_auth

# URLs and header sets that each session remembers; a process has thousands of sessions, and a test may have
# endless different URLs.
MAX_REMEMBERED = 100

_PROXY_VARIABLES = frozenset(
    os.fsencode(name)
    for variable in ("http_proxy", "https_proxy", "all_proxy")
    for name in (variable, variable.upper())
)
_BODY_HEADERS = frozenset(("content-length", "transfer-encoding"))


def environment_is_plain():
    """Whether the environment asks for no proxy. Cheap enough to be asked before every request."""
    variables = getattr(os.environ, "_data", None)
    if variables is None or sys.platform in ("darwin", "win32"):
        return not urllib.request.getproxies()
    return variables.keys().isdisjoint(_PROXY_VARIABLES)


def label_of(url):
    """`url` without query, fragment and user information."""
    url = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


class Remembered(dict):
    """A dict that forgets all when it is full."""

    def __setitem__(self, key, value):
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        super().__setitem__(key, value)


class Jar(RequestsCookieJar):
    """The session's cookies; knows when they changed, so that unchanged ones need no new Cookie header."""

    changes = 0

    def set_cookie(self, cookie, *args, **kwargs):
        self.changes += 1
        return super().set_cookie(cookie, *args, **kwargs)

    def clear(self, *args, **kwargs):
        self.changes += 1
        return super().clear(*args, **kwargs)


class PlainRequest(PreparedRequest):
    """A ``PreparedRequest`` whose headers and cookies are made when they are looked at."""

    def __init__(self, method, url, body, lines, session):
        # Not requests' own: it makes all that __getattr__ makes here.
        self.method = method
        self.url = url
        self.body = body
        self._body_position = None
        self._lines = lines
        self._session = session

    def __getattr__(self, name):
        if name == "headers":
            value = CaseInsensitiveDict(self._lines)
        elif name == "_cookies":
            value = merge_cookies(RequestsCookieJar(), self._session.cookies)
        elif name == "hooks":
            value = default_hooks()
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.__dict__[name] = value
        return value

    def __getstate__(self):
        state = {**self.__dict__, "headers": self.headers, "_cookies": self._cookies, "hooks": self.hooks}
        return {**state, "_session": None}


class Place:
    """A URL as requests prepares it, where it leads, and under which name it is counted."""

    __slots__ = ("url", "target", "origin", "label", "line", "cookies")

    def __init__(self, url, target, origin, line):
        self.url = url
        self.target = target
        self.origin = origin
        self.line = line
        self.label = label_of(url)
        # (jar's changes, header or None), as of the last request.
        self.cookies = (-1, None)


class HeaderSet:
    """The headers of a session and a request, merged and as bytes."""

    __slots__ = ("pairs", "block", "has_type", "has_cookie", "has_auth")

    def __init__(self, headers, block):
        self.pairs = list(headers.items())
        self.block = block
        self.has_type = "content-type" in headers
        self.has_cookie = "cookie" in headers
        self.has_auth = "authorization" in headers


def frames_itself(headers):
    """Whether a test's own headers say how long the body is: requests should see to that."""
    return not _BODY_HEADERS.isdisjoint(name.lower() for name in headers)


def body_of(data, json, has_type, headers):
    """The body for `data` or `json`, and the header lines that requests adds for it."""
    scratch = PreparedRequest()
    scratch.method = "POST"
    scratch.headers = CaseInsensitiveDict({"Content-Type": ""} if has_type else {})
    scratch.prepare_body(data, None, json)
    if has_type:
        del scratch.headers["Content-Type"]
    return scratch.body, list(scratch.headers.items())


def cookie_header(session, place):
    """The Cookie header for a place, from a jar that counts its changes."""
    jar = session.cookies
    changes, header = place.cookies
    if changes != jar.changes:
        request = PlainRequest("GET", place.url, None, (), session)
        header = get_cookie_header(request._cookies, request)
        # A cookie that expires must be looked at each time.
        lasting = all(cookie.expires is None for cookie in jar)
        place.cookies = (jar.changes if lasting else -1, header)
    return header


def has_netrc(url):
    """Whether requests would log in by ~/.netrc."""
    return get_netrc_auth(url) is not None
