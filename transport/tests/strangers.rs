//! What strangers and broken peers do must disturb nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod common;

use std::io::Write;
use std::time::Duration;

use common::{PATIENCE, closed, command, connect, frame, greeting, introduced, read_frame, ready};
use loads_transport::{Counts, Dealer, Event, Limits, Puller, Router};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

fn limits() -> Limits {
    Limits { handshake: Duration::from_millis(300), ..Limits::default() }
}

/// Checks that a well-behaved peer is heard.
async fn works(puller: &mut Puller) {
    let endpoint = puller.endpoint();
    let honest = spawn_blocking(move || {
        let mut peer = introduced(&endpoint, "PUSH");
        peer.write_all(&frame(b"honest")).unwrap();
        peer
    });
    let heard = timeout(PATIENCE, puller.recv()).await.unwrap();
    assert_eq!(&heard[..], b"honest");
    drop(honest.await.unwrap());
}

/// Waits for what is counted a moment after the peer sees its connection closed.
async fn counted(puller: &Puller, condition: impl Fn(Counts) -> bool) {
    let waiting = async {
        while !condition(puller.counts()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", puller.counts()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_claims_4_eib_ends_its_own_connection_only() {
    let mut puller = Puller::bind("tcp://127.0.0.1:0", limits()).await.unwrap();
    let endpoint = puller.endpoint();
    spawn_blocking(move || {
        let mut peer = introduced(&endpoint, "PUSH");
        peer.write_all(&[2, 0x40, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        closed(&mut peer);
    })
    .await
    .unwrap();
    works(&mut puller).await;
    counted(&puller, |counts| counts.oversized == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_before_a_violation_still_arrive() {
    let mut puller = Puller::bind("tcp://127.0.0.1:0", limits()).await.unwrap();
    let endpoint = puller.endpoint();
    spawn_blocking(move || {
        let mut peer = introduced(&endpoint, "PUSH");
        peer.write_all(&[frame(b"good"), vec![0xff, 0xff]].concat()).unwrap();
        closed(&mut peer);
    })
    .await
    .unwrap();
    assert_eq!(&timeout(PATIENCE, puller.recv()).await.unwrap()[..], b"good");
    counted(&puller, |counts| counts.violations == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_peer_said_before_it_went_arrives_although_nothing_reaches_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p");
    let mut puller = Puller::bind(&format!("ipc://{}", path.display()), limits()).await.unwrap();
    for round in 0..50u8 {
        let path = path.clone();
        spawn_blocking(move || {
            let mut peer = std::os::unix::net::UnixStream::connect(path).unwrap();
            let mut said = [greeting(1), ready("PUSH")].concat();
            for _ in 0..10 {
                said.extend(command(b"\x04PING\x00\x64"));
                said.extend(frame(&[round; 5000]));
            }
            peer.write_all(&said).unwrap();
        })
        .await
        .unwrap();
        for _ in 0..10 {
            assert_eq!(timeout(PATIENCE, puller.recv()).await.unwrap(), vec![round; 5000]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_no_fitting_peer_is_closed_and_counted() {
    let mut puller = Puller::bind("tcp://127.0.0.1:0", limits()).await.unwrap();
    let endpoint = puller.endpoint();
    let openings: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4),
        [greeting(1), ready("SUB")].concat(),
        [greeting(1), ready("NONSENSE")].concat(),
        [greeting(1), command(b"\x05ERROR\x00")].concat(),
        [greeting(1), vec![6, 0x7f, 0, 0, 0, 0, 0, 0, 0]].concat(),
    ];
    let count = openings.len() as u64;
    spawn_blocking(move || {
        for opening in openings {
            let mut peer = connect(&endpoint);
            peer.write_all(&opening).unwrap();
            closed(&mut peer);
        }
    })
    .await
    .unwrap();
    works(&mut puller).await;
    counted(&puller, |counts| counts.bad_handshakes == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_handshakes_end_by_the_time_limit() {
    let mut puller = Puller::bind("tcp://127.0.0.1:0", limits()).await.unwrap();
    let endpoint = puller.endpoint();
    let half_open = spawn_blocking(move || {
        let mut peers: Vec<_> = (0..10).map(|_| connect(&endpoint)).collect();
        for peer in &mut peers {
            peer.write_all(&greeting(0)[..30]).unwrap();
        }
        peers.iter_mut().for_each(closed);
    });
    works(&mut puller).await;
    half_open.await.unwrap();
    counted(&puller, |counts| counts.slow_handshakes == 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_places_are_taken_a_silent_peer_makes_room_for_a_speaking_one() {
    let limits = Limits { max_connections: 3, quiet: Duration::from_millis(20), ..limits() };
    let mut puller = Puller::bind("tcp://127.0.0.1:0", limits).await.unwrap();
    let endpoint = puller.endpoint();
    let speaker = spawn_blocking(move || {
        let mut speaker = introduced(&endpoint, "PUSH");
        speaker.write_all(&frame(b"first")).unwrap();
        let silent: Vec<_> = (0..10).map(|_| introduced(&endpoint, "PUSH")).collect();
        (speaker, silent)
    });
    assert_eq!(&timeout(PATIENCE, puller.recv()).await.unwrap()[..], b"first");
    let (mut speaker, _silent) = speaker.await.unwrap();
    works(&mut puller).await;
    speaker.write_all(&frame(b"second")).unwrap();
    assert_eq!(&timeout(PATIENCE, puller.recv()).await.unwrap()[..], b"second");
    assert!(puller.counts().evicted_silent >= 8, "{:?}", puller.counts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_are_answered_with_their_context_and_reach_nobody() {
    let mut router = Router::bind("tcp://127.0.0.1:0", limits()).await.unwrap();
    let endpoint = router.endpoint();
    let peer = spawn_blocking(move || {
        let mut peer = introduced(&endpoint, "DEALER");
        for n in 0..50u8 {
            peer.write_all(&command(&[b"\x04PING\x00\x64", &[n; 3][..]].concat())).unwrap();
            peer.write_all(&[frame(&[n; 700]), command(b"\x07UNKNOWN...")].concat()).unwrap();
            assert_eq!(read_frame(&mut peer), (4, [b"\x04PONG", &[n; 3][..]].concat()));
        }
        peer
    });
    for n in 0..50u8 {
        assert_eq!(timeout(PATIENCE, router.recv()).await.unwrap().unwrap().1, vec![n; 700]);
    }
    drop(peer.await.unwrap());
    assert_eq!(router.split().1.counts().pings, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_claims_anothers_identity_takes_nothing_over() {
    let mut router = Router::bind("tcp://127.0.0.1:0", limits()).await.unwrap();
    let endpoint = router.endpoint();
    let same = |text: &'static [u8]| {
        let endpoint = endpoint.clone();
        spawn_blocking(move || {
            let mut peer = connect(&endpoint);
            let body = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x01A";
            peer.write_all(&[greeting(0), command(body), frame(text)].concat()).unwrap();
            peer
        })
    };
    let mut first = same(b"first").await.unwrap();
    let (first_id, _) = timeout(PATIENCE, router.recv()).await.unwrap().unwrap();
    let second = same(b"second").await.unwrap();
    let (second_id, _) = timeout(PATIENCE, router.recv()).await.unwrap().unwrap();
    assert_ne!(first_id, second_id);
    drop(second);
    assert!(router.send(&first_id, b"for the first".to_vec()).await.unwrap());
    let heard = spawn_blocking(move || {
        std::io::Read::read_exact(&mut first, &mut [0; 64]).unwrap();
        read_frame(&mut first);
        read_frame(&mut first).1
    });
    assert_eq!(heard.await.unwrap(), b"for the first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_takes_nothing_is_dropped_and_others_go_on() {
    let limits = Limits { write_stall: Duration::from_millis(300), ..limits() };
    let mut router = Router::bind("tcp://127.0.0.1:0", limits).await.unwrap();
    let endpoint = router.endpoint();
    let stalled = spawn_blocking(move || {
        let mut peer = introduced(&endpoint, "DEALER");
        peer.write_all(&frame(b"hi")).unwrap();
        peer
    });
    let (peer, _) = timeout(PATIENCE, router.recv()).await.unwrap().unwrap();
    let mut dealer = Dealer::connect(&router.endpoint()).unwrap();
    assert_eq!(timeout(PATIENCE, dealer.recv()).await.unwrap().unwrap(), Event::Connected);
    dealer.send(b"?".to_vec()).await.unwrap();
    let (honest, _) = timeout(PATIENCE, router.recv()).await.unwrap().unwrap();
    let (sender, mut receiver) = router.split();
    for _ in 0..40 {
        sender.send(&peer, vec![0; 1 << 20]).await.unwrap();
    }
    sender.send(&honest, b"!".to_vec()).await.unwrap();
    let answer = timeout(PATIENCE, dealer.recv()).await.unwrap().unwrap();
    assert_eq!(answer, Event::Message(b"!"[..].into()));
    let gone = timeout(PATIENCE, receiver.recv_event()).await.unwrap().unwrap();
    assert_eq!(gone, loads_transport::Incoming::Gone(peer));
    assert_eq!(receiver.counts().stalled, 1);
    drop(stalled.await.unwrap());
}
