use std::io::Write;
use std::sync::{Arc, Mutex};

use super::server::{OK, Server};
use super::*;

#[tokio::test]
async fn every_user_makes_its_hits_and_the_server_counts_the_same() {
    let server = Server::saying(OK);
    let seen = setup(&server.url(), &["/"]).hits(10, 20).await;
    assert_eq!((seen.totals.hits, seen.totals.success, server.requests()), (200, 200, 200));
    assert_eq!((seen.totals.bytes, seen.hits_of("/", 200)), (400, 200));
    assert!(server.connections() <= 10, "connections are kept");
}

#[tokio::test]
async fn one_hit_is_one_hit() {
    let server = Server::saying(OK);
    let seen = setup(&server.url(), &["/"]).hits(1, 1).await;
    assert_eq!((seen.totals.sent, seen.totals.hits, server.requests()), (1, 1, 1));
}

#[tokio::test]
async fn without_weights_one_execution_is_the_whole_list_in_order() {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&paths);
    let server = Server::start(move |asked, stream| {
        log.lock().unwrap().push(asked.path().to_owned());
        stream.write_all(OK.as_bytes()).is_ok()
    });
    let seen = setup(&server.url(), &["/a", "/b", "/c"]).hits(1, 2).await;
    assert_eq!((seen.totals.started, seen.totals.hits), (2, 6));
    assert_eq!(*paths.lock().unwrap(), ["/a", "/b", "/c", "/a", "/b", "/c"]);
}

#[tokio::test]
async fn with_weights_one_execution_is_one_draw() {
    let server = Server::saying(OK);
    let mut setup = setup(&server.url(), &["/a", "/b"]);
    setup.options.requests[0].weight = Some(9);
    setup.options.requests[1].weight = Some(1);
    let seen = setup.hits(4, 100).await;
    assert_eq!(seen.totals.hits, 400);
    let often = seen.hits_of("/a", 200);
    assert!((320..=395).contains(&often), "{often} of 400 draws with a share of 0.9");
}

#[tokio::test]
async fn several_servers_are_one_scenario() {
    let (one, two) = (Server::saying(OK), Server::saying(OK));
    let seen = setup(&one.url(), &["/a", &format!("{}/b", two.url())]).hits(3, 5).await;
    assert_eq!((seen.totals.hits, one.requests(), two.requests()), (30, 15, 15));
}

#[tokio::test]
async fn odd_but_legal_answers_are_hits_and_keep_the_connection() {
    let server = Server::start(|asked, stream| {
        let answer = match asked.path() {
            "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "/interim" => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "/empty" => "HTTP/1.1 204 No Content\r\n\r\n",
            "/same" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
            "/moved" => "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", // HEAD
        };
        let (first, rest) = answer.split_at(answer.len() / 2);
        let sent = stream.write_all(first.as_bytes()).and_then(|()| stream.flush());
        sent.is_ok() && stream.write_all(rest.as_bytes()).is_ok()
    });
    let mut setup = setup(&server.url(), &["/chunked", "/interim", "/empty", "/same", "/moved", "/head"]);
    setup.options.requests[5].method = "HEAD".into();
    let seen = setup.hits(1, 3).await;
    assert_eq!((seen.totals.hits, seen.totals.success, server.connections()), (18, 3, 1));
    assert_eq!((seen.hits_of("/moved", 302), seen.totals.bytes), (3, 15));
}

#[tokio::test]
async fn connections_that_the_server_ends_are_opened_again_without_an_error() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
        false
    });
    let seen = setup(&server.url(), &["/"]).hits(2, 5).await;
    assert_eq!((seen.totals.success, server.connections()), (10, 10));
    assert_eq!((seen.totals.bytes, seen.totals.retries), (130, 0));
}

#[tokio::test]
async fn a_body_that_does_not_fit_the_socket_is_sent_whole() {
    let server = Server::start(|asked, stream| {
        assert_eq!(asked.text.len() - asked.text.find("\r\n\r\n").unwrap() - 4, 20_000_000);
        stream.write_all(OK.as_bytes()).is_ok()
    });
    let mut setup = setup(&server.url(), &["/"]);
    setup.options.requests[0].method = "POST".into();
    setup.options.requests[0].body = Some("x".repeat(20_000_000));
    let seen = setup.hits(1, 2).await;
    assert_eq!((seen.totals.success, server.connections()), (2, 1));
}

#[tokio::test]
async fn a_step_uses_the_connections_of_the_one_before_and_counts_for_itself() {
    let server = Server::saying(OK);
    let mut rig = setup(&server.url(), &["/"]).prepare().await;
    for users in [4, 2, 6] {
        let order = rig.order(users, Length::Hits(5));
        let seen = rig.step(order).await;
        assert_eq!(seen.totals.hits, u64::from(users) * 5);
        assert!(seen.windows.iter().all(|window| window.step == order.step));
    }
    assert!(server.connections() <= 8, "two of four were given up, four of six are new");
}

#[tokio::test]
async fn a_limit_of_connections_makes_users_wait_their_turn_and_lose_no_hit() {
    let server = Server::saying(OK);
    let mut setup = setup(&server.url(), &["/"]);
    setup.options.connections = Some(3);
    let seen = setup.hits(10, 7).await;
    assert_eq!((seen.totals.hits, server.connections()), (70, 3));
}

#[tokio::test]
async fn a_replacement_does_what_is_left() {
    let server = Server::saying(OK);
    let mut rig = setup(&server.url(), &["/"]).prepare().await;
    let mut order = rig.order(4, Length::Hits(100));
    order.executions = Some(37);
    assert_eq!(rig.step(order).await.totals.hits, 37);
}

#[tokio::test]
async fn a_duration_step_ends_by_itself_and_what_is_in_flight_counts() {
    let server = Server::saying(OK);
    let mut rig = setup(&server.url(), &["/"]).prepare().await;
    let order = rig.order(4, Length::Seconds(1));
    let seen = rig.step(order).await;
    assert_eq!((seen.totals.hits, seen.totals.unanswered), (server.requests(), 0));
    assert!(seen.totals.hits > 4);
    let settled = server.requests();
    assert_eq!(rig.stop(StopMode::Drain).await.totals, Totals::default());
    assert_eq!(server.requests(), settled, "no request after the end");
}

#[tokio::test]
async fn users_start_one_after_the_other_over_the_ramp_up() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&starts);
    let server = Server::start(move |_, stream| {
        log.lock().unwrap().push(clock::now());
        stream.write_all(OK.as_bytes()).is_ok()
    });
    let mut setup = setup(&server.url(), &["/"]);
    setup.plan.ramp_up_seconds = 1;
    let mut rig = setup.prepare().await;
    let order = rig.order(4, Length::Hits(1));
    assert_eq!(rig.step(order).await.totals.hits, 4);
    let mut starts = std::mem::take(&mut *starts.lock().unwrap());
    starts.sort_unstable();
    for (user, at) in (0u64..).zip(starts) {
        assert!(at >= order.start + user * SECOND / 4, "user {user} was early");
    }
}

#[tokio::test]
async fn ipv6_is_spoken() {
    let server = Server::bind("[::1]:0", |asked, stream| {
        assert!(asked.text.contains("\r\nHost: [::1]:"));
        stream.write_all(OK.as_bytes()).is_ok()
    });
    assert_eq!(setup(&server.url(), &["/"]).hits(2, 2).await.totals.success, 4);
}
