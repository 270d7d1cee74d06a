"""WebTest's interface to a real server, through the user's session."""

import pytest
import requests
from loads.app import TestApp
from server import ANSWERS
from webtest import AppError


@pytest.fixture
def app(session, server):
    return TestApp(session, server.url)


def test_an_answer_is_a_webtest_response_and_a_hit(app, windows):
    response = app.get("/json", {"q": "ü 1"})
    assert response.json == {"a": [1, 2]}
    assert response.content_type == "application/json"
    assert '"a"' in response
    assert windows.rows() == {("GET", "/json", 200): 1}


def test_what_the_test_sends_arrives(app, server):
    app.post_json("/echo", {"a": 1}, headers={"X-Thing": "x"})
    request = server.requests[0]
    assert request.startswith(b"POST /echo HTTP/1.1\r\n") and request.endswith(b'\r\n\r\n{"a": 1}')
    assert b"X-Thing: x\r\n" in request and b"Content-Type: application/json\r\n" in request
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in request
    app.post("/echo", {"b": "2"})
    assert server.requests[1].endswith(b"\r\n\r\nb=2")
    app.get("/a%20b/%C3%BC?x=%20")
    assert server.requests[2].startswith(b"GET /a%20b/%C3%BC?x=%20 ")


@pytest.mark.parametrize("path", ["/gzip", "/deflate", "/chunked-gzip"])
def test_packed_answers_are_unpacked(app, path):
    assert set(app.get(path).body) <= set(b"zipped deflated z")


def test_an_answer_may_lack_a_content_type_and_a_reason(app):
    assert app.get("/no-type").body == b"plain"
    assert app.get("/no-reason").body == b"x"
    assert app.get("/204", status=204).body == b""
    assert app.head("/ok").content_length == 2


def test_a_bad_status_is_an_error_unless_it_is_asked_for(app, windows):
    with pytest.raises(AppError, match="404"):
        app.get("/404")
    for status in (404, "4*", [404, 410], "*"):
        app.get("/404", status=status)
    app.get("/500", expect_errors=True)
    with pytest.raises(AppError):
        app.get("/ok", status=404)
    rows = {row["status"]: row["unexpected"] for row in windows.ended()[0]["rows"]}
    assert rows == {404: 1, 500: 0, 200: 1}


def test_a_refused_connection_is_the_real_error(session, closed_port):
    with pytest.raises(requests.ConnectionError):
        TestApp(session, f"http://127.0.0.1:{closed_port}").get("/")


def test_a_redirect_is_followed_when_the_test_says_so(app, windows):
    assert app.get("/302").follow().body == b"ok"
    assert windows.rows() == {("GET", "/302", 302): 1, ("GET", "/ok", 200): 1}
    assert app.get("/cross").follow().body == b"seen"


def test_cookies_come_back(app, server):
    app.get("/cookie")
    app.get("/echo")
    assert b"Cookie: a=1\r\n" in server.requests[1]
    assert set(app.cookies) == {"a", "b"}


def test_the_server_may_be_changed(app, server):
    app.server_url = server.other.url + "/base/"
    app.get("/x")
    assert server.other.requests[0].startswith(b"GET /base/x ")
    assert "/x" not in ANSWERS


def test_without_a_server_the_error_says_what_to_do(session):
    with pytest.raises(ValueError, match="--server-url"):
        TestApp(session).get("/")
