//! The socket that knows who it talks to.

use std::fmt;

use bytes::Bytes;
use tokio::sync::mpsc;
use zeromq::{RouterRecvHalf, RouterSendHalf, RouterSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use crate::guard::filter::Kind;
use crate::guard::{Guard, Listen};
use crate::{Counts, Error, Limits, ServerTls};

/// One connection of a [`Router`]. Every connection of a process has its own; none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub(crate) u64);

impl PeerId {
    /// As ZeroMQ identity. The first byte must not be 0, such identities belong to ZeroMQ itself.
    pub(crate) fn identity(self) -> [u8; 9] {
        let mut identity = [b'c'; 9];
        identity[1..].copy_from_slice(&self.0.to_be_bytes());
        identity
    }

    fn from_identity(identity: &[u8]) -> Option<Self> {
        Some(Self(u64::from_be_bytes(identity.get(1..)?.try_into().ok()?)))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// What a [`Router`] hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A connection sent this.
    Message(PeerId, Bytes),
    /// A connection that had sent something ended; all its messages came before this.
    Gone(PeerId),
}

/// A bound ROUTER socket: hears many connections, answers each.
pub struct Router {
    receiver: RouterReceiver,
    sender: RouterSender,
}

/// The hearing half of a [`Router`]. The endpoint stays bound until this half is dropped.
pub struct RouterReceiver {
    half: RouterRecvHalf,
    gone: mpsc::UnboundedReceiver<u64>,
    guard: Guard,
}

/// The answering half of a [`Router`]; clones share the socket.
#[derive(Clone)]
pub struct RouterSender {
    half: RouterSendHalf,
    limit: usize,
}

impl Router {
    /// Listens on `endpoint` (`tcp://HOST:PORT`, port 0 for any free one, or `ipc://PATH`).
    pub async fn bind(endpoint: &str, limits: Limits) -> Result<Self, Error> {
        Self::bind_tls(endpoint, limits, None).await
    }

    /// As [`Router::bind`]; with `tls`, only who has a certificate of the same authority is heard.
    pub async fn bind_tls(endpoint: &str, limits: Limits, tls: Option<ServerTls>) -> Result<Self, Error> {
        let (gone_sender, gone) = mpsc::unbounded_channel();
        let listen = Listen { endpoint, kind: Kind::Router, limits, tls };
        let (guard, inner) = Guard::bind(listen, Some(gone_sender)).await?;
        let mut socket = RouterSocket::new();
        adopt(&mut socket, inner).await?;
        let (send, recv) = socket.split();
        Ok(Self {
            receiver: RouterReceiver { half: recv, gone, guard },
            sender: RouterSender { half: send, limit: limits.max_message },
        })
    }

    /// The address to connect to, with the real port.
    pub fn endpoint(&self) -> String {
        self.receiver.endpoint()
    }

    /// See [`RouterReceiver::recv`].
    pub async fn recv(&mut self) -> Result<(PeerId, Bytes), Error> {
        self.receiver.recv().await
    }

    /// See [`RouterSender::send`].
    pub async fn send(&self, peer: &PeerId, message: Vec<u8>) -> Result<bool, Error> {
        self.sender.send(peer, message).await
    }

    /// Two halves, so that one task can send while another receives.
    pub fn split(self) -> (RouterSender, RouterReceiver) {
        (self.sender, self.receiver)
    }
}

impl RouterReceiver {
    /// The address to connect to, with the real port.
    pub fn endpoint(&self) -> String {
        self.guard.endpoint()
    }

    /// What happened to connections so far.
    pub fn counts(&self) -> Counts {
        self.guard.counts()
    }

    /// The next message, of any connection. What a single connection does wrong ends that connection and
    /// is never an error here. Cancel-safe.
    pub async fn recv(&mut self) -> Result<(PeerId, Bytes), Error> {
        loop {
            if let Incoming::Message(peer, message) = self.recv_event().await? {
                return Ok((peer, message));
            }
        }
    }

    /// The next message, or the end of a connection. Cancel-safe.
    pub async fn recv_event(&mut self) -> Result<Incoming, Error> {
        loop {
            tokio::select! {
                // A connection's last messages are read before its end is told.
                biased;
                message = self.half.recv() => if let Some((peer, message)) = message.ok().and_then(addressed) {
                    return Ok(Incoming::Message(peer, message));
                },
                Some(peer) = self.gone.recv() => return Ok(Incoming::Gone(PeerId(peer))),
            }
        }
    }
}

impl RouterSender {
    /// Queues a message for a connection; false if that is gone. True means queued, not received.
    pub async fn send(&self, peer: &PeerId, message: Vec<u8>) -> Result<bool, Error> {
        if message.len() > self.limit {
            return Err(Error::TooBig { size: message.len(), limit: self.limit });
        }
        let mut frames = ZmqMessage::from(message);
        frames.push_front(Bytes::copy_from_slice(&peer.identity()));
        Ok(self.half.clone().send(frames).await.is_ok())
    }
}

/// Splits the identity off; the further frames are one message. A REQ peer's empty first frame vanishes.
fn addressed(message: ZmqMessage) -> Option<(PeerId, Bytes)> {
    let mut frames = message.into_vecdeque();
    let peer = PeerId::from_identity(&frames.pop_front()?)?;
    Some((peer, joined(frames.into())))
}

/// One message of all frames; our own peers send a single one, which is not copied.
pub(crate) fn joined(mut frames: Vec<Bytes>) -> Bytes {
    if frames.len() == 1 { frames.swap_remove(0) } else { frames.concat().into() }
}

/// Has the crate's socket accept on the private listener.
pub(crate) async fn adopt(
    socket: &mut impl Socket,
    listener: std::os::unix::net::UnixListener,
) -> Result<(), Error> {
    let adopted = socket.bind_listener(listener).await;
    adopted.map(drop).map_err(|reason| Error::Private {
        place: std::env::temp_dir().display().to_string(),
        reason: reason.to_string(),
    })
}
