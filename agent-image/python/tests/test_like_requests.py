"""What a test sees of our session is what it would see of requests': the same calls to the same server."""

import pickle

import pytest
import requests
from loads.session import Session
from server import ANSWERS


def seen(response):
    """Everything of a response that a test may look at."""
    return {
        "status": response.status_code,
        "reason": response.reason,
        "ok": response.ok,
        "url": response.url,
        "headers": list(response.headers.items()),
        "content": response.content,
        "text": response.text if len(response.content) < 10_000 else None,
        "encoding": response.encoding,
        "apparent": response.apparent_encoding if len(response.content) < 10_000 else None,
        "cookies": sorted((c.name, c.value, c.path, c.domain) for c in response.cookies),
        "is_redirect": response.is_redirect,
        "permanent": response.is_permanent_redirect,
        "links": response.links,
        "history": [(r.status_code, r.url, r.content, r.request.url) for r in response.history],
        "next": response.next and (response.next.method, response.next.url, dict(response.next.headers)),
        "elapsed": response.elapsed.total_seconds() > 0,
        "raw": (response.raw.status, response.raw.reason, response.raw.version, list(response.raw.headers.items())),
        "rest": (response.raw.read(), response.raw.closed),
        "cookie headers": response.raw.headers.getlist("Set-Cookie"),
        "request": (response.request.method, response.request.url),
        "body": response.request.body if isinstance(response.request.body, (str, bytes)) else None,
        "request headers": list(response.request.headers.items()),
        "iterated": b"".join(response.iter_content(max(7, len(response.content) // 99))),
        "lines": list(response.iter_lines(4096)),
        "repr": repr(response),
        "pickled": pickle.loads(pickle.dumps(response)).content,
    }


def told(error):
    """The class of an error and of what it wraps; messages hold ports and addresses."""
    names, inner = [], error
    while isinstance(inner, BaseException):
        names.append(type(inner).__name__)
        inner = getattr(inner, "reason", None) or next((a for a in inner.args if isinstance(a, BaseException)), None)
    return {"error": names, "response": getattr(error, "response", None) is not None}


def outcome(session, call, server):
    before, other = len(server.requests), len(server.other.requests)
    try:
        result = seen(call(session, server.url))
    except requests.RequestException as error:
        result = told(error)
    result["jar"] = sorted((c.name, c.value, c.path, c.domain) for c in session.cookies)
    result["sent"] = server.requests[before:] + server.other.requests[other:]
    return result


def agree(call, server, session, times=2):
    """Makes the same calls with both sessions, more than once, so that kept connections are used too."""
    with requests.Session() as stock:
        expected = [outcome(stock, call, server) for _ in range(times)]
    actual = [outcome(session, call, server) for _ in range(times)]
    assert _differences(actual, expected) == []


def _differences(actual, expected):
    keys = [{*ours, *theirs} for ours, theirs in zip(actual, expected)]
    return [
        (turn, key, actual[turn].get(key), expected[turn].get(key))
        for turn in range(len(expected))
        for key in sorted(keys[turn])
        if actual[turn].get(key) != expected[turn].get(key)
    ]


ODD_SENDS = ("/stale", "/wait", "/short-wait")


@pytest.mark.parametrize("path", [path for path in ANSWERS if path not in ODD_SENDS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_reads_as_with_requests(server, session, path, method):
    agree(lambda s, url: s.request(method, url + path, timeout=5), server, session)


CALLS = {
    "params": lambda s, u: s.get(u + "/echo?a=1", params={"b": ["2", "é"], "c": None}),
    "params as bytes": lambda s, u: s.get(u + "/echo", params=b"x=y&z"),
    "a fragment": lambda s, u: s.get(u + "/echo#part"),
    "odd characters": lambda s, u: s.get(u + "/a b/%7euser/%2f/ü?q=a b|c"),
    "dots": lambda s, u: s.get(u + "/a/../b/./c"),
    "a space before": lambda s, u: s.get("  " + u + "/echo"),
    "a capital scheme": lambda s, u: s.get(u.replace("http", "HTTP") + "/echo"),
    "no path": lambda s, u: s.get(u),
    "a query only": lambda s, u: s.get(u + "?x=1"),
    "two slashes": lambda s, u: s.get(u + "//echo"),
    "bytes": lambda s, u: s.get((u + "/echo").encode()),
    "user and password in the URL": lambda s, u: s.get(u.replace("://", "://me:pa@") + "/echo"),
    "json": lambda s, u: s.post(u + "/echo", json={"a": "ü", "b": [1]}),
    "empty json": lambda s, u: s.post(u + "/echo", json={}),
    "json null": lambda s, u: s.post(u + "/echo", json=None),
    "json with a type": lambda s, u: s.post(u + "/echo", json=[1], headers={"content-type": "application/x+json"}),
    "a form": lambda s, u: s.post(u + "/echo", data={"a": "1", "b": ["ü", "3"]}),
    "a form as pairs": lambda s, u: s.post(u + "/echo", data=[("a", "1"), ("a", "2")]),
    "text": lambda s, u: s.post(u + "/echo", data="hä?"),
    "bytes as data": lambda s, u: s.put(u + "/echo", data=b"\x00\xff"),
    "an empty text": lambda s, u: s.post(u + "/echo", data=""),
    "data and json": lambda s, u: s.post(u + "/echo", data={"a": 1}, json={"b": 2}),
    "data with GET": lambda s, u: s.get(u + "/echo", data="body"),
    "patch": lambda s, u: s.patch(u + "/echo", json=1),
    "delete": lambda s, u: s.delete(u + "/echo"),
    "options": lambda s, u: s.options(u + "/echo"),
    "a lower-case method": lambda s, u: s.request("put", u + "/echo", data="x"),
    "a method of one's own": lambda s, u: s.request("PURGE", u + "/echo"),
    "headers": lambda s, u: s.get(u + "/echo", headers={"X-Thing": "1", "user-agent": "me", "Accept": None}),
    "a Host header": lambda s, u: s.get(u + "/echo", headers={"Host": "example.test"}),
    "a Cookie header": lambda s, u: s.get(u + "/echo", headers={"Cookie": "z=9"}),
    "a Content-Length header": lambda s, u: s.post(u + "/echo", data="abc", headers={"Content-Length": "3"}),
    "a header as bytes": lambda s, u: s.get(u + "/echo", headers={"X-B": b"1", b"X-C": "2"}),
    "a latin header": lambda s, u: s.get(u + "/echo", headers={"X-L": "caf\xe9"}),
    "cookies": lambda s, u: s.get(u + "/echo", cookies={"k": "v"}),
    "basic auth": lambda s, u: s.get(u + "/echo", auth=("me", "pä")),
    "basic auth and a body": lambda s, u: s.post(u + "/echo", json=1, auth=("me", "pa")),
    "auth over a header": lambda s, u: s.get(u + "/echo", auth=("a", "b"), headers={"authorization": "x"}),
    "an iterator": lambda s, u: s.post(u + "/echo", data=iter([b"a", b"bc"])),
    "a stream": lambda s, u: s.get(u + "/chunked", stream=True),
    "a timeout": lambda s, u: s.get(u + "/ok", timeout=(2, 3.5)),
    "no redirects": lambda s, u: s.get(u + "/302-cookie", allow_redirects=False),
    "a redirect to another host": lambda s, u: s.get(u + "/cross", headers={"Authorization": "secret"}),
    "a redirected body": lambda s, u: s.post(u + "/307", json={"a": 1}),
    "a redirected form": lambda s, u: s.post(u + "/302", data={"a": 1}),
    "a 303 after PUT": lambda s, u: s.put(u + "/303", data="x"),
    "head does not follow": lambda s, u: s.head(u + "/302"),
    "head follows": lambda s, u: s.head(u + "/302", allow_redirects=True),
    "too short a read limit": lambda s, u: s.get(u + "/wait", timeout=0.2),
    "too short a limit for the body": lambda s, u: s.get(u + "/short-wait", timeout=0.2),
    "no scheme": lambda s, u: s.get("127.0.0.1/ok"),
    "another scheme": lambda s, u: s.get("ftp://127.0.0.1/ok"),
    "a bad host": lambda s, u: s.get("http://*bad/ok"),
    "a bad port": lambda s, u: s.get("http://127.0.0.1:99999/ok"),
    "a bad header": lambda s, u: s.get(u + "/ok", headers={"X": "a\r\nb"}),
    "bad json": lambda s, u: s.post(u + "/ok", json=float("nan")),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_sends_and_returns_what_requests_does(server, session, name):
    agree(CALLS[name], server, session)


def hooked(response, **options):
    response.reason = "hooked"


SETTINGS = {
    "session headers": lambda s: s.headers.update({"X-Session": "1", "Accept": "text/html"}),
    "a removed header": lambda s: s.headers.pop("User-Agent"),
    "plain dict headers": lambda s: setattr(s, "headers", {"X-Only": "1"}),
    "params": lambda s: s.params.update(q="1"),
    "auth": lambda s: setattr(s, "auth", ("me", "pa")),
    "a cookie": lambda s: s.cookies.set("k", "v"),
    "a cookie for one path": lambda s: s.cookies.set("k", "v", path="/other"),
    "no environment": lambda s: setattr(s, "trust_env", False),
    "few redirects": lambda s: setattr(s, "max_redirects", 2),
    "a hook": lambda s: s.hooks["response"].append(hooked),
    "streams": lambda s: setattr(s, "stream", True),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_the_session_hold_as_with_requests(server, session, name):
    def call(s, url):
        s.get(url + "/cookie")
        if not getattr(s, "set_up", False):
            SETTINGS[name](s)
            s.set_up = True
        s.post(url + "/json", json=1)
        s.get(url + "/cookie-gone")
        return s.get(url + ("/loop" if name == "few redirects" else "/302"))

    agree(call, server, session)


def test_settings_changed_between_requests_take_effect_at_once(server, session):
    for value in ("1", "2"):
        session.headers["X-Turn"] = value
        assert f"X-Turn: {value}\r\n" in session.get(server.url + "/echo").text


def test_a_mocked_requests_is_asked(server, session, monkeypatch):
    def send(self, request, **options):
        response = requests.Response()
        response.status_code, response.url = 418, request.url
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    assert session.get(server.url + "/ok").status_code == 418


def test_proxies_of_the_environment_are_used(server, session, monkeypatch):
    monkeypatch.setenv("http_proxy", server.other.url)
    session.get(server.url + "/seen")
    assert server.other.requests[0].startswith(f"GET {server.url}/seen ".encode())


def test_a_connection_is_kept_for_the_next_request(server, session):
    for path in ("/ok", "/chunked", "/204", "/gzip", "/large", "/404"):
        session.get(server.url + path)
    assert server.connections == 1


def test_an_idempotent_request_on_a_stale_connection_is_sent_once_more(server, session, windows):
    session.get(server.url + "/stale")
    while server._open:
        pass
    assert session.get(server.url + "/ok").text == "ok"
    assert windows.totals["retries"] == 1
    assert (windows.totals["sent"], windows.totals["hits"]) == (2, 2)


def test_a_post_never_goes_over_a_stale_connection(server, session, windows):
    session.get(server.url + "/stale")
    while server._open:
        pass
    assert session.post(server.url + "/ok", data="x").text == "ok"
    assert "retries" not in windows.totals
    assert len(server.requests) == 2


def test_elapsed_ends_with_the_headers(server, session):
    response = session.get(server.url + "/chunked-slow")
    assert 0 < response.elapsed.total_seconds() < 0.05


def test_a_session_can_be_closed_and_used_again(server, session):
    session.get(server.url + "/ok")
    session.close()
    assert session.get(server.url + "/ok").text == "ok"
