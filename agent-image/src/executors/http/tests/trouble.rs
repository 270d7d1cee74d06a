use std::io::Write;
use std::net::TcpListener;

use super::server::{OK, Server, reset};
use super::*;

fn free_address() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[tokio::test]
async fn a_refused_connection_is_an_error_before_sending_and_no_busy_loop() {
    let mut rig = setup(&free_address(), &["/"]).prepare().await;
    let order = rig.order(2, Length::Seconds(1));
    let seen = rig.step(order).await;
    assert_eq!((seen.totals.sent, seen.totals.errors), (0, seen.totals.failed_before_send));
    assert_eq!(seen.errors(), only("refused", seen.totals.errors));
    assert!((2..=20).contains(&seen.totals.errors), "each of two users rests 100 ms after each");
}

#[tokio::test]
async fn a_name_without_address_is_a_dns_error_of_each_request() {
    let seen = setup("http://no-such-host.invalid", &["/"]).hits(1, 2).await;
    assert_eq!((seen.errors(), seen.totals.failed_before_send), (only("dns", 2), 2));
}

#[tokio::test]
async fn a_reset_and_a_close_without_an_answer_have_their_own_names() {
    let server = Server::start(|asked, stream| {
        if asked.path() == "/reset" {
            reset(stream);
        }
        false
    });
    let seen = setup(&server.url(), &["/reset"]).hits(1, 1).await;
    assert_eq!((seen.errors(), seen.totals.failed_after_send), (only("reset", 1), 1));
    let seen = setup(&server.url(), &["/close"]).hits(1, 1).await;
    assert_eq!((seen.errors(), seen.totals.failed_after_send), (only("closed", 1), 1));
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_response() {
    let server = Server::saying("220 mail.example.test ESMTP\r\n");
    let seen = setup(&server.url(), &["/"]).hits(1, 1).await;
    assert_eq!((seen.errors(), seen.totals.failed_after_send), (only("bad-response", 1), 1));
}

#[tokio::test]
async fn a_silent_server_is_a_read_timeout() {
    let server = Server::start(|_, _| true);
    let mut setup = setup(&server.url(), &["/"]);
    setup.options.timeout_seconds = 1;
    let seen = setup.hits(2, 1).await;
    assert_eq!((seen.errors(), seen.totals.failed_after_send), (only("read-timeout", 2), 2));
}

#[tokio::test]
async fn a_server_that_accepts_nobody_is_a_connect_timeout() {
    // A full accept queue: the kernel drops further connection attempts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let filling: Vec<_> = std::iter::from_fn(connect).take(10_000).collect();
    let mut setup = setup(&format!("http://{address}"), &["/"]);
    setup.options.timeout_seconds = 1;
    let seen = setup.hits(1, 1).await;
    assert_eq!((seen.errors(), seen.totals.sent), (only("connect-timeout", 1), 0));
    drop(filling);
}

#[tokio::test]
async fn a_body_that_breaks_is_a_hit_and_an_error() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        false
    });
    let seen = setup(&server.url(), &["/"]).hits(1, 1).await;
    assert_eq!((seen.totals.hits, seen.totals.errors, seen.errors()), (1, 1, only("closed", 1)));
    assert_eq!((seen.totals.failed_after_send, seen.totals.bytes), (0, 4));
}

#[tokio::test]
async fn an_unexpected_status_is_a_hit_and_a_failure() {
    let server = Server::saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let mut expected = setup(&server.url(), &["/a", "/b"]);
    expected.options.requests[0].expect_status = Some(404);
    let seen = expected.hits(1, 3).await;
    assert_eq!((seen.totals.hits, seen.totals.failures, seen.totals.errors), (6, 3, 0));
    assert_eq!(seen.errors(), only("unexpected-status", 3));
    let rows = seen.windows.iter().flat_map(|w| &w.rows);
    assert_eq!(rows.filter(|row| row.label.ends_with("/b")).map(|row| row.unexpected).sum::<u64>(), 3);
}

/// Answers the first request of a connection; closes at the second without a word.
fn forgetful() -> Server {
    Server::start(|asked, stream| asked.number == 0 && stream.write_all(OK.as_bytes()).is_ok())
}

#[tokio::test]
async fn a_stale_connection_is_retried_once_and_counted_as_a_retry() {
    let server = forgetful();
    let seen = setup(&server.url(), &["/"]).hits(1, 3).await;
    assert_eq!((seen.totals.sent, seen.totals.hits, seen.totals.success), (3, 3, 3));
    assert_eq!((seen.totals.retries, server.requests()), (2, 5), "hits ≤ server ≤ sent + retries");
}

#[tokio::test]
async fn what_is_not_idempotent_is_not_sent_twice() {
    let server = forgetful();
    let mut setup = setup(&server.url(), &["/"]);
    setup.options.requests[0].method = "POST".into();
    let seen = setup.hits(1, 3).await;
    assert_eq!((seen.totals.retries, seen.totals.hits, seen.totals.failed_after_send), (0, 2, 1));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn stopping_now_cuts_what_is_in_flight_and_counts_it_as_unanswered() {
    let server = Server::start(|_, _| true);
    let mut rig = setup(&server.url(), &["/"]).prepare().await;
    let order = rig.order(5, Length::Hits(10));
    rig.http.startup(order).await.unwrap();
    while server.requests() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seen = rig.stop(StopMode::Now).await;
    assert_eq!((seen.totals.sent, seen.totals.unanswered, seen.totals.interrupted), (5, 5, 5));
    assert_eq!(rig.http.check().await.unwrap(), Check::Finished);
}

#[tokio::test]
async fn a_drain_can_be_cut_short() {
    let server = Server::start(|_, _| true);
    let mut rig = setup(&server.url(), &["/"]).prepare().await;
    let order = rig.order(2, Length::Hits(10));
    rig.http.startup(order).await.unwrap();
    while server.requests() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let drain = tokio::time::timeout(Duration::from_millis(50), rig.http.shutdown(StopMode::Drain));
    assert!(drain.await.is_err(), "what is in flight has 10 s");
    assert_eq!(rig.stop(StopMode::Now).await.totals.unanswered, 2);
}

#[tokio::test]
async fn what_outlives_the_drain_time_is_cut() {
    let server = Server::start(|_, _| true);
    let mut setup = setup(&server.url(), &["/"]);
    setup.plan.drain_seconds = 1;
    let mut rig = setup.prepare().await;
    let order = rig.order(2, Length::Seconds(1));
    let seen = rig.step(order).await;
    assert_eq!((seen.totals.unanswered, seen.totals.interrupted), (2, 2));
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_before_the_run() {
    let result = setup("not a url", &["/"]).try_prepare().await;
    let message = result.err().unwrap().to_string();
    assert!(message.contains("requests[0]") && message.contains("not a URL"), "{message}");
}
