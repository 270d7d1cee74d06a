"""The way to the agent: one PUSH socket, used by one sender, so that no user ever waits for it."""

import json
import queue
import threading

_LAST = object()


class Channel:
    """Queues messages and sends each as one frame of JSON."""

    def __init__(self, endpoint, common, patched):
        """`common` is in every message: run_id, agent_id, process."""
        if patched:
            import zmq.green as zmq
        else:
            import zmq
        self._common = common
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.LINGER, -1)
        self._socket.connect(endpoint)
        self._queue = queue.Queue()
        self._sender = threading.Thread(target=self._send_all, daemon=True)
        self._sender.start()

    def send(self, data_type, **fields):
        """Queues one message; never waits."""
        self._queue.put({"data_type": data_type, **self._common, **fields})

    def _send_all(self):
        while True:
            message = self._queue.get()
            if message is _LAST:
                return
            self._socket.send(json.dumps(message, separators=(",", ":")).encode())

    def close(self, linger_ms=-1):
        """Sends what is queued and waits until the agent took it, `linger_ms` at most (-1: for ever)."""
        self._queue.put(_LAST)
        self._sender.join(None if linger_ms < 0 else linger_ms / 1000)
        self._socket.close(linger_ms)
        self._context.term()
