//! Accepts connections and gives each a task behind the filter.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::filter::{Kind, Passage, serve, serve_tls};
use super::roster::{Roster, Seat};
use super::stats::{Counts, Stats, bump};
use crate::endpoint::Endpoint;
use crate::link::tune;
use crate::{Error, Limits, ServerTls};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A bound endpoint with the filter behind it. Dropping it ends listening and handshakes; admitted
/// connections last until the crate's socket closes them, so that what it has queued still leaves.
#[derive(Debug)]
pub(crate) struct Guard {
    endpoint: Endpoint,
    listener: Arc<Listener>,
    roster: Arc<Roster>,
    stats: Arc<Stats>,
    _accepting: DropGuard,
    /// Holds the crate's socket; removed with the guard.
    _private: TempDir,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What to listen on, and whom to let in.
#[derive(Debug)]
pub(crate) struct Listen<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) kind: Kind,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<ServerTls>,
}

impl<'a> Listen<'a> {
    /// Without TLS.
    pub(crate) fn plain(endpoint: &'a str, kind: Kind, limits: Limits) -> Self {
        Self { endpoint, kind, limits, tls: None }
    }
}

impl Guard {
    /// Listens. The second value is the listener that the crate's socket must adopt.
    pub(crate) async fn bind(
        listen_on: Listen<'_>,
        gone: Option<UnboundedSender<u64>>,
    ) -> Result<(Self, std::os::unix::net::UnixListener), Error> {
        let Listen { endpoint, kind, limits, tls } = listen_on;
        let wanted = Endpoint::parse(endpoint)?;
        if tls.is_some() {
            wanted.must_be_tcp(endpoint)?;
        }
        let (private, inner) = private_listener()?;
        let refuse = |source| Error::Bind { endpoint: endpoint.to_owned(), source };
        let (listener, bound) = listen(&wanted).await.map_err(refuse)?;
        let stats = Arc::new(Stats::default());
        let roster = Roster::new(limits, Arc::clone(&stats), gone);
        let path = private.path().join(INNER_NAME);
        let passage = Arc::new(Passage { kind, limits, tls, inner: path, stats: Arc::clone(&stats) });
        let stop = CancellationToken::new();
        let listener = Arc::new(listener);
        let accepting = accept_all(Arc::clone(&listener), Arc::clone(&roster), passage);
        tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
        let guard = Self {
            endpoint: bound,
            listener,
            roster,
            stats,
            _accepting: stop.drop_guard(),
            _private: private,
        };
        Ok((guard, inner))
    }

    /// The bound address, with the port that the system chose.
    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.to_string()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.stats.counts()
    }

    /// Connections whose messages are not all handed over yet.
    pub(crate) fn connections(&self) -> usize {
        self.roster.count()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The accepting task lets go of the listener some time later; the endpoint is free at once.
        self.listener.close();
        self.roster.close();
        if let Endpoint::Ipc(path) = &self.endpoint {
            let _ = std::fs::remove_file(path);
        }
    }
}

const INNER_NAME: &str = "s";

/// A listener that only this user's processes can reach.
fn private_listener() -> Result<(TempDir, std::os::unix::net::UnixListener), Error> {
    let refuse = |reason: io::Error| Error::Private {
        place: std::env::temp_dir().display().to_string(),
        reason: reason.to_string(),
    };
    let only_us = std::fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix("loads-").permissions(only_us).tempdir().map_err(refuse)?;
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join(INNER_NAME)).map_err(refuse)?;
    Ok((dir, listener))
}

async fn listen(endpoint: &Endpoint) -> io::Result<(Listener, Endpoint)> {
    match endpoint {
        Endpoint::Tcp(host, port) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let listener = TcpListener::bind((host, *port)).await?;
            let bound = listener.local_addr()?;
            let host = if bound.is_ipv6() { format!("[{}]", bound.ip()) } else { bound.ip().to_string() };
            Ok((Listener::Tcp(listener), Endpoint::Tcp(host, bound.port())))
        }
        Endpoint::Ipc(path) => {
            remove_stale(path)?;
            let listener = UnixListener::bind(path)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            Ok((Listener::Unix(listener), endpoint.clone()))
        }
    }
}

/// Removes the socket that a killed process left behind, never one that somebody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Gives the port back. A unix socket's path is free once the file is gone; shutting it down as well
    /// would leave a waiting `accept` spinning between "ready" and "nothing there".
    fn close(&self) {
        if let Self::Tcp(listener) = self {
            let _ = SockRef::from(listener).shutdown(std::net::Shutdown::Both);
        }
    }

    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => Ok(Stream::Tcp(listener.accept().await?.0)),
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

async fn accept_all(listener: Arc<Listener>, roster: Arc<Roster>, passage: Arc<Passage>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match listener.accept().await {
            Ok(stream) => {
                pause = FIRST_PAUSE;
                bump(&passage.stats.accepted);
                tokio::spawn(look_after(stream, roster.enter(), Arc::clone(&passage)));
            }
            Err(reason) => {
                tracing::warn!(%reason, "can not accept a connection");
                bump(&passage.stats.accept_errors);
                roster.make_room();
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn look_after(stream: Stream, seat: Seat, passage: Arc<Passage>) {
    let served = async {
        match stream {
            Stream::Tcp(stream) => {
                tune(&stream);
                match &passage.tls {
                    None => serve(stream, &seat, &passage).await,
                    Some(tls) => serve_tls(tls, stream, &seat, &passage).await,
                }
            }
            Stream::Unix(stream) => serve(stream, &seat, &passage).await,
        }
    };
    seat.evicted.run_until_cancelled(served).await;
}
