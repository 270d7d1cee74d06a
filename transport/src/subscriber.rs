//! The client of the live stream.

use bytes::Bytes;
use zeromq::{Socket, SocketRecv, SubSocket};

use crate::Error;
use crate::endpoint::Endpoint;
use crate::link::{Pause, disconnected, options};
use crate::router::joined;

/// A SUB socket that hears everything a [`crate::Publisher`] publishes, and connects again whenever the
/// connection ends; what is published meanwhile is missed.
pub struct Subscriber {
    endpoint: String,
    current: Option<(SubSocket, futures::channel::mpsc::Receiver<zeromq::SocketEvent>)>,
    pause: Pause,
}

impl Subscriber {
    /// Connects at the first `recv`.
    pub fn connect(endpoint: &str) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(endpoint)?.to_string();
        Ok(Self { endpoint, current: None, pause: Pause::new() })
    }

    /// The next message; waits for a connection as long as it takes.
    pub async fn recv(&mut self) -> Bytes {
        loop {
            let Some((socket, monitor)) = self.current.as_mut() else {
                self.open().await;
                continue;
            };
            let message = tokio::select! {
                biased;
                message = socket.recv() => message.ok(),
                () = disconnected(monitor) => None,
            };
            match message {
                Some(message) => return joined(message.into_vec()),
                None => self.current = None,
            }
        }
    }

    async fn open(&mut self) {
        let mut socket = SubSocket::with_options(options());
        let monitor = socket.monitor();
        let opened = async {
            socket.connect(&self.endpoint).await?;
            socket.subscribe("").await
        };
        match opened.await {
            Ok(()) => {
                self.pause.reset();
                self.current = Some((socket, monitor));
            }
            Err(reason) => {
                tracing::debug!(endpoint = %self.endpoint, %reason, "no connection yet");
                self.pause.wait().await;
            }
        }
    }
}
