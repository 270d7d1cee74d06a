"""A real HTTP server on 127.0.0.1 that answers byte for byte what a test asks for, and keeps what it was sent."""

import contextlib
import gzip
import re
import socket
import struct
import threading
import time
import zlib


def answer(body=b"", status="200 OK", headers=(), length=True, version="HTTP/1.1"):
    lines = [f"{version} {status}", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(*chunks, headers=(), end=b"0\r\n\r\n"):
    head = answer(headers=[*headers, ("Transfer-Encoding", "chunked")], length=False)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def redirect(status, location):
    return answer(b"moved", f"{status} Moved", [("Location", location)])


TEXT = "Ünïcödé " * 40
DEFLATE = zlib.compress(b"deflated " * 50)
# Path → what is sent; a list is sent piece by piece; RESET, CLOSE and WAIT are done instead.
RESET, CLOSE, WAIT, KEEP_CLOSED = "reset", "close", "wait", "keep-closed"
ANSWERS = {
    "/ok": answer(b"ok", headers=[("Content-Type", "text/plain")]),
    "/empty": answer(),
    "/no-type": answer(b"plain"),
    "/json": answer(b'{"a": [1, 2]}', headers=[("Content-Type", "application/json")]),
    "/utf8": answer(TEXT.encode(), headers=[("Content-Type", "text/html; charset=utf-8")]),
    "/latin": answer(TEXT.encode("latin-1"), headers=[("Content-Type", "text/html")]),
    "/no-charset": answer(TEXT.encode(), headers=[("Content-Type", "application/x-thing")]),
    "/gzip": answer(gzip.compress(b"zipped " * 99, mtime=0), headers=[("Content-Encoding", "gzip")]),
    "/deflate": answer(DEFLATE, headers=[("Content-Encoding", "deflate")]),
    "/raw-deflate": answer(DEFLATE[2:-4], headers=[("Content-Encoding", "deflate")]),
    "/bad-gzip": answer(b"not gzip at all", headers=[("Content-Encoding", "gzip")]),
    "/cut-gzip": answer(gzip.compress(b"zipped " * 99, mtime=0)[:-9], headers=[("Content-Encoding", "gzip")]),
    "/odd-encoding": answer(b"body", headers=[("Content-Encoding", "martian")]),
    "/chunked": chunked(b"hello ", b"world", b"!" * 70_000),
    "/chunked-gzip": chunked(gzip.compress(b"z" * 999, mtime=0), headers=[("Content-Encoding", "gzip")]),
    "/chunked-slow": [chunked(b"one", end=b""), b"3\r\ntw", b"o\r\n0\r", b"\n\r\n"],
    "/chunk-extension": chunked(end=b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "/chunk-trailer": chunked(b"abc", end=b"0\r\nX-Late: 1\r\n\r\n"),
    "/chunk-nonsense": [chunked(b"abc", end=b"zz\r\nabc"), CLOSE],
    "/chunk-cut": [chunked(b"abc", end=b"5\r\nab"), CLOSE],
    "/chunk-reset": [chunked(b"abc", end=b"5\r\nab"), RESET],
    "/slow-head": [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 2\r\n\r", b"\nok"],
    "/slow-body": [answer(b"x" * 10)[:-5], b"xxxxx"],
    "/large": answer(b"x" * 700_000),
    "/close": [answer(b"bye", headers=[("Connection", "close")]), CLOSE],
    "/until-close": [answer(b"", length=False) + b"until the end", CLOSE],
    "/http10": [answer(b"old", version="HTTP/1.0"), CLOSE],
    "/continue": [b"HTTP/1.1 100 Continue\r\n\r\n", answer(b"after")],
    "/204": answer(status="204 No Content", length=False),
    "/304": answer(status="304 Not Modified", headers=[("ETag", "x")], length=False),
    "/404": answer(b"nope", "404 Not Found"),
    "/500": answer(b"sorry", "500 Internal Server Error"),
    "/odd-reason": answer(b"x", "299 So  so \xe9"),
    "/no-reason": answer(b"x", "200"),
    "/status-only": [b"HTTP/1.1 200 OK\r\n\r\n", CLOSE],
    "/bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "/folded": b"HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\nContent-Length: 2\r\n\r\nok",
    "/spaces": b"HTTP/1.1 200 OK\r\nX-Pad:   padded  \r\nX-None:\r\nContent-Length: 2\r\n\r\nok",
    "/no-colon": [b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok", CLOSE],
    "/latin-header": answer(b"ok", headers=[("X-Name", "caf\xe9")]),
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "/bad-length": [b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", CLOSE],
    "/length-and-chunked": chunked(b"abc", headers=[("Content-Length", "99")]),
    "/many-headers": answer(b"x", headers=[(f"X-{n}", n) for n in range(120)]),
    "/repeated": answer(b"x", headers=[("X-A", "1"), ("x-a", "2"), ("Vary", "a"), ("Vary", "b")]),
    "/extra": answer(b"ok") + b"junk",
    "/short": [answer(b"x" * 10)[:-4], CLOSE],
    "/short-reset": [answer(b"x" * 10)[:-4], RESET],
    "/short-wait": [answer(b"x" * 10)[:-4], WAIT],
    "/nothing": [CLOSE],
    "/reset": [RESET],
    "/wait": [WAIT],
    "/garbage": [b"SSH-2.0-OpenSSH\r\n\r\n", CLOSE],
    "/half-head": [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
    "/bad-status": [b"HTTP/1.1 abc OK\r\n\r\n", CLOSE],
    "/301": redirect(301, "/ok"),
    "/302": redirect(302, "/ok"),
    "/303": redirect(303, "/ok"),
    "/307": redirect(307, "/ok"),
    "/308": redirect(308, "/ok"),
    "/302-cookie": answer(b"", "302 F", [("Location", "/seen?x=1#frag"), ("Set-Cookie", "hop=1; Path=/")]),
    "/302-broken": [b"HTTP/1.1 302 F\r\nLocation: /ok\r\nContent-Length: 9\r\n\r\nabc", CLOSE],
    "/302-utf8": answer(b"", "302 F", [("Location", "/s\xc3\xa9en")]),
    "/302-nowhere": answer(b"", "302 F"),
    "/loop": redirect(302, "/loop"),
    "/cookie": answer(b"", headers=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=two; Path=/json; HttpOnly")]),
    "/cookie-gone": answer(b"", headers=[("Set-Cookie", "a=; Path=/; Max-Age=0")]),
    "/seen": answer(b"seen"),
    "/s%C3%A9en": answer(b"seen"),
    "/auth-digest": answer(b"", "401 U", [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')]),
    # Answers, then closes the connection without saying so: the next request finds it stale.
    "/stale": [answer(b"once"), KEEP_CLOSED],
}


class Server:
    """Serves `ANSWERS` in threads; `requests` are the raw requests in order of arrival."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests = []
        self.connections = 0
        self.cross = None
        self._open = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while (request := read_request(stream)) is not None:
                self.requests.append(request)
                path = re.split(rb"[?# ]", request.split(b" ")[1])[0].decode()
                if not self._act(connection, request, path):
                    break
        self._open.discard(connection)

    def _act(self, connection, request, path):
        if path == "/cross":
            steps = answer(b"", "302 F", [("Location", f"{self.cross}/seen"), ("Set-Cookie", "c=1; Path=/")])
        else:
            steps = ANSWERS.get(path, answer(request))
        if request.startswith(b"HEAD "):
            sent = steps if isinstance(steps, bytes) else b"".join(s for s in steps if isinstance(s, bytes))
            if b"\r\n\r\n" in sent:
                steps = re.match(rb"(?s)(HTTP/1.1 100 .*?\r\n\r\n)?.*?\r\n\r\n", sent)[0]
        for step in [steps] if isinstance(steps, bytes) else steps:
            if step == RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            if step in (CLOSE, KEEP_CLOSED):
                return False
            if step == WAIT:
                # Until the client gives up.
                connection.recv(1)
                return False
            connection.sendall(step)
            if isinstance(steps, list):
                time.sleep(0.02)
        return True

    def close(self):
        # Closing alone does not wake the thread in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def read_request(stream):
    """One request as sent, or None at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length:
        return head + stream.read(int(length[1]))
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        while not head.endswith(b"\r\n0\r\n\r\n"):
            head += stream.readline()
    return head
