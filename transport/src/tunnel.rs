//! The way of a connecting socket through TLS.
//!
//! The crate connects to plain tcp and unix sockets only. So each connection of a [`crate::Dealer`] with TLS
//! goes to a private unix socket of ours, and from there through TLS. Nothing is kept but one buffer in each
//! direction: back-pressure goes through, and when either end closes, so does the other.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, copy, sink, split};
use tokio::net::{TcpStream, UnixListener, UnixStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::endpoint::Endpoint;
use crate::link::{ATTEMPT, tune};
use crate::reach::reach;
use crate::{ClientTls, Error};

/// What a connection that was given up gets to send what is on its way.
const LEAVE: Duration = Duration::from_secs(5);

/// Where a socket's connections go through TLS.
#[derive(Debug)]
pub(crate) struct Tunnel {
    tls: ClientTls,
    host: String,
    port: u16,
    /// Holds the near socket; only this user's processes can reach it.
    private: TempDir,
}

/// The near end of one connection. Each has its own, so that none ever takes what an attempt that failed left
/// in the queue.
#[derive(Debug)]
pub(crate) struct Near(UnixListener);

impl Tunnel {
    /// A tunnel to `endpoint`; connects to nothing yet.
    pub(crate) fn new(endpoint: &str, tls: ClientTls) -> Result<Self, Error> {
        let parsed = Endpoint::parse(endpoint)?;
        let (host, port) = parsed.must_be_tcp(endpoint)?;
        let refuse = |reason: io::Error| Error::Private {
            place: std::env::temp_dir().display().to_string(),
            reason: reason.to_string(),
        };
        let only_us = std::fs::Permissions::from_mode(0o700);
        let private = tempfile::Builder::new().prefix("loads-").permissions(only_us).tempdir();
        let private = private.map_err(refuse)?;
        Ok(Self { tls, host: host.to_owned(), port, private })
    }

    /// A near end, and what the crate's socket has to connect to while [`Near::carry`] waits.
    pub(crate) fn near(&self) -> io::Result<(Near, String)> {
        let path = self.private.path().join("t");
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        Ok((Near(listener), format!("ipc://{}", path.display())))
    }

    /// Connects to the far side; its name is looked up every time.
    pub(crate) async fn dial(&self) -> io::Result<TlsStream<TcpStream>> {
        let looked_up = in_time(lookup_host((self.host.as_str(), self.port))).await?;
        let addresses: Vec<_> = looked_up.collect();
        let stream = reach(|| TcpStream::connect(&addresses[..])).await?;
        tune(&stream);
        in_time(self.tls.connect(stream)).await
    }
}

impl Near {
    /// Takes the crate's connection and joins it to the far side, until either ends, or a little longer than
    /// the returned guard is kept.
    pub(crate) async fn carry(self, far: TlsStream<TcpStream>) -> io::Result<DropGuard> {
        let (near, _) = self.0.accept().await?;
        let given_up = CancellationToken::new();
        tokio::spawn(carry(near, far, given_up.clone()));
        Ok(given_up.drop_guard())
    }
}

async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(ATTEMPT, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn carry(near: UnixStream, far: TlsStream<TcpStream>, given_up: CancellationToken) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = split(far);
    let outward = async {
        copy(&mut near_read, &mut far_write).await?;
        far_write.shutdown().await
    };
    let inward = async { copy(&mut far_read, &mut near_write).await.map(drop) };
    let left = async {
        given_up.cancelled().await;
        sleep(LEAVE).await;
    };
    let ended = tokio::select! {
        ended = inward => ended,
        () = left => Ok(()),
        ended = outward => {
            // What the far side still says is read to the end, so that closing does not reset what we said.
            let _ = timeout(LEAVE, copy(&mut far_read, &mut sink())).await;
            ended
        }
    };
    if let Err(reason) = ended {
        tracing::debug!(%reason, "a connection through TLS ended");
    }
}
