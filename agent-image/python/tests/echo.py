"""A web socket server on 127.0.0.1 that sends back what it is sent."""

import base64
import contextlib
import hashlib
import re
import socket
import threading

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo:
    """Knows how many sockets were opened and politely closed; answers text "close!" by closing, "drop!" by hanging up."""

    def __init__(self, connection="Upgrade", greeting=b""):
        self._listener = socket.create_server(("127.0.0.1", 0))
        # By name, which may have an IPv6 address at which nobody listens.
        self.url = f"ws://localhost:{self._listener.getsockname()[1]}/ws"
        self.connection = connection
        self.greeting = greeting
        self.handshakes = []
        self.closed = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, TypeError), connection, connection.makefile("rb") as stream:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += stream.readline()
            self.handshakes.append(head.decode())
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
            accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
            lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", f"Connection: {self.connection}"]
            lines += [f"Sec-WebSocket-Accept: {accept}", "Sec-WebSocket-Protocol: chat", "", ""]
            # With the head, so that it is in the same segment.
            connection.sendall("\r\n".join(lines).encode() + self.greeting)
            while self._answer(connection, stream):
                pass

    def _answer(self, connection, stream):
        first, second = stream.read(2)
        size = second & 127
        if size == 126:
            size = int.from_bytes(stream.read(2), "big")
        mask = stream.read(4)
        data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(stream.read(size)))
        if first & 15 == 8:
            self.closed += 1
        if data == b"drop!":
            return False
        connection.sendall(frame(8 if data == b"close!" else first & 15, b"\x03\xe8" if data == b"close!" else data))
        return first & 15 != 8

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


def frame(opcode, data):
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + data
