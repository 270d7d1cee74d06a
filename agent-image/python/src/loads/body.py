"""The body of an answer, read from the socket to its last byte."""

from loads import head as heads
from loads.response import Replay

RECEIVE = 262_144


def read(head, method, sock, data, start):
    """The body of the answer `data`, of which it begins at `start`.

    Returns (body, clean, replay): `clean` if the connection holds nothing more. Where the body is unusual or
    breaks off, `replay` is the whole answer for http.client to make of it what requests would.
    """
    if not head.has_body(method):
        return b"", len(data) == start, None
    if head.chunked:
        if head.length is not None:
            return b"", False, Replay(data, sock)
        return _read_chunks(sock, data, start)
    if head.length is None:
        # Until the server closes.
        return b"", False, Replay(data, sock)
    missing = start + head.length - len(data)
    if missing <= 0:
        return data[start : start + head.length], missing == 0, None
    parts = [data]
    while missing > 0:
        error = None
        try:
            part = sock.recv(min(missing, RECEIVE))
        except OSError as caught:
            part, error = b"", caught
        if not part:
            return b"", False, Replay(b"".join(parts), error=error)
        parts.append(part)
        missing -= len(part)
    parts[0] = data[start:]
    return b"".join(parts), True, None


def _read_chunks(sock, data, start):
    received, position, parts = bytearray(data), start, []
    while True:
        try:
            chunk = heads.next_chunk(received, position)
            if chunk is not None and len(received) >= chunk[1] + chunk[0] + 2:
                size, begin = chunk
                end = begin + size
                if received[end : end + 2] != b"\r\n":
                    # A trailer after the last chunk, or nonsense after another.
                    return b"", False, Replay(received, sock)
                if size == 0:
                    return b"".join(parts), len(received) == end + 2, None
                parts.append(bytes(received[begin:end]))
                position = end + 2
                continue
        except ValueError:
            return b"", False, Replay(received, sock)
        try:
            part = sock.recv(RECEIVE)
        except OSError as error:
            return b"", False, Replay(received, error=error)
        if not part:
            return b"", False, Replay(received)
        received += part
