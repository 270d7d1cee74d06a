"""``requests.Session`` with every response counted as a hit, and a short way for plain requests."""

import contextlib
import os

import requests
from requests.auth import _basic_auth_str
from requests.cookies import extract_cookies_to_jar
from requests.sessions import merge_setting
from requests.structures import CaseInsensitiveDict

from loads import prepare
from loads.adapter import STOCK_SEND, Exchange, PlainAdapter, is_plain, plain_timeout, start_line
from loads.counted import CountedAdapter
from loads.response import PlainResponse

_NO_HOOKS = {"response": []}
# Whatever of these a test replaces, on one session or for all, is asked: then there is no short way.
_REPLACEABLE = ("request", "send", "prepare_request", "get_adapter", "merge_environment_settings")
_STOCK = {name: getattr(requests.Session, name) for name in _REPLACEABLE}


class Session(requests.Session):
    """A user's session. Use it as you use requests; what is counted is in docs/figures.md."""

    def __init__(self, record):
        super().__init__()
        self.record = record
        #: Nanoseconds that the execution waited after it was due; added to its first request.
        self.late = 0
        #: None, or a function that says whether a status is what the test wants.
        self.expected = None
        self.cookies = self._jar = prepare.Jar()
        self._policy = self._jar._policy
        self._label = None
        self._plain_adapter = PlainAdapter(self)
        self._counted = {}
        self._places = prepare.Remembered()
        self._header_sets = prepare.Remembered()
        self._headers_seen = None
        self.mount("https://", self._plain_adapter)
        self.mount("http://", self._plain_adapter)

    # -- counting ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def named(self, label):
        """Within this, requests are counted under `label` instead of their URL."""
        before, self._label = self._label, label
        try:
            yield
        finally:
            self._label = before

    @contextlib.contextmanager
    def expecting(self, expected):
        """Within this, `expected(status)` says whether an answer's status is what the test wants."""
        before, self.expected = self.expected, expected
        try:
            yield
        finally:
            self.expected = before

    def label_of(self, url):
        return self._label or prepare.label_of(url)

    def get_adapter(self, url):
        """The adapter for `url`; one that the test has mounted comes counted."""
        adapter = super().get_adapter(url)
        if adapter is self._plain_adapter:
            return adapter
        counted = self._counted.get(id(adapter))
        if counted is None or counted._adapter is not adapter:
            counted = self._counted[id(adapter)] = CountedAdapter(adapter, self)
        return counted

    def resolve_redirects(self, resp, req, **options):
        try:
            yield from super().resolve_redirects(resp, req, **options)
        except requests.TooManyRedirects as error:
            self.record.error("too-many-redirects", "request", self.label_of(req.url), str(error))
            raise

    # -- the short way -------------------------------------------------------------------------------

    def request(
        self,
        method,
        url,
        params=None,
        data=None,
        headers=None,
        cookies=None,
        files=None,
        auth=None,
        timeout=None,
        allow_redirects=True,
        proxies=None,
        hooks=None,
        stream=None,
        verify=None,
        cert=None,
        json=None,
    ):
        exchange = None
        if not (cookies or files or proxies or hooks or stream or cert) and verify is None and self._is_plain():
            exchange = self._exchange_for(method, url, params, data, headers, auth, timeout, json)
        if exchange is None:
            return super().request(
                method,
                url,
                params=params,
                data=data,
                headers=headers,
                cookies=cookies,
                files=files,
                auth=auth,
                timeout=timeout,
                allow_redirects=allow_redirects,
                proxies=proxies,
                hooks=hooks,
                stream=stream,
                verify=verify,
                cert=cert,
                json=json,
            )
        response = self._plain_adapter.exchange(exchange)
        if type(response) is PlainResponse and response._content_consumed:
            head = response._head
            if not (head.cookies or head.location):
                return response
        options = {"stream": False, "timeout": timeout, "verify": exchange.origin.verify, "cert": None, "proxies": {}}
        return self._complete(response, exchange.request, allow_redirects, options)

    def _complete(self, response, request, allow_redirects, options):
        """What `send` does after the adapter, for a request without hooks."""
        extract_cookies_to_jar(self.cookies, request, response.raw)
        if allow_redirects:
            history = [response, *self.resolve_redirects(response, request, **options)]
            response = history.pop()
            if history:
                response.history = history
        else:
            following = self.resolve_redirects(response, request, yield_requests=True, **options)
            response._next = next(following, None)
        response.content
        return response

    def _is_plain(self):
        """Whether nothing about the session asks for more than a plain request."""
        adapters, own = self.adapters, self._plain_adapter
        return (
            len(adapters) == 2
            and adapters.get("http://") is own
            and adapters.get("https://") is own
            and self.cookies is self._jar
            and self._jar._policy is self._policy
            and not (self.params or self.proxies or self.stream or self.cert)
            and self.hooks == _NO_HOOKS
            and (self.verify is True or self.verify is False)
            and (not self.trust_env or prepare.environment_is_plain())
            and type(self.headers) is CaseInsensitiveDict
            and not _is_replaced(self)
        )

    def _exchange_for(self, method, url, params, data, headers, auth, timeout, json):
        """The exchange for a plain request, or None if something about it is unusual."""
        limits = plain_timeout(timeout)
        auth = auth or self.auth
        if limits is None or not (data is None or isinstance(data, (str, bytes, dict, list, tuple))):
            return None
        if auth is not None and not (type(auth) is tuple and len(auth) == 2):
            return None
        method = method.upper()
        place = self._place(method, url, params)
        header_set = self._header_set(place, headers) if place is not None else None
        if header_set is None or (auth is not None and header_set.has_auth):
            return None
        lines = []
        if self._jar._cookies and not header_set.has_cookie:
            cookie = prepare.cookie_header(self, place)
            if cookie is not None:
                lines.append(("Cookie", cookie))
        body = None
        if data or json is not None:
            body, body_lines = prepare.body_of(data, json, header_set.has_type, headers)
            lines += body_lines
        elif method != "GET" and method != "HEAD":
            lines.append(("Content-Length", "0"))
        if auth is not None:
            lines.append(("Authorization", _basic_auth_str(*auth)))
        request = prepare.PlainRequest(method, place.url, body, header_set.pairs + lines, self)
        wire = b"".join((place.line, header_set.block, *map(_line, lines), b"\r\n", _bytes(body)))
        return Exchange(request, place.origin, wire, self._label or place.label, place.target, *limits)

    def _place(self, method, url, params):
        """Where `url` leads; None where requests should prepare it."""
        verify = self.verify
        key = (method, url, verify)
        if params:
            return self._prepare_place(method, url, params, verify)
        place = self._places.get(key) if type(url) is str else None
        if place is None:
            place = self._prepare_place(method, url, None, verify)
            if place is not None and type(url) is str:
                self._places[key] = place
        return place

    def _prepare_place(self, method, url, params, verify):
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url.decode("utf-8") if isinstance(url, bytes) else url, params or {})
        if not request.url.startswith(("http://", "https://")):
            return None
        target = request.path_url
        if not is_plain(request.method, request.url, target):
            return None
        if self.trust_env:
            if prepare.has_netrc(request.url):
                return None
            if verify is True:
                verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
        origin = self._plain_adapter.origin(request, verify)
        return prepare.Place(request.url, target, origin, start_line(request.method, target))

    def _header_set(self, place, headers):
        """The session's headers and the request's; None where requests should merge them."""
        store = self.headers._store
        if store != self._headers_seen:
            self._headers_seen = dict(store)
            self._header_sets.clear()
        if not headers:
            key = (place.origin, None)
        elif type(headers) is dict:
            key = (place.origin, tuple(headers.items()))
        else:
            return None
        try:
            header_set = self._header_sets.get(key)
        except TypeError:
            return None
        if header_set is None:
            header_set = self._merge_headers(place, headers)
            if header_set is not None:
                self._header_sets[key] = header_set
        return header_set

    def _merge_headers(self, place, headers):
        request = requests.PreparedRequest()
        request.prepare_headers(merge_setting(headers, self.headers, dict_class=CaseInsensitiveDict))
        if prepare.frames_itself(request.headers):
            return None
        return prepare.HeaderSet(request.headers, place.origin.head_of(request.headers, "GET"))

    def __getstate__(self):
        raise TypeError("a session of a load test belongs to one user and can not be pickled")


def _is_replaced(session):
    own = session.__dict__
    for name in _REPLACEABLE:
        if name in own or getattr(requests.Session, name) is not _STOCK[name]:
            return True
    return requests.adapters.HTTPAdapter.send is not STOCK_SEND


def _line(pair):
    name, value = pair
    if isinstance(value, str):
        value = value.encode("latin-1")
    return b"%b: %b\r\n" % (name.encode("ascii"), value)


def _bytes(body):
    if body is None:
        return b""
    return body.encode("utf-8") if isinstance(body, str) else body
