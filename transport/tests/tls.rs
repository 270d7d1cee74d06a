//! Mutual TLS below ZeroMQ: who has the run's certificate is heard, nobody else reaches a decoder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

#[path = "common/certificates.rs"]
mod certificates;
mod common;

use std::io::{Read, Write};
use std::time::Duration;

use certificates::{Authority, SERVER};
use common::{PATIENCE, closed, connect, frame, greeting, ready};
use loads_transport::{
    ClientTls, Counts, Dealer, Event, Incoming, Limits, Router, RouterReceiver, ServerTls,
};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

fn limits() -> Limits {
    Limits { handshake: Duration::from_millis(500), ..Limits::default() }
}

fn client(authority: &Authority) -> ClientTls {
    ClientTls::from_dir(authority.client().path(), SERVER).unwrap()
}

async fn router(authority: &Authority, endpoint: &str) -> Router {
    let tls = ServerTls::from_dir(authority.server(SERVER).path()).unwrap();
    Router::bind_tls(endpoint, limits(), Some(tls)).await.unwrap()
}

async fn soon<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("happens within a minute")
}

async fn next(dealer: &mut Dealer) -> Event {
    soon(dealer.recv()).await.unwrap()
}

async fn counted(receiver: &RouterReceiver, condition: impl Fn(Counts) -> bool) {
    let waiting = async {
        while !condition(receiver.counts()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", receiver.counts()));
}

/// Checks that an agent of the run is heard and answered.
async fn works(router: &mut Router, authority: &Authority) {
    let mut honest = Dealer::connect_tls(&router.endpoint(), Some(client(authority))).unwrap();
    assert_eq!(next(&mut honest).await, Event::Connected);
    assert!(honest.send(b"honest".to_vec()).await.unwrap());
    let (peer, heard) = soon(router.recv()).await.unwrap();
    assert_eq!(&heard[..], b"honest");
    router.send(&peer, b"heard".to_vec()).await.unwrap();
    assert_eq!(next(&mut honest).await, Event::Message(b"heard"[..].into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_run_is_heard_whatever_it_says_and_however_much() {
    let run = Authority::new();
    let mut router = router(&run, "tcp://127.0.0.1:0").await;
    let mut dealer = Dealer::connect_tls(&router.endpoint(), Some(client(&run))).unwrap();
    assert_eq!(next(&mut dealer).await, Event::Connected);
    let largest: Vec<u8> = (0..loads_wire::message::MAX_MESSAGE).map(|n| n as u8).collect();
    dealer.send(largest.clone()).await.unwrap();
    let (peer, heard) = soon(router.recv()).await.unwrap();
    assert!(heard == largest);
    for n in 0..1000u32 {
        router.send(&peer, n.to_be_bytes().to_vec()).await.unwrap();
    }
    for n in 0..1000u32 {
        assert_eq!(next(&mut dealer).await, Event::Message(n.to_be_bytes().to_vec().into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_said_before_it_left_arrives() {
    let run = Authority::new();
    let (_sender, mut receiver) = router(&run, "tcp://127.0.0.1:0").await.split();
    let mut dealer = Dealer::connect_tls(&receiver.endpoint(), Some(client(&run))).unwrap();
    assert_eq!(next(&mut dealer).await, Event::Connected);
    for n in 0..100u8 {
        dealer.send(vec![n; 1000]).await.unwrap();
    }
    let Incoming::Message(..) = soon(receiver.recv_event()).await.unwrap() else { panic!("no message") };
    drop(dealer);
    let mut heard = 1;
    while let Incoming::Message(..) = soon(receiver.recv_event()).await.unwrap() {
        heard += 1;
    }
    assert_eq!(heard, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_another_run_or_without_tls_reach_nothing() {
    let (run, other) = (Authority::new(), Authority::new());
    let mut router = router(&run, "tcp://127.0.0.1:0").await;
    let endpoint = router.endpoint();
    // One trusts another authority; one shows another's certificate and trusts the right one; one has none.
    let theirs = other.client();
    std::fs::copy(run.client().path().join("ca.crt"), theirs.path().join("ca.crt")).unwrap();
    let strangers = [
        Dealer::connect_tls(&endpoint, Some(client(&other))).unwrap(),
        Dealer::connect_tls(&endpoint, Some(ClientTls::from_dir(theirs.path(), SERVER).unwrap())).unwrap(),
        Dealer::connect(&endpoint).unwrap(),
    ];
    let mut connecting = strangers.map(|mut dealer| tokio::spawn(async move { dealer.recv().await }));
    works(&mut router, &run).await;
    let (_sender, receiver) = router.split();
    counted(&receiver, |counts| counts.bad_handshakes + counts.slow_handshakes >= 6).await;
    assert_eq!(receiver.counts().admitted, 1, "only the honest one");
    for stranger in &mut connecting {
        assert!(!stranger.is_finished(), "never connected");
        stranger.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_certificate_for_something_else_is_not_talked_to() {
    let run = Authority::new();
    let tls = ServerTls::from_dir(run.server("other.test").path()).unwrap();
    let router = Router::bind_tls("tcp://127.0.0.1:0", limits(), Some(tls)).await.unwrap();
    let (_sender, receiver) = router.split();
    let mut dealer = Dealer::connect_tls(&receiver.endpoint(), Some(client(&run))).unwrap();
    let connecting = tokio::spawn(async move { dealer.recv().await });
    counted(&receiver, |counts| counts.bad_handshakes >= 2).await;
    assert!(!connecting.is_finished());
    connecting.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_giant_records_and_plain_zmtp_are_dropped_and_counted() {
    let run = Authority::new();
    let mut router = router(&run, "tcp://127.0.0.1:0").await;
    let endpoint = router.endpoint();
    let plain_zmtp = [greeting(1), ready("DEALER"), frame(&[7; 4096])].concat();
    let openings: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        // A handshake record of 65,535 bytes, four times what TLS allows.
        [&[22, 3, 1, 0xff, 0xff][..], &[1; 70_000]].concat(),
        // A ClientHello that claims 16 MiB, in legal records.
        [&[22, 3, 1, 0x40, 0][..], &[1, 0xff, 0xff, 0xff], &[0; 16_380]].concat().repeat(20),
        plain_zmtp,
    ];
    let count = openings.len() as u64;
    spawn_blocking(move || {
        for opening in openings {
            let mut peer = connect(&endpoint);
            // The other side may close before all of it is written.
            let _ = peer.write_all(&opening);
            closed(&mut peer);
        }
    })
    .await
    .unwrap();
    works(&mut router, &run).await;
    let (_sender, receiver) = router.split();
    counted(&receiver, |counts| counts.bad_handshakes == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_handshakes_end_by_the_time_limit_and_only_a_few_are_kept() {
    let run = Authority::new();
    let tls = ServerTls::from_dir(run.server(SERVER).path()).unwrap();
    let few = Limits { max_pending: 4, ..limits() };
    let mut router = Router::bind_tls("tcp://127.0.0.1:0", few, Some(tls)).await.unwrap();
    let endpoint = router.endpoint();
    let half_open = spawn_blocking(move || {
        let mut peers: Vec<_> = (0..10).map(|_| connect(&endpoint)).collect();
        for peer in &mut peers {
            let _ = peer.write_all(&[22, 3, 1, 0x40]);
        }
        peers.iter_mut().for_each(closed);
    });
    half_open.await.unwrap();
    works(&mut router, &run).await;
    let (_sender, receiver) = router.split();
    counted(&receiver, |c| c.evicted_pending + c.slow_handshakes == 10 && c.evicted_pending >= 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dealer_finds_a_router_that_was_restarted() {
    let run = Authority::new();
    let first = router(&run, "tcp://127.0.0.1:0").await;
    let endpoint = first.endpoint();
    let mut dealer = Dealer::connect_tls(&endpoint, Some(client(&run))).unwrap();
    assert_eq!(next(&mut dealer).await, Event::Connected);
    drop(first);
    assert_eq!(next(&mut dealer).await, Event::Disconnected);
    assert!(!dealer.send(b"lost".to_vec()).await.unwrap(), "no connection, nothing queued");
    let mut second = router(&run, &endpoint).await;
    assert_eq!(next(&mut dealer).await, Event::Connected);
    assert!(dealer.send(b"again".to_vec()).await.unwrap());
    assert_eq!(&soon(second.recv()).await.unwrap().1[..], b"again");
    dealer.sender().reconnect();
    assert_eq!(next(&mut dealer).await, Event::Disconnected);
    assert_eq!(next(&mut dealer).await, Event::Connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_while_nobody_receives_arrives_later_and_in_order() {
    let run = Authority::new();
    let mut router = router(&run, "tcp://127.0.0.1:0").await;
    let mut dealer = Dealer::connect_tls(&router.endpoint(), Some(client(&run))).unwrap();
    assert_eq!(next(&mut dealer).await, Event::Connected);
    // Far more than the buffers of the way hold.
    for n in 0..64u8 {
        assert!(soon(dealer.send(vec![n; 1 << 20])).await.unwrap());
    }
    for n in 0..64u8 {
        assert!(soon(router.recv()).await.unwrap().1 == vec![n; 1 << 20]);
    }
}

#[test]
fn a_folder_that_lacks_something_is_refused_with_the_file_and_what_belongs_there() {
    let run = Authority::new();
    let refused = |name: &str, text: Option<&str>| {
        let dir = run.server(SERVER);
        match text {
            Some(text) => std::fs::write(dir.path().join(name), text).unwrap(),
            None => std::fs::remove_file(dir.path().join(name)).unwrap(),
        }
        ServerTls::from_dir(dir.path()).unwrap_err().to_string()
    };
    for name in ["ca.crt", "tls.crt", "tls.key"] {
        for text in [None, Some(""), Some("-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n")] {
            let message = refused(name, text);
            assert!(message.contains(name) && message.contains("must hold ca.crt"), "{message}");
        }
    }
    let mut foreign_key = String::new();
    let other = run.client();
    std::fs::File::open(other.path().join("tls.key")).unwrap().read_to_string(&mut foreign_key).unwrap();
    let message = refused("tls.key", Some(&foreign_key));
    assert!(message.contains("all of one run"), "{message}");
    let message = ClientTls::from_dir(run.client().path(), "not a name").unwrap_err().to_string();
    assert!(message.contains("name"), "{message}");
}

#[tokio::test]
async fn tls_on_a_unix_socket_is_refused() {
    let run = Authority::new();
    let tls = ServerTls::from_dir(run.server(SERVER).path()).unwrap();
    let error = Router::bind_tls("ipc:///tmp/x", limits(), Some(tls)).await.err().unwrap();
    assert!(error.to_string().contains("tcp endpoints"), "{error}");
    assert!(Dealer::connect_tls("ipc:///tmp/x", Some(client(&run))).is_err());
}
