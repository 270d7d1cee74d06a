//! Our sockets with each other, over TCP and unix sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

use std::time::Duration;

use loads_transport::{Dealer, Event, Incoming, Limits, Publisher, Puller, Router, Subscriber};
use tokio::time::timeout;

/// Far above what any step here takes; only a hang reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

async fn soon<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("happens within a minute")
}

async fn connected(dealer: &mut Dealer) {
    assert_eq!(soon(dealer.recv()).await.unwrap(), Event::Connected);
}

async fn message(dealer: &mut Dealer) -> Vec<u8> {
    match soon(dealer.recv()).await.unwrap() {
        Event::Message(bytes) => bytes.to_vec(),
        other => panic!("expected a message, got {other:?}"),
    }
}

#[tokio::test]
async fn a_router_answers_each_dealer_over_tcp_and_ipc() {
    let dir = tempfile::tempdir().unwrap();
    for endpoint in ["tcp://127.0.0.1:0".to_owned(), format!("ipc://{}/r", dir.path().display())] {
        let mut router = Router::bind(&endpoint, Limits::default()).await.unwrap();
        let mut dealers = Vec::new();
        for n in 0..5u8 {
            let mut dealer = Dealer::connect(&router.endpoint()).unwrap();
            connected(&mut dealer).await;
            assert!(dealer.send(vec![n; 3]).await.unwrap());
            dealers.push(dealer);
        }
        for _ in 0..5 {
            let (peer, message) = soon(router.recv()).await.unwrap();
            assert!(router.send(&peer, vec![message[0]]).await.unwrap());
        }
        for (n, dealer) in dealers.iter_mut().enumerate() {
            assert_eq!(message(dealer).await, [n as u8]);
        }
    }
}

