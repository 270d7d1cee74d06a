"""What is counted for a request, and under which name."""

import socket
import threading

import pytest
import requests
from loads.record import MAX_ERROR_SAMPLES, MAX_LABELS, NEVER, SECOND, Recorder, StepOver, bucket


def test_a_hit_counts_its_bytes_its_latency_and_its_label_without_query(server, session, windows):
    session.get(server.url + "/large?x=1#y")
    row = windows.ended()[0]["rows"][0]
    assert row["label"] == server.url + "/large"
    assert (row["method"], row["status"], row["bytes"], row["unexpected"]) == ("GET", 200, 700_000, 0)
    latency = row["latency"]
    assert latency["buckets"] == [(bucket(latency["sum"]), 1)]
    assert latency["min"] == latency["max"] == latency["sum"] >= row["headersSum"] > 0


def test_latency_runs_to_the_last_byte_and_headers_apart(server, session, windows):
    session.get(server.url + "/slow-body")
    row = windows.ended()[0]["rows"][0]
    assert row["latency"]["sum"] - row["headersSum"] >= 15_000_000


def test_a_redirect_is_two_hits_each_with_its_own_url_and_status(server, session, windows):
    session.get(server.url + "/302")
    assert windows.rows() == {("GET", "/302", 302): 1, ("GET", "/ok", 200): 1}


CASES = {
    "/404": ({"sent": 1, "hits": 1}, "unexpected-status", None),
    "/nothing": ({"sent": 1, "failed_after_send": 1}, "closed", requests.ConnectionError),
    "/reset": ({"sent": 1, "failed_after_send": 1}, "reset", requests.ConnectionError),
    "/garbage": ({"sent": 1, "failed_after_send": 1}, "bad-response", requests.ConnectionError),
    "/wait": ({"sent": 1, "failed_after_send": 1}, "read-timeout", requests.ReadTimeout),
    "/short": ({"sent": 1, "hits": 1}, "closed", requests.exceptions.ChunkedEncodingError),
    "/short-reset": ({"sent": 1, "hits": 1}, "reset", requests.exceptions.ChunkedEncodingError),
    "/short-wait": ({"sent": 1, "hits": 1}, "read-timeout", requests.ConnectionError),
    "/chunk-nonsense": ({"sent": 1, "hits": 1}, "bad-response", requests.exceptions.ChunkedEncodingError),
    "/bad-gzip": ({"sent": 1, "hits": 1}, "bad-response", requests.exceptions.ContentDecodingError),
    "/loop": ({"sent": 31, "hits": 31}, "too-many-redirects", requests.TooManyRedirects),
}


def mounted(session):
    session.mount("http://", requests.adapters.HTTPAdapter())


@pytest.mark.parametrize("set_up", [lambda session: None, mounted], ids=["plain", "mounted"])
@pytest.mark.parametrize("path", CASES)
def test_every_end_of_a_request_has_its_count_and_its_name(server, session, windows, path, set_up):
    counts, kind, error = CASES[path]
    set_up(session)
    if error is None:
        session.get(server.url + path)
    else:
        with pytest.raises(error):
            session.get(server.url + path, timeout=0.2)
    totals = windows.totals
    totals.pop("bytes", None)
    assert totals == counts
    assert windows.errors() == {kind: 1}


def fails_before_send(session, windows, url, kind):
    with pytest.raises((requests.ConnectionError, requests.Timeout)):
        session.get(url, timeout=0.3)
    assert windows.totals == {"failed_before_send": 1}
    assert windows.errors() == {kind: 1}


@pytest.mark.parametrize("set_up", [lambda session: None, mounted], ids=["plain", "mounted"])
def test_a_refused_connection_is_never_sent(session, windows, closed_port, set_up):
    set_up(session)
    fails_before_send(session, windows, f"http://127.0.0.1:{closed_port}/x", "refused")
    assert windows.windows[0]["errors"][0]["message"] == "[Errno 111] Connection refused"


@pytest.mark.parametrize("set_up", [lambda session: None, mounted], ids=["plain", "mounted"])
def test_a_name_without_address_is_never_sent(session, windows, set_up):
    set_up(session)
    fails_before_send(session, windows, "http://no-such-host.invalid/x", "dns")


def test_a_handshake_that_fails_is_never_sent(session, windows):
    # A server that speaks without being asked, and not TLS.
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(1000)

        speaker = threading.Thread(target=speak)
        speaker.start()
        fails_before_send(session, windows, f"https://127.0.0.1:{listener.getsockname()[1]}/x", "tls")
        speaker.join()


def test_a_handshake_without_answer_is_a_connect_timeout(server, session, windows):
    fails_before_send(session, windows, server.url.replace("http:", "https:") + "/x", "connect-timeout")


