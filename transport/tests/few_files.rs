//! With 256 open files, 400 strangers must not keep a runner out. Alone in its process: the limit is the
//! whole process'.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

use std::process::{Command, Stdio};
use std::time::Duration;

use loads_transport::{Limits, Puller};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

/// Opens idle connections (the first half silent, the second half past the handshake), then twenty runners that
/// each have one message. In a process of its own: the files of both sides would be counted together.
const STRANGERS: &str = r#"
import resource, socket, sys
files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
host, port = sys.argv[1].rsplit(":", 1)
greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
ready = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
def connect():
    return socket.create_connection((host, int(port)), 60)
held = []
for n in range(400):
    s = connect()
    held.append(s)
    if n >= 200:
        try: s.sendall(greeting + ready)
        except OSError: pass
for n in range(20):
    with connect() as s:
        s.sendall(greeting + ready)
        answer = s.makefile("rb")
        kind, size = answer.read(64 + 2)[64:]
        assert kind == 4 and answer.read(size)[1:6] == b"READY"
        s.sendall(b"\x00\x01" + bytes([n]))
        answer.close()
sys.stdin.read()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_idle_connections_keep_nobody_out() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 256, hard).unwrap();
    let mut puller = Puller::bind("tcp://127.0.0.1:0", Limits::for_sockets(1)).await.unwrap();
    let mut strangers = Command::new("python3")
        .args(["-c", STRANGERS, puller.endpoint().strip_prefix("tcp://").unwrap()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 is in PATH");
    let mut said = Vec::new();
    while said.len() < 20 {
        said.extend_from_slice(&timeout(PATIENCE, puller.recv()).await.unwrap());
    }
    said.sort_unstable();
    assert_eq!(said, (0..20).collect::<Vec<u8>>());
    let counts = puller.counts();
    assert!(counts.accepted >= 420 && counts.evicted_silent > 0, "{counts:?}");
    drop(strangers.stdin.take());
    assert!(strangers.wait().unwrap().success());
}
