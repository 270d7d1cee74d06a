use std::io::Write;

use super::server::{OK, Server};
use super::*;

#[tokio::test]
async fn arrivals_follow_the_rate_while_the_server_stalls_and_the_stall_is_in_the_latencies() {
    let stalled = std::sync::OnceLock::new();
    let server = Server::start(move |_, stream| {
        // From half a second on, nothing is answered for one second.
        let start = *stalled.get_or_init(clock::now);
        let since = clock::now() - start;
        if (SECOND / 2..3 * SECOND / 2).contains(&since) {
            std::thread::sleep(Duration::from_nanos(3 * SECOND / 2 - since));
        }
        stream.write_all(OK.as_bytes()).is_ok()
    });
    let mut setup = setup(&server.url(), &["/"]);
    setup.plan.rate = Some(200);
    let mut rig = setup.prepare().await;
    let order = rig.order(10_000, Length::Seconds(2));
    let seen = rig.step(order).await;
    assert!((396..=404).contains(&seen.totals.started), "{} arrivals of 400", seen.totals.started);
    assert_eq!((seen.totals.hits, server.requests()), (seen.totals.started, seen.totals.started));
    assert_eq!(seen.totals.delayed, 0);
    assert!(seen.max_latency() > SECOND * 9 / 10, "{} ns", seen.max_latency());
}

#[tokio::test]
async fn an_arrival_without_a_free_user_waits_and_its_latency_counts_from_its_due_time() {
    let server = Server::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(OK.as_bytes()).is_ok()
    });
    let mut setup = setup(&server.url(), &["/"]);
    setup.plan.rate = Some(40);
    setup.cores = 1;
    let mut rig = setup.prepare().await;
    let order = rig.order(1, Length::Hits(20));
    let seen = rig.step(order).await;
    assert_eq!((seen.totals.hits, server.connections()), (20, 1));
    assert_eq!(seen.totals.delayed, 19, "all but the first");
    // The last is due after 0.475 s and done after 2 s at the earliest.
    assert!(seen.max_latency() >= SECOND * 3 / 2, "{} ns", seen.max_latency());
}

#[tokio::test]
async fn agents_share_the_arrivals_exactly() {
    let server = Server::saying(OK);
    let mut hits = 0;
    for index in 0..3 {
        let mut setup = setup(&server.url(), &["/a", "/b"]);
        (setup.plan.agents, setup.plan.rate, setup.index) = (3, Some(3_000), index);
        let seen = setup.hits(10, 10).await;
        assert_eq!(seen.totals.hits, 100);
        hits += seen.totals.hits;
    }
    assert_eq!(server.requests(), hits);
}

#[tokio::test]
async fn a_refused_arrival_is_one_error_and_the_rate_goes_on() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut setup = setup(&format!("http://{address}"), &["/"]);
    setup.plan.rate = Some(500);
    let seen = setup.hits(10, 5).await;
    assert_eq!((seen.errors(), seen.totals.errors), (only("refused", 50), 50));
}

#[tokio::test]
async fn arrivals_that_never_found_a_user_are_not_started_but_counted_as_delayed() {
    let server = Server::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(1_500));
        stream.write_all(OK.as_bytes()).is_ok()
    });
    let mut setup = setup(&server.url(), &["/"]);
    setup.plan.rate = Some(10);
    let mut rig = setup.prepare().await;
    let order = rig.order(2, Length::Seconds(1));
    let seen = rig.step(order).await;
    assert_eq!((seen.totals.started, seen.totals.hits, seen.totals.delayed), (2, 2, 8));
}
