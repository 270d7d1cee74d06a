//! With 256 open files, 400 strangers must not keep a runner out. Alone in its process: the limit is the
//! whole process'.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod common;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use common::{PATIENCE, frame, introduced};
use loads_transport::{Limits, Puller};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Opens idle connections (the first half silent, the second half past the handshake), then waits.
const STRANGERS: &str = r#"
import resource, socket, sys
files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
host, port = sys.argv[1].rsplit(":", 1)
greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
ready = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
held = []
for n in range(400):
    s = socket.create_connection((host, int(port)), 10)
    held.append(s)
    if n >= 200:
        try: s.sendall(greeting + ready)
        except OSError: pass
print("there", flush=True)
sys.stdin.read()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_idle_connections_keep_nobody_out() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 256, hard).unwrap();
    let mut puller = Puller::bind("tcp://127.0.0.1:0", Limits::for_sockets(1)).await.unwrap();
    let endpoint = puller.endpoint();
    let mut strangers = Command::new("python3")
        .args(["-c", STRANGERS, endpoint.strip_prefix("tcp://").unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is in PATH");
    let mut stdout = strangers.stdout.take().unwrap();
    let _stdout = spawn_blocking(move || {
        stdout.read_exact(&mut [0; 6]).unwrap();
        stdout
    })
    .await
    .unwrap();
    for round in 0..20u8 {
        let endpoint = endpoint.clone();
        let peer = spawn_blocking(move || {
            let mut peer = introduced(&endpoint, "PUSH");
            peer.write_all(&frame(&[round])).unwrap();
            peer
        });
        assert_eq!(timeout(PATIENCE, puller.recv()).await.unwrap()[..], [round]);
        drop(peer.await.unwrap());
    }
    let counts = puller.counts();
    assert!(counts.accepted >= 420 && counts.evicted_silent > 0, "{counts:?}");
    drop(strangers.stdin.take());
    strangers.wait().unwrap();
}
