"""Web sockets in tests, without a worker and within one."""


import pytest
from echo import Echo, frame
from loads import TestCase
from loads.websockets import ThreadedWebSocketClient, WebSocketClient
from test_worker import both, case, worker  # noqa: F401  (worker is a fixture)
from ws4py.client.threadedclient import WebSocketClient as ForeignClient
from ws4py.exc import HandshakeError


@pytest.fixture
def echo():
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def test_case(windows):
    class Sockets(TestCase):
        def runTest(self):
            pass

    user = Sockets(test_result=windows.record)
    yield user
    user.release()


def test_text_comes_as_str_and_binary_as_bytes(test_case, echo):
    ws = test_case.create_ws(echo.url, protocols=["chat", "http-only"])
    ws.send("hälló")
    ws.send(b"\x00\xff", binary=True)
    text, binary = ws.receive(), ws.receive()
    assert (text.data, str(text), text.is_text) == ("hälló", "hälló", True)
    assert (binary.data, binary.is_binary) == (b"\x00\xff", True)
    assert "Sec-WebSocket-Protocol: chat,http-only" in echo.handshakes[0]
    assert isinstance(ws, ThreadedWebSocketClient) and WebSocketClient is ThreadedWebSocketClient


def test_the_callback_has_run_when_receive_returns(test_case, echo):
    results = []
    ws = test_case.create_ws(echo.url, callback=lambda m: results.append(m.data))
    for text in ("something", "happened"):
        ws.send(text)
        ws.receive()
        assert results[-1] == text


def test_sockets_and_their_bytes_are_counted_and_closed_with_their_user(test_case, echo, windows):
    for _ in range(2):
        ws = test_case.create_ws(echo.url)
        ws.send("x" * 300)
        ws.receive()
    test_case.release()
    assert windows.totals == {"sockets_opened": 2, "sockets_closed": 2, "socket_bytes": 600}
    assert echo.closed == 2
    assert ws.receive() is None


@pytest.mark.parametrize("word", ["close!", "drop!"])
def test_receive_returns_none_once_the_server_has_closed(test_case, echo, windows, word):
    ws = test_case.create_ws(echo.url)
    ws.send(word)
    assert ws.receive() is None
    ws._th.join()
    assert windows.totals["sockets_closed"] == 1


def test_what_a_callback_raises_comes_out_of_receive(test_case, echo):
    ws = test_case.create_ws(echo.url, callback=lambda m: 1 / 0)
    ws.send("x")
    with pytest.raises(ZeroDivisionError):
        ws.receive()


def test_frames_that_come_with_the_handshake_are_not_lost(test_case):
    echo = Echo(connection="keep-alive, Upgrade", greeting=frame(1, b"one") + frame(1, b"two"))
    ws = test_case.create_ws(echo.url)
    assert [ws.receive().data, ws.receive().data] == ["one", "two"]
    echo.close()


def test_a_refused_or_wrong_handshake_is_the_error_of_the_test(test_case, server, closed_port, windows):
    with pytest.raises(ConnectionRefusedError):
        test_case.create_ws(f"ws://127.0.0.1:{closed_port}/")
    with pytest.raises(HandshakeError):
        test_case.create_ws(server.url.replace("http", "ws") + "/404")
    assert windows.totals == {}


def test_a_class_of_the_tests_own_keeps_its_methods_and_is_counted(test_case, echo, windows):
    seen = []

    class Own(ForeignClient):
        def received_message(self, message):
            seen.append(str(message))
            self.close()

        def closed(self, code, reason=None):
            seen.append(code)

    ws = test_case.create_ws(echo.url, klass=Own)
    ws.connect()
    ws.send("x")
    ws._th.join()
    assert seen == ["x", 1000]
    assert windows.totals == {"sockets_opened": 1, "sockets_closed": 1, "socket_bytes": 1}
    with pytest.raises(TypeError, match="klass"):
        test_case.create_ws(echo.url, klass=dict)


@both
def test_the_example_of_the_original_documentation_runs(worker, echo, patching):  # noqa: F811
    lines = f"""
    results = []

    def callback(m):
        results.append(m.data)

    ws = self.create_ws('{echo.url}',
                        protocols=['chat', 'http-only'],
                        callback=callback)

    ws.send('something')
    ws.receive()
    ws.send('happened')
    ws.receive()

    while len(results) < 2:
        time.sleep(.1)

    self.assertEqual(results, ['something', 'happened'])"""
    worker.start(case(*[line[4:] for line in lines.splitlines()]), patching=patching)
    totals = worker.run(users=3, hits=2)
    assert totals == {"started": 6, "success": 6, "sockets_opened": 6, "sockets_closed": 6, "socket_bytes": 102}


@both
def test_a_callback_that_raises_is_an_error_of_the_test(worker, echo, patching):  # noqa: F811
    body = [f"ws = self.create_ws('{echo.url}', callback=lambda m: 1 / 0)", "ws.send('x')", "ws.messages.get()"]
    worker.start(case(*body), patching=patching)
    totals = worker.run(users=2, hits=1)
    assert (totals["started"], totals["errors"]) == (2, 2)
    assert {error["kind"] for error in worker.errors()} == {"other:ZeroDivisionError"}


