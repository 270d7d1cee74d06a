//! The socket of the live stream.

use tokio::sync::Mutex;
use zeromq::{PubSocket, Socket, SocketSend, ZmqMessage};

use crate::guard::filter::Kind;
use crate::guard::{Guard, Listen};
use crate::router::adopt;
use crate::{Counts, Error, Limits};

/// A bound PUB socket. A subscriber that does not keep up misses messages and is dropped at last: nothing
/// that must arrive goes this way.
pub struct Publisher {
    socket: Mutex<PubSocket>,
    guard: Guard,
    limit: usize,
}

impl Publisher {
    /// Listens on `endpoint` (`tcp://HOST:PORT`, port 0 for any free one, or `ipc://PATH`).
    pub async fn bind(endpoint: &str, limits: Limits) -> Result<Self, Error> {
        let (guard, inner) = Guard::bind(Listen::plain(endpoint, Kind::Pub, limits), None).await?;
        let mut socket = PubSocket::new();
        adopt(&mut socket, inner).await?;
        Ok(Self { socket: Mutex::new(socket), guard, limit: limits.max_message })
    }

    /// The address to connect to, with the real port.
    pub fn endpoint(&self) -> String {
        self.guard.endpoint()
    }

    /// What happened to connections so far.
    pub fn counts(&self) -> Counts {
        self.guard.counts()
    }

    /// Connected subscribers.
    pub fn connections(&self) -> usize {
        self.guard.connections()
    }

    /// Sends to all subscribers that are connected now. Never waits for one.
    pub async fn publish(&self, message: Vec<u8>) -> Result<(), Error> {
        if message.len() > self.limit {
            return Err(Error::TooBig { size: message.len(), limit: self.limit });
        }
        let sent = self.socket.lock().await.send(ZmqMessage::from(message)).await;
        sent.map_err(|_| Error::Closed)
    }
}