def test_a_full_backlog_is_a_connect_timeout(session, windows):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        fails_before_send(session, windows, f"http://127.0.0.1:{address[1]}/x", "connect-timeout")
        for filler in fillers:
            filler.close()


def test_a_mounted_adapter_is_counted_as_ours_is(server, session, windows):
    mounted(session)
    session.get(server.url + "/302")
    assert windows.rows() == {("GET", "/302", 302): 1, ("GET", "/ok", 200): 1}


def test_uploads_and_streams_are_counted(server, session, windows):
    session.post(server.url + "/ok", files={"f": b"x" * 10})
    for part in session.get(server.url + "/chunked", stream=True).iter_content(1000):
        assert part
    assert windows.totals["hits"] == 2


def test_every_answer_of_digest_authentication_is_counted(server, session, windows):
    session.get(server.url + "/auth-digest", auth=requests.auth.HTTPDigestAuth("me", "pa"))
    assert windows.rows() == {("GET", "/auth-digest", 401): 2}


def test_a_request_may_be_named(server, session, windows):
    with session.named("an item"):
        session.get(server.url + "/ok")
        session.get(server.url + "/seen")
    assert [row["label"] for row in windows.ended()[0]["rows"]] == ["an item"]


def test_an_expected_status_is_not_unexpected(server, session, windows):
    with session.expecting(lambda status: status == 404):
        session.get(server.url + "/404")
        session.get(server.url + "/ok")
    assert {row["status"]: row["unexpected"] for row in windows.ended()[0]["rows"]} == {404: 0, 200: 1}


def test_after_the_end_of_its_step_a_session_requests_nothing_more(server, session, windows):
    windows.record.end = 0
    for call in (session.get, session.post):
        with pytest.raises(StepOver):
            call(server.url + "/ok")
    mounted(session)
    with pytest.raises(StepOver):
        session.get(server.url + "/ok")
    assert server.requests == []


def test_a_wait_before_the_first_request_is_part_of_its_latency_only(server, session, windows):
    session.late = 5 * SECOND
    session.get(server.url + "/ok")
    session.get(server.url + "/ok")
    latency = windows.ended()[0]["rows"][0]["latency"]
    assert latency["max"] >= 5 * SECOND > latency["min"]


def test_buckets_are_three_digits_wide():
    assert [bucket(value) for value in (0, 2047, 2048, 2049, 4095, 4097)] == [0, 2047, 2048, 2048, 4094, 4096]
    for value in (1, 2048, 99_999, 10**9 + 7, 2**62 + 12345):
        low = bucket(value)
        assert low <= value and (value - low) * 1024 <= value
        assert bucket(low) == low


def test_labels_past_the_limit_become_other(windows):
    for number in range(MAX_LABELS + 5):
        windows.record.hit(f"/{number}", "GET", 200, 1, 1, 0, 0)
    rows = {row["label"]: row for row in windows.ended()[0]["rows"]}
    assert len(rows) == MAX_LABELS + 1
    assert rows["other"]["latency"]["sum"] == 5


def test_error_messages_past_the_limit_are_counted_by_kind(windows):
    for number in range(MAX_ERROR_SAMPLES + 7):
        windows.record.error("closed", "request", "/x", f"message {number}")
    errors = windows.ended()[0]["errors"]
    assert sum(error["count"] for error in errors) == MAX_ERROR_SAMPLES + 7
    assert [error["count"] for error in errors if not error["message"]] == [7]


def test_equal_errors_at_different_addresses_are_one(windows):
    for number in range(3):
        windows.record.error("closed", "request", "/x", f"<thing at 0x7f{number}>\nfailed")
    (error,) = windows.ended()[0]["errors"]
    assert (error["message"], error["count"]) == ("<thing> failed", 3)


def test_a_window_belongs_to_one_second(windows):
    start = windows.record.run_start
    windows.record.hit("/x", "GET", 200, 1, 1, 0, start + 1)
    windows.record.hit("/x", "GET", 200, 1, 1, 0, start + NEVER // 2)
    assert len(windows.windows) == 1
    assert windows.windows[0]["second"] == 0


def test_what_is_under_way_at_the_close_was_cut():
    windows = []
    record = Recorder(windows.append).step()
    record.test("started")
    record.sent()
    record.close()
    record.test("success")
    record.roll()
    assert [window["totals"] for window in windows] == [{"started": 1, "sent": 1, "unanswered": 1, "interrupted": 1}]


def test_users_that_are_threads_lose_no_count():
    cells, windows = [0] * 32, []
    record = Recorder(windows.append, cells, threads=True).step()

    def user():
        for _ in range(20_000):
            record.sent()
            record.hit("/x", "GET", 200, 1, 1, 0, 0)

    threads = [threading.Thread(target=user) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record.close()
    assert cells[:2] == [80_000, 80_000]
    assert sum(window["totals"]["hits"] for window in windows) == 80_000
