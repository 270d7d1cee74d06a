//! The socket that runners push their results to.

use bytes::Bytes;
use zeromq::{PullSocket, Socket, SocketRecv};

use crate::guard::filter::Kind;
use crate::guard::{Guard, Listen};
use crate::router::{adopt, joined};
use crate::{Counts, Error, Limits};

/// A bound PULL socket: hears many connections, answers none.
pub struct Puller {
    socket: PullSocket,
    guard: Guard,
}

impl Puller {
    /// Listens on `endpoint` (`tcp://HOST:PORT`, port 0 for any free one, or `ipc://PATH`).
    pub async fn bind(endpoint: &str, limits: Limits) -> Result<Self, Error> {
        let (guard, inner) = Guard::bind(Listen::plain(endpoint, Kind::Pull, limits), None).await?;
        let mut socket = PullSocket::new();
        adopt(&mut socket, inner).await?;
        Ok(Self { socket, guard })
    }

    /// The address to connect to, with the real port.
    pub fn endpoint(&self) -> String {
        self.guard.endpoint()
    }

    /// What happened to connections so far.
    pub fn counts(&self) -> Counts {
        self.guard.counts()
    }

    /// Connections that may still have messages: a connection counts until `recv` has handed over the last
    /// one that its peer sent. It shrinks only while somebody receives.
    pub fn connections(&self) -> usize {
        self.guard.connections()
    }

    /// The next message. What a single connection does wrong ends that connection and is never an error
    /// here. Cancel-safe.
    pub async fn recv(&mut self) -> Bytes {
        loop {
            if let Ok(message) = self.socket.recv().await {
                return joined(message.into_vec());
            }
        }
    }
}

impl Drop for Puller {
    fn drop(&mut self) {
        // The crate's PULL, unlike its other sockets, does not close its connections when dropped.
        self.socket.backend().shutdown();
    }
}
