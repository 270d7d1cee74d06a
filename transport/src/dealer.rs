//! The client of a router, reconnecting for as long as it lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::channel::mpsc::Receiver as MonitorReceiver;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_util::sync::DropGuard;
use zeromq::{
    DealerRecvHalf, DealerSendHalf, DealerSocket, Socket, SocketEvent, SocketRecv, SocketSend, ZmqMessage,
};

use crate::endpoint::Endpoint;
use crate::link::{Pause, disconnected, options};
use crate::router::joined;
use crate::tunnel::Tunnel;
use crate::{ClientTls, Error, Limits};

/// Messages that wait for `recv`; more stay in the network.
const WAITING: usize = 256;

/// What happened to a [`Dealer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new connection is made: the other side knows nothing of this client, so introduce it. The first
    /// thing sent after this event is the first thing that the other side hears.
    Connected,
    /// The connection ended; another is being tried. What was sent and not answered may be lost.
    Disconnected,
    /// The other side sent this.
    Message(Bytes),
}

/// A DEALER socket that connects, and connects again whenever the connection ends. Dropping it closes it.
pub struct Dealer {
    events: mpsc::Receiver<(u64, Event)>,
    sender: DealerSender,
    task: AbortHandle,
}

/// Sends on the connection of a [`Dealer`]; clones share it.
#[derive(Clone)]
pub struct DealerSender {
    shared: Arc<Shared>,
    limit: usize,
}

struct Shared {
    /// The current connection, with its number.
    connection: Mutex<Option<(u64, DealerSendHalf)>>,
    /// The connection that the owner was told of last. Nothing goes over a newer one, so that nothing
    /// overtakes the owner's introduction.
    known: AtomicU64,
    renew: Notify,
}

impl Dealer {
    /// Starts connecting to `endpoint`; returns at once. Needs a tokio runtime.
    pub fn connect(endpoint: &str) -> Result<Self, Error> {
        Self::connect_tls(endpoint, None)
    }

    /// As [`Dealer::connect`]; with `tls`, through TLS. A host name is looked up for every connection.
    pub fn connect_tls(endpoint: &str, tls: Option<ClientTls>) -> Result<Self, Error> {
        let way = Way {
            endpoint: Endpoint::parse(endpoint)?.to_string(),
            tunnel: tls.map(|tls| Tunnel::new(endpoint, tls)).transpose()?,
        };
        let shared =
            Arc::new(Shared { connection: Mutex::new(None), known: AtomicU64::new(0), renew: Notify::new() });
        let (events, receiver) = mpsc::channel(WAITING);
        let task = tokio::spawn(stay_connected(way, Arc::clone(&shared), events)).abort_handle();
        let sender = DealerSender { shared, limit: Limits::default().max_message };
        Ok(Self { events: receiver, sender, task })
    }

    /// What happens next. Must be called all the time, or nothing is noticed. Cancel-safe.
    pub async fn recv(&mut self) -> Result<Event, Error> {
        let (connection, event) = self.events.recv().await.ok_or(Error::Closed)?;
        if event == Event::Connected {
            self.sender.shared.known.store(connection, Ordering::Release);
        }
        Ok(event)
    }

    /// See [`DealerSender::send`].
    pub async fn send(&self, message: Vec<u8>) -> Result<bool, Error> {
        self.sender.send(message).await
    }

    /// A sender for other tasks.
    pub fn sender(&self) -> DealerSender {
        self.sender.clone()
    }
}

impl Drop for Dealer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DealerSender {
    /// Queues a message; false if there is no connection now, or a new one that `recv` has not told of yet.
    /// True means queued, not received.
    pub async fn send(&self, message: Vec<u8>) -> Result<bool, Error> {
        if message.len() > self.limit {
            return Err(Error::TooBig { size: message.len(), limit: self.limit });
        }
        let mut connection = self.shared.connection.lock().await;
        let Some((number, half)) = connection.as_mut() else { return Ok(false) };
        if *number != self.shared.known.load(Ordering::Acquire) {
            return Ok(false);
        }
        Ok(half.send(ZmqMessage::from(message)).await.is_ok())
    }

    /// Gives the connection up and makes a new one: for an owner that misses answers although nothing
    /// closed the connection (a paused process, a cut network).
    pub fn reconnect(&self) {
        self.shared.renew.notify_one();
    }
}

/// How the other side is reached.
struct Way {
    endpoint: String,
    tunnel: Option<Tunnel>,
}

async fn stay_connected(way: Way, shared: Arc<Shared>, events: mpsc::Sender<(u64, Event)>) {
    let mut pause = Pause::new();
    let mut number = 0;
    loop {
        match way.open().await {
            Ok(Opened { send, mut recv, mut monitor, _tunnel }) => {
                number += 1;
                *shared.connection.lock().await = Some((number, send));
                if events.send((number, Event::Connected)).await.is_err() {
                    return;
                }
                if hear(number, &mut recv, &mut monitor, &shared, &events).await {
                    pause.reset();
                }
                *shared.connection.lock().await = None;
                if events.send((number, Event::Disconnected)).await.is_err() {
                    return;
                }
            }
            Err(reason) => tracing::debug!(endpoint = %way.endpoint, %reason, "no connection yet"),
        }
        pause.wait().await;
    }
}

struct Opened {
    send: DealerSendHalf,
    recv: DealerRecvHalf,
    monitor: MonitorReceiver<SocketEvent>,
    _tunnel: Option<DropGuard>,
}

impl Way {
    async fn open(&self) -> zeromq::ZmqResult<Opened> {
        let mut socket = DealerSocket::with_options(options());
        let monitor = socket.monitor();
        let tunnel = match &self.tunnel {
            None => {
                socket.connect(&self.endpoint).await?;
                None
            }
            Some(tunnel) => {
                let far = tunnel.dial().await?;
                let (near, address) = tunnel.near()?;
                let carrying = async { Ok(near.carry(far).await?) };
                let ((), guard) = tokio::try_join!(socket.connect(&address), carrying)?;
                Some(guard)
            }
        };
        let (send, recv) = socket.split();
        Ok(Opened { send, recv, monitor, _tunnel: tunnel })
    }
}

/// Hands messages over until the connection ends. True if there was one: a router that has no room ends a
/// connection at once, and must not be hammered.
async fn hear(
    number: u64,
    recv: &mut DealerRecvHalf,
    monitor: &mut MonitorReceiver<SocketEvent>,
    shared: &Shared,
    events: &mpsc::Sender<(u64, Event)>,
) -> bool {
    let mut heard = false;
    loop {
        let message = tokio::select! {
            // What the other side sent before it went is heard first.
            biased;
            message = recv.recv() => message,
            () = disconnected(monitor) => return heard,
            () = shared.renew.notified() => return heard,
        };
        let Ok(message) = message else { return heard };
        heard = true;
        let message = Event::Message(joined(message.into_vec()));
        if events.send((number, message)).await.is_err() {
            return heard;
        }
    }
}
