//! What connecting sockets share: try, wait a little longer after each failure, notice the end; and how all
//! our TCP connections are set.

use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::Receiver;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use zeromq::{SocketEvent, SocketOptions};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For one attempt, handshake included; long enough for a broker that starts 2,000 agents.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(5);

/// Options of one attempt.
pub(crate) fn options() -> SocketOptions {
    let mut options = SocketOptions::default();
    options.connect_timeout(ATTEMPT);
    options
}

/// Small messages go at once; a peer whose machine is gone is noticed within a minute.
pub(crate) fn tune(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let result = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(reason) = result {
        tracing::debug!(%reason, "socket option not set");
    }
}

/// Returns when the connection has ended.
pub(crate) async fn disconnected(monitor: &mut Receiver<SocketEvent>) {
    while let Some(event) = monitor.next().await {
        if matches!(event, SocketEvent::Disconnected(_)) {
            return;
        }
    }
}

/// Waits between attempts, each time twice as long, up to a limit.
#[derive(Debug)]
pub(crate) struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    pub(crate) fn new() -> Self {
        Self::up_to(LONGEST_PAUSE)
    }

    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST_PAUSE, longest }
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }
}
