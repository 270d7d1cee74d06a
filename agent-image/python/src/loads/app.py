"""``webtest.TestApp`` for a service elsewhere, on the user's own session.

WSGIProxy2, which WebTest would use, breaks on gzip, turns a refused connection into an invented 502 and
switches certificate checks off; so the bridge is our own.
"""

from urllib.parse import quote, urlsplit

import webtest

# What WebTest puts there when the test gives a path only.
_NO_HOST = "localhost:80"
# Of the connection, not of the message; and what no longer holds once requests has decoded the body.
_NOT_PASSED = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailers transfer-encoding upgrade"
    " content-encoding".split()
)
_PATH_SAFE = "/:@!$&'()*+,;=~"


class TestApp(webtest.TestApp):
    """WebTest's interface to the service at `server_url`, which may be set anew at any time."""

    __test__ = False

    def __init__(self, session, server_url=None, **options):
        self.server_url = server_url
        self.session = session
        # The checks of `lint` are for WSGI applications; a service may answer without a Content-Type.
        super().__init__(self._answer, lint=False, **options)

    def do_request(self, req, status=None, expect_errors=None):
        if req.environ.get("HTTP_HOST") == _NO_HOST:
            server = self._server()
            req.environ["HTTP_HOST"] = server.netloc.rpartition("@")[2]
            req.environ["wsgi.url_scheme"] = server.scheme
            req.environ["SCRIPT_NAME"] = server.path.rstrip("/")
        req.environ["loads.expected"] = _expected(status, expect_errors)
        return super().do_request(req, status, expect_errors)

    def _server(self):
        server = urlsplit(self.server_url or "")
        if not server.netloc:
            raise ValueError(
                f"app has no server to talk to (server_url is {self.server_url!r}): set serverURL in the LoadTest, "
                "--server-url on the command line, or server_url in the test class, "
                'as in "http://shop.example:8080"'
            )
        return server

    def _answer(self, environ, start_response):
        """The WSGI application: passes a request to the session, and its answer back."""
        url = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}{_path(environ)}"
        with self.session.expecting(environ["loads.expected"]):
            response = self.session.request(
                environ["REQUEST_METHOD"],
                url,
                data=_body(environ),
                headers=_headers(environ),
                allow_redirects=False,
            )
        headers = [
            (name, value) for name, value in response.raw.headers.iteritems() if name.lower() not in _NOT_PASSED
        ]
        if environ["REQUEST_METHOD"] != "HEAD":
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
            headers.append(("Content-Length", str(len(response.content))))
        start_response(f"{response.status_code} {response.reason or 'Unknown'}", headers)
        return [response.content]


def _expected(status, expect_errors):
    """Whether a status is one that the test asks for, as WebTest reads `status`; None: 200 to 399."""
    if expect_errors or status == "*":
        return lambda code: True
    if status is None:
        return None
    if isinstance(status, (list, tuple)):
        return lambda code: code in status
    text = str(status).split(" ")[0]
    if "*" in text:
        return lambda code: str(code).startswith(text.split("*")[0])
    return lambda code: str(code) == text


def _path(environ):
    path = quote((environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1"), safe=_PATH_SAFE)
    query = environ.get("QUERY_STRING")
    return f"{path or '/'}?{query}" if query else path or "/"


def _body(environ):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return environ["wsgi.input"].read(length) if length else None


def _headers(environ):
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and name != "HTTP_HOST"
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return headers