#[tokio::test]
async fn a_dealer_finds_a_router_that_comes_back_and_introduces_itself_first() {
    let mut router = Router::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let endpoint = router.endpoint();
    let mut dealer = Dealer::connect(&endpoint).unwrap();
    connected(&mut dealer).await;
    assert!(dealer.send(b"hello".to_vec()).await.unwrap());
    assert_eq!(&soon(router.recv()).await.unwrap().1[..], b"hello");
    drop(router);
    assert_eq!(soon(dealer.recv()).await.unwrap(), Event::Disconnected);
    assert!(!dealer.send(b"lost".to_vec()).await.unwrap(), "no connection, nothing queued");

    let mut router = Router::bind(&endpoint, Limits::default()).await.unwrap();
    // Another task that sends on its own must not overtake the introduction.
    let sender = dealer.sender();
    let eager = tokio::spawn(async move {
        while !sender.send(b"eager".to_vec()).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(soon(dealer.recv()).await.unwrap(), Event::Connected);
    soon(eager).await.unwrap();
    assert_eq!(&soon(router.recv()).await.unwrap().1[..], b"eager");
}

#[tokio::test]
async fn a_dealer_asked_to_reconnect_gets_a_new_connection() {
    let mut router = Router::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let mut dealer = Dealer::connect(&router.endpoint()).unwrap();
    connected(&mut dealer).await;
    dealer.send(b"1".to_vec()).await.unwrap();
    let (first, _) = soon(router.recv()).await.unwrap();
    dealer.sender().reconnect();
    assert_eq!(soon(dealer.recv()).await.unwrap(), Event::Disconnected);
    connected(&mut dealer).await;
    dealer.send(b"2".to_vec()).await.unwrap();
    let (second, _) = soon(router.recv()).await.unwrap();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_router_hears_of_a_peer_that_left_after_its_last_message() {
    let router = Router::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let (sender, mut receiver) = router.split();
    let mut dealer = Dealer::connect(&receiver.endpoint()).unwrap();
    connected(&mut dealer).await;
    for n in 0..100u8 {
        dealer.send(vec![n]).await.unwrap();
    }
    let Incoming::Message(peer, _) = soon(receiver.recv_event()).await.unwrap() else { panic!("no message") };
    drop(dealer);
    let mut heard = 1;
    while let Incoming::Message(..) = soon(receiver.recv_event()).await.unwrap() {
        heard += 1;
    }
    assert_eq!(heard, 100);
    assert!(!sender.send(&peer, b"too late".to_vec()).await.unwrap());
}

#[tokio::test]
async fn what_was_queued_for_a_peer_still_leaves_when_the_router_is_dropped() {
    let mut router = Router::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let mut dealer = Dealer::connect(&router.endpoint()).unwrap();
    connected(&mut dealer).await;
    dealer.send(b"?".to_vec()).await.unwrap();
    let (peer, _) = soon(router.recv()).await.unwrap();
    for n in 0..1000u32 {
        router.send(&peer, vec![n as u8; 1000]).await.unwrap();
    }
    drop(router);
    for n in 0..1000u32 {
        assert_eq!(message(&mut dealer).await, vec![n as u8; 1000]);
    }
    assert_eq!(soon(dealer.recv()).await.unwrap(), Event::Disconnected);
}

#[tokio::test]
async fn messages_over_the_limit_are_refused_where_they_are_made() {
    let limits = Limits { max_message: 10, ..Limits::default() };
    let mut router = Router::bind("tcp://127.0.0.1:0", limits).await.unwrap();
    let mut dealer = Dealer::connect(&router.endpoint()).unwrap();
    connected(&mut dealer).await;
    dealer.send(vec![0; 10]).await.unwrap();
    let (peer, _) = soon(router.recv()).await.unwrap();
    let error = router.send(&peer, vec![0; 11]).await.unwrap_err();
    assert!(error.to_string().contains("11 bytes"), "{error}");
}

#[tokio::test]
async fn the_largest_message_arrives_whole() {
    let mut router = Router::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let mut dealer = Dealer::connect(&router.endpoint()).unwrap();
    connected(&mut dealer).await;
    let largest: Vec<u8> = (0..loads_wire::message::MAX_MESSAGE).map(|n| n as u8).collect();
    dealer.send(largest.clone()).await.unwrap();
    let (peer, heard) = soon(router.recv()).await.unwrap();
    assert!(heard == largest);
    router.send(&peer, largest.clone()).await.unwrap();
    assert!(message(&mut dealer).await == largest);
}

#[tokio::test]
async fn a_subscriber_hears_the_stream_again_after_the_publisher_came_back() {
    let publisher = Publisher::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let endpoint = publisher.endpoint();
    let mut subscriber = Subscriber::connect(&endpoint).unwrap();
    assert_eq!(heard(&publisher, &mut subscriber, b"one").await, b"one");
    drop(publisher);
    let publisher = Publisher::bind(&endpoint, Limits::default()).await.unwrap();
    assert_eq!(heard(&publisher, &mut subscriber, b"two").await, b"two");
}

/// Publishes until something is heard: what is published before the subscription is there is missed.
async fn heard(publisher: &Publisher, subscriber: &mut Subscriber, text: &[u8]) -> Vec<u8> {
    let publishing = async {
        loop {
            publisher.publish(text.to_vec()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let until_text = async {
        loop {
            let message = subscriber.recv().await;
            if message[..] == *text {
                return message.to_vec();
            }
        }
    };
    soon(async {
        tokio::select! { () = publishing => unreachable!(), message = until_text => message }
    })
    .await
}

#[tokio::test]
async fn a_socket_left_by_a_killed_process_is_replaced_and_one_in_use_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let endpoint = format!("ipc://{}", path.display());
    let first = Puller::bind(&endpoint, Limits::default()).await.unwrap();
    let error = Puller::bind(&endpoint, Limits::default()).await.err().expect("in use");
    assert!(error.to_string().contains("can not listen"), "{error}");
    drop(first);
    assert!(!path.exists());
}
