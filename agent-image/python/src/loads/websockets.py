"""Web sockets for tests: ws4py's clients, counted, with what time has broken in them mended."""

import functools
import queue
import socket
import ssl
import threading

from ws4py.client import WebSocketBaseClient
from ws4py.client.threadedclient import WebSocketClient as _ThreadedClient
from ws4py.exc import HandshakeError

# How long a socket waits for the server's half of the closing handshake when its user ends.
CLOSE_TIMEOUT = 2.0
CONNECT_TIMEOUT = 30.0
_END = object()


class Message:
    """One message: `data` is str for text and bytes for binary, and stays."""

    __slots__ = ("data", "is_binary")

    def __init__(self, message):
        self.is_binary = message.is_binary
        self.data = bytes(message.data) if self.is_binary else message.data.decode("utf-8")

    @property
    def is_text(self):
        """Whether this is text; `data` is then str."""
        return not self.is_binary

    def __str__(self):
        return self.data.decode("utf-8", "replace") if self.is_binary else self.data

    def __bytes__(self):
        return self.data if self.is_binary else self.data.encode("utf-8")

    def __len__(self):
        return len(self.data)

    def __eq__(self, other):
        return self.data == other.data if isinstance(other, Message) else self.data == other

    def __hash__(self):
        return hash(self.data)

    def __repr__(self):
        return f"Message({self.data!r})"


class _Mended:
    """What is done for any of ws4py's client classes, a test's own too."""

    record = None
    callback = None
    verify = True
    error = None
    _connected = False
    _counted = False
    _th = None

    # -- connecting ----------------------------------------------------------------------------------

    def connect(self):
        """Connects and upgrades. ws4py tries the first address of a name only, and no certificate."""
        if self._connected:
            # create_ws has connected; a test written for Loads 0.3 does it again for a class of its own.
            return
        self._connected = True
        try:
            if not self.unix_socket_path:
                self.sock.close()
                self.sock = socket.create_connection((self.host, self.port), CONNECT_TIMEOUT)
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.scheme == "wss":
                    self.sock = self._tls_context().wrap_socket(self.sock, server_hostname=self.host)
                    self._is_secure = True
            else:
                self.sock.connect(self.unix_socket_path)
            self._write(self.handshake_request)
            rest = self._read_handshake()
        except BaseException:
            self.close_connection()
            raise
        self.sock.settimeout(None)
        self._counted = True
        if self.record is not None:
            self.record.socket_opened()
        # Frames that came with the answer are processed first by the receiving greenlet or thread, whose
        # `once` takes what is in `buf` before it reads.
        self.buf = rest
        self.handshake_ok()

    def _tls_context(self):
        options = self.ssl_options
        context = ssl.create_default_context(cafile=options.get("ca_certs"))
        if options.get("certfile"):
            context.load_cert_chain(options["certfile"], options.get("keyfile"))
        if isinstance(self.verify, str):
            context.load_verify_locations(self.verify)
        elif not self.verify or options.get("cert_reqs") == ssl.CERT_NONE:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _read_handshake(self):
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.sock.recv(4096)
            if not part:
                raise HandshakeError(f"the server closed the connection before it answered ({answer[:100]!r})")
            answer += part
        head, _, rest = answer.partition(b"\r\n\r\n")
        line, _, headers = head.partition(b"\r\n")
        if line.count(b" ") < 2:
            line += b" "
        self.process_response_line(line)
        self.protocols, self.extensions = self.process_handshake_header(_plain_connection(headers))
        return rest

    # -- messages ------------------------------------------------------------------------------------

    def count_message(self, deliver, message):
        """Counts a message, gives it to the callback, then to `deliver`, and keeps what these raise."""
        if self.record is not None:
            self.record.socket_bytes(len(message.data))
        try:
            if self.callback is not None:
                self.callback(Message(message))
        except Exception as error:
            self.error = self.error or error
        try:
            deliver(message)
        except Exception as error:
            self.error = self.error or error

    def count_close(self, closed, code, reason=None):
        """Counts the end of a socket that had been opened."""
        if self._counted and self.record is not None:
            self.record.socket_closed()
        self._counted = False
        closed(code, reason)

    def send(self, payload, binary=False):
        self.raise_error()
        super().send(payload, binary)

    def raise_error(self):
        """Raises, once, what a callback or the connection raised."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    def unhandled_error(self, error):
        if not (self.client_terminated or self.server_terminated):
            self.error = self.error or error

    # -- closing -------------------------------------------------------------------------------------

    def close_connection(self):
        if self.sock is not None:
            self._shut()
            sock, self.sock = self.sock, None
            sock.close()

    def close_now(self):
        """Closes at the end of the user: politely, and in any case."""
        try:
            if not self.terminated and self.sock is not None:
                self.close()
        except (OSError, RuntimeError):
            pass
        self._join()
        if self.sock is not None:
            self._shut()
            self._join()
            self.close_connection()

    def _join(self):
        # A thread that never started can not be joined, and none can join itself.
        if self._connected and self._th is not None and self._th is not threading.current_thread():
            try:
                self._th.join(CLOSE_TIMEOUT)
            except RuntimeError:
                pass

    def _shut(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class _Queued(_Mended):
    """Our own clients: messages of our own class, in a queue."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.messages = queue.Queue()

    def received_message(self, message):
        self.messages.put(Message(message))

    def closed(self, code, reason=None):
        self.messages.put(_END)

    def receive(self, block=True):
        """The next message; None once the socket is closed. Raises what the callback raised."""
        self.raise_error()
        if self.terminated and self.messages.empty():
            return None
        message = self.messages.get(block=block)
        self.raise_error()
        if message is _END:
            # For whoever else waits.
            self.messages.put(_END)
            return None
        return message


def _plain_connection(headers):
    """ws4py refuses "Connection: keep-alive, Upgrade", which is as good as "Upgrade"."""
    lines = []
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"connection" and b"upgrade" in [v.strip() for v in value.lower().split(b",")]:
            line = b"Connection: Upgrade"
        if line:
            lines.append(line)
    return b"\r\n".join(lines)


class ThreadedWebSocketClient(_Queued, _ThreadedClient):
    """Reads in a thread: where sockets are not patched."""


def _gevent_class():
    from ws4py.client.geventclient import WebSocketClient as _GeventClient

    class GeventWebSocketClient(_Queued, _GeventClient):
        """Reads in a greenlet: where gevent has patched the sockets."""

    return GeventWebSocketClient


def patched():
    """Whether gevent has patched the sockets of this process."""
    return socket.socket.__module__.startswith("gevent")


WebSocketClient = _gevent_class() if patched() else ThreadedWebSocketClient


def create(url, record, callback=None, protocols=None, extensions=None, klass=None, verify=True):
    """A connected socket of `klass`, counted in `record`."""
    klass = WebSocketClient if klass is None else _mended(klass)
    client = klass(url, protocols=protocols, extensions=extensions)
    client.record, client.callback, client.verify = record, callback, verify
    client.received_message = functools.partial(client.count_message, client.received_message)
    client.closed = functools.partial(client.count_close, client.closed)
    client.connect()
    return client


@functools.lru_cache
def _mended(klass):
    if not (isinstance(klass, type) and issubclass(klass, WebSocketBaseClient)):
        raise TypeError(f"klass must be a client class of loads.websockets or ws4py, not {klass!r}")
    return klass if issubclass(klass, _Mended) else type(klass.__name__, (_Mended, klass), {})
