//! A million messages among heartbeats: none may be missing, whoever sends them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod common;

use std::io::{BufWriter, Write};
use std::process::Command;
use std::time::Instant;

use common::{PATIENCE, command, frame, introduced};
use loads_transport::{Limits, Puller};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

const MESSAGES: u64 = 1_000_000;

/// Hears all messages; each carries its number in its first 8 bytes.
async fn all_in_order(puller: &mut Puller, what: &str) {
    let begun = Instant::now();
    for n in 0..MESSAGES {
        let message =
            timeout(PATIENCE, puller.recv()).await.unwrap_or_else(|_| panic!("message {n} is missing"));
        assert_eq!(message[..8], n.to_be_bytes(), "message {n}");
    }
    let rate = MESSAGES as f64 / begun.elapsed().as_secs_f64();
    println!("{what}: {rate:.0} messages/s, {:?}", puller.counts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_a_million_messages_is_lost_among_heartbeats() {
    let mut puller = Puller::bind("tcp://127.0.0.1:0", Limits::default()).await.unwrap();
    let endpoint = puller.endpoint();
    let sender = spawn_blocking(move || {
        let mut peer = BufWriter::with_capacity(50_000, introduced(&endpoint, "PUSH"));
        let ping = command(b"\x04PING\x00\x64context");
        let mut body = [b'x'; 200];
        for n in 0..MESSAGES {
            body[..8].copy_from_slice(&n.to_be_bytes());
            peer.write_all(&frame(&body)).unwrap();
            if n % 997 == 0 {
                peer.write_all(&ping).unwrap();
            }
        }
        peer.into_inner().unwrap()
    });
    all_in_order(&mut puller, "by hand").await;
    // Unread PONGs make the system reset the connection when it is closed; all was heard by then.
    drop(sender.await.unwrap());
    assert_eq!(puller.counts().pings, MESSAGES.div_ceil(997));
}

const PUSH: &str = r#"
import sys, zmq
context = zmq.Context()
push = context.socket(zmq.PUSH)
push.setsockopt(zmq.HEARTBEAT_IVL, 100)
push.setsockopt(zmq.LINGER, -1)
push.connect(sys.argv[1])
rest = b"x" * 192
for n in range(1_000_000):
    push.send(n.to_bytes(8, "big") + rest)
push.close()
context.term()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pyzmq in the interpreter that LOADS_TEST_PYTHON names"]
async fn none_of_a_million_messages_of_libzmq_with_heartbeats_is_lost() {
    let python = std::env::var("LOADS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let dir = tempfile::tempdir().unwrap();
    for endpoint in ["tcp://127.0.0.1:0".to_owned(), format!("ipc://{}/p", dir.path().display())] {
        let mut puller = Puller::bind(&endpoint, Limits::default()).await.unwrap();
        let mut child = Command::new(&python).args(["-c", PUSH, &puller.endpoint()]).spawn().unwrap();
        all_in_order(&mut puller, &endpoint).await;
        assert!(child.wait().unwrap().success());
        assert!(puller.counts().pings > 0, "heartbeats were on");
    }
}
