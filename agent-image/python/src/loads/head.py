"""Status line and headers of an answer, read from bytes.

Only what every ordinary server sends is understood here. Anything else (HTTP/1.0, 1xx, folded lines, bare
line feeds, odd lengths) is left to http.client, so that what a test sees is requests' own behaviour.
"""

import re

# http.client's own limits.
MAX_HEAD = 65_536
MAX_HEADERS = 100
# A server's answers differ by little but their Date, so most heads of a second are byte for byte equal.
_MAX_KNOWN = 512

_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: ([^\r\n]*))?\r\n")
_LINES = re.compile(rb"(?:[!-9;-~]+:[^\r\n]*\r\n)*")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class Head:
    """What the status line and the headers say. `pairs` keep their order, case and repetitions."""

    __slots__ = ("status", "reason", "pairs", "length", "chunked", "close", "cookies", "location", "encoded")

    def __init__(self, status, reason, pairs):
        self.status = status
        self.reason = reason
        self.pairs = pairs
        self.length = None
        self.chunked = self.close = self.cookies = self.location = self.encoded = False

    def get_all(self, name, default=None):
        """All values of a header, as http.cookiejar asks for them."""
        name = name.lower()
        return [value for key, value in self.pairs if key.lower() == name] or default

    def has_body(self, method):
        """Whether a body follows the head, by the rules of HTTP."""
        return not (method == "HEAD" or self.status == 204 or self.status == 304)


_known = {}


def read(block):
    """The head in `block` (all lines with their line ends, without the empty one), or None if it is unusual."""
    head = _known.get(block)
    if head is None:
        head = _parse(block)
        if head is not None and not head.cookies:
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[block] = head
    return head


def _parse(block):
    status = _STATUS.match(block)
    if status is None or _LINES.fullmatch(block, status.end()) is None:
        return None
    lines = block[status.end() : -2].decode("latin-1").split("\r\n") if len(block) > status.end() else []
    if len(lines) > MAX_HEADERS:
        return None
    pairs = []
    for line in lines:
        name, _, value = line.partition(":")
        pairs.append((name, value.lstrip(" \t")))
    head = Head(int(status[1]), (status[2] or b"").strip().decode("latin-1"), pairs)
    return head if all(_note(head, name.lower(), value) for name, value in pairs) else None


def _note(head, name, value):
    """Takes a header that matters here into account; False where it is unusual."""
    if name == "content-length":
        if head.length is not None or not (value.isascii() and value.isdigit()):
            return False
        head.length = int(value)
    elif name == "transfer-encoding":
        if value.lower() != "chunked":
            return False
        head.chunked = True
    elif name == "connection":
        if value.lower() not in ("close", "keep-alive"):
            return False
        head.close = value.lower() == "close"
    elif name == "set-cookie":
        head.cookies = True
    elif name == "location":
        head.location = True
    elif name == "content-encoding":
        head.encoded = True
    return True


def may_end(data):
    """Whether an unusual head may already have ended in `data`, though no empty CRLF line came."""
    return len(data) > MAX_HEAD or b"\n\n" in data or b"\n\r\n" in data or not data.startswith(b"HTTP/1.1 "[: len(data)])


def next_chunk(data, position):
    """(size, start of its data) of the chunk whose size line begins at `position`; None if the line is not
    all there; ValueError if it is unusual."""
    line = _CHUNK.match(data, position)
    if line is not None:
        return int(line[1], 16), line.end()
    if b"\n" in data[position : position + 256] or len(data) - position > 256:
        raise ValueError("unusual chunk")
    return None
