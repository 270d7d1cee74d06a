"""``TestCase``: the class that load tests are written with."""

import unittest

from loads.record import Recorder


class TestCase(unittest.TestCase):
    """A unittest test case with bridges to requests, WebTest and ws4py.

    The same class runs under plain unittest and pytest, and by the thousand under ``loads run``: there each
    user has one instance and one session for each step, and ``setUp`` and ``tearDown`` run for every hit.
    """

    server_url = None

    def __init__(self, test_name="runTest", test_result=None, config=None):
        """`test_result` is the record that a load test's worker counts in; absent elsewhere."""
        super().__init__(test_name)
        #: The arguments of the run (server_url, users, hits, …); empty outside a run.
        self.config = dict(config or {})
        if self.config.get("server_url"):
            self.server_url = self.config["server_url"]
        self._in_worker = test_result is not None
        self._test_result = test_result
        self._session = None
        self._app = None
        self._sockets = []

    @property
    def record(self):
        """Where this user's requests, sockets and counters are counted."""
        if self._test_result is None:
            self._test_result = Recorder().step()
        return self._test_result

    @property
    def session(self):
        """A ``requests.Session`` whose every response is a hit."""
        if self._session is None:
            from loads.session import Session

            self._session = Session(self.record)
        return self._session

    @session.setter
    def session(self, session):
        self._session = session

    @property
    def app(self):
        """A ``webtest.TestApp`` for the service at `server_url`, on the same session."""
        if self._app is None:
            from loads.app import TestApp

            self._app = TestApp(self.session, self.server_url)
        return self._app

    @app.setter
    def app(self, app):
        self._app = app

    def create_ws(self, url, callback=None, protocols=None, extensions=None, klass=None):
        """A connected web socket.

        `callback` is called with each message, before ``receive()`` returns it. What it raises comes out of
        the socket's next ``send()`` or ``receive()``, at the latest as an error of this test. A class of
        your own as `klass` is connected, counted and closed like ours.
        """
        from loads.websockets import create

        self.addCleanup(self._raise_socket_error)
        socket = create(
            url,
            record=self.record,
            callback=callback,
            protocols=protocols,
            extensions=extensions,
            klass=klass,
            verify=self._session.verify if self._session is not None else True,
        )
        self._sockets.append(socket)
        return socket

    def incr_counter(self, name, n=1):
        """Adds `n` to the run's counter `name`."""
        self.record.counter(name, n)

    def run(self, result=None):
        """Runs the test once, as unittest does."""
        if self._sockets:
            # A socket of an earlier hit that died since is an error of this one.
            self.addCleanup(self._raise_socket_error)
        if self._in_worker:
            return super().run(result)
        try:
            return super().run(result)
        finally:
            self.release()

    def _raise_socket_error(self):
        for socket in self._sockets:
            socket.raise_error()

    def release(self):
        """Closes this user's sockets and session."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            socket.close_now()
        self._app = None
        if self._session is not None:
            self._session.close()
            self._session = None
