//! `loads demo-server`: a real target to try load tests on, which knows to the request what it was sent.
//!
//! `routes` says what it answers, `service` counts a request when it arrives and when it is answered,
//! `counts` holds the figures that `/counts` shows, `access_log` writes them down without slowing the answers.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::access_log::AccessLog;
use self::counts::Counts;
use self::service::Counted;

mod access_log;
mod auth;
mod counts;
mod routes;
mod service;
#[cfg(test)]
mod tests;

/// Where the demo server listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9000";
/// What answers in progress get at the end before they are cut.
const GRACE: Duration = Duration::from_secs(2);
/// Rest after a failed accept, so that a machine out of file descriptors is not kept busy by it.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Options of the demo server.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN)]
    pub listen: String,
    /// Write an access log (common log format) to this file, or to standard output with `-`
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Do not say where it listens
    #[arg(long, short)]
    pub quiet: bool,
}

impl Default for Args {
    fn default() -> Self {
        Self { listen: DEFAULT_LISTEN.to_owned(), access_log: None, quiet: false }
    }
}

/// Why the demo server can not start or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program has the port.
    #[error(
        "demo server: cannot listen on {listen}: another program already uses this port; stop that program, \
         or choose another port, for example `--listen 127.0.0.1:0` for any free one"
    )]
    PortInUse {
        /// The address asked for.
        listen: String,
    },
    /// The address is not one of this machine, not an address, or not ours to take.
    #[error(
        "demo server: cannot listen on {listen}: {source}; give an address of this machine and a port, \
         for example `--listen 127.0.0.1:9000`"
    )]
    Listen {
        /// The address asked for.
        listen: String,
        /// What the system said.
        source: io::Error,
    },
    /// The access log can not be opened or written.
    #[error(
        "demo server: cannot write the access log {}: {source}; give a file in a folder that exists and can be \
         written, or `-` for standard output", path.display()
    )]
    AccessLog {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Takes the address that `args` ask for.
pub async fn bind(args: &Args) -> Result<TcpListener, Error> {
    let listen = args.listen.clone();
    TcpListener::bind(&args.listen).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortInUse { listen },
        _ => Error::Listen { listen, source },
    })
}

/// Serves on `listener` until `shutdown` is ready, then lets answers in progress end for up to two seconds
/// and writes the rest of the access log. Dropping the returned future ends it at once, the log is still written.
pub async fn serve(
    listener: TcpListener,
    args: &Args,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let log_error = |source| Error::AccessLog { path: args.access_log.clone().unwrap_or_default(), source };
    let log = args.access_log.as_deref().map(AccessLog::open).transpose().map_err(log_error)?.map(Arc::new);
    let counts = Arc::new(Counts::default());
    if !args.quiet {
        announce(&listener);
    }
    accept_until(&listener, &counts, log.as_ref(), shutdown).await;
    drop(listener);
    log.map_or(Ok(()), |log| log.finish()).map_err(log_error)
}

/// Tells on standard error, so that standard output stays free for the access log.
fn announce(listener: &TcpListener) {
    if let Ok(address) = listener.local_addr() {
        eprintln!("demo server listening on http://{address}/ (counts: http://{address}/counts)");
    }
}

async fn accept_until(
    listener: &TcpListener,
    counts: &Arc<Counts>,
    log: Option<&Arc<AccessLog>>,
    shutdown: impl Future<Output = ()>,
) {
    let closing = CancellationToken::new();
    let router = routes::router(counts.clone(), closing.clone());
    // Owned here, so that dropping this future ends every connection.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let service = Counted::new(router.clone(), counts.clone(), log.cloned(), peer.ip());
        connections.spawn(connection(stream, service, closing.clone()));
    }
    closing.cancel();
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all_ended).await.is_err() {
        connections.shutdown().await;
    }
}

/// One client, from its first byte to its last. Its errors are its own business: it sees them itself.
async fn connection(stream: TcpStream, service: Counted, closing: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        _ = serving.as_mut() => return,
        () = closing.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
