//! One connection, from accept to end: handshake outside, handshake inside, then frames.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};

use super::forward::forward;
use super::roster::{Admission, Seat};
use super::stats::{Stats, bump};
use crate::zmtp::{self, Violation};
use crate::{Limits, PeerId, ServerTls};

/// What the guarded socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Router,
    Pull,
    Pub,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Router => "ROUTER",
            Self::Pull => "PULL",
            Self::Pub => "PUB",
        }
    }

    /// The peer's type as we name it to the crate, if such peers may talk to us.
    fn fitting(self, peer: &[u8]) -> Option<&'static str> {
        let fitting: &[&str] = match self {
            Self::Router => &["DEALER", "REQ", "ROUTER"],
            Self::Pull => &["PUSH"],
            Self::Pub => &["SUB", "XSUB"],
        };
        fitting.iter().find(|name| name.as_bytes() == peer).copied()
    }
}

/// What all connections of one bound socket share.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) kind: Kind,
    pub(crate) limits: Limits,
    /// Who may come in at all; none: everybody.
    pub(crate) tls: Option<ServerTls>,
    /// The crate's socket.
    pub(crate) inner: PathBuf,
    pub(crate) stats: Arc<Stats>,
}

/// As [`serve`], after a TLS handshake that has the same time limit and is counted in the same way.
pub(crate) async fn serve_tls(tls: &ServerTls, outer: TcpStream, seat: &Seat, passage: &Passage) {
    let limit = passage.limits.handshake;
    let Some(outer) = shaken(timeout(limit, tls.accept(outer)).await, seat, passage) else { return };
    serve(outer, seat, passage).await;
}

/// What came of a handshake; a failed one is counted.
fn shaken<T, E: Display>(result: Result<Result<T, E>, Elapsed>, seat: &Seat, passage: &Passage) -> Option<T> {
    match result {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(reason)) => {
            tracing::debug!(peer = seat.id, %reason, "handshake failed");
            bump(&passage.stats.bad_handshakes);
        }
        Err(_) => bump(&passage.stats.slow_handshakes),
    }
    None
}

/// Serves one connection until either side ends it. `outer` is any stream, so that it may be a TLS one.
pub(crate) async fn serve<S>(outer: S, seat: &Seat, passage: &Passage)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some((outer, inner)) = admit(outer, seat, passage).await else { return };
    forward(outer, inner, seat, passage).await;
}

async fn admit<S>(mut outer: S, seat: &Seat, passage: &Passage) -> Option<(S, UnixStream)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limit = passage.limits.handshake;
    let greeted = timeout(limit, greet(&mut outer, passage.kind)).await;
    let peer_type = shaken(greeted, seat, passage)?;
    if timeout(limit, seated(seat)).await != Ok(true) {
        // Who was evicted is counted already.
        if !seat.evicted.is_cancelled() {
            bump(&passage.stats.turned_away);
        }
        return None;
    }
    // Only now: a library sends nothing before the other side is ready, so who is turned away has lost nothing.
    let _ = timeout(limit, say(&mut outer, &zmtp::ready(passage.kind.name(), b""))).await;
    match timeout(limit, enter(passage, peer_type, seat.id)).await {
        Ok(Ok(inner)) => return Some((outer, inner)),
        Ok(Err(reason)) => tracing::warn!(peer = seat.id, %reason, "no way to the inner socket"),
        Err(_) => tracing::warn!(peer = seat.id, "the inner socket does not answer"),
    }
    bump(&passage.stats.turned_away);
    None
}

/// Waits for a place past the handshake; false if there will be none.
async fn seated(seat: &Seat) -> bool {
    loop {
        match seat.admit(Instant::now()) {
            Admission::In => return true,
            Admission::Out => return false,
            Admission::Wait(time) => sleep(time).await,
        }
    }
}

/// A peer may have said everything and be gone: what it said still counts.
async fn say<S: AsyncWrite + Unpin>(outer: &mut S, bytes: &[u8]) {
    if outer.write_all(bytes).await.is_ok() {
        let _ = outer.flush().await;
    }
}

#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Violation(#[from] Violation),
}

/// Exchanges greetings and hears the peer's READY; returns its socket type. Reads not a byte beyond its READY.
async fn greet<S>(outer: &mut S, kind: Kind) -> Result<&'static str, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    say(outer, &zmtp::greeting()).await;
    let mut greeting = [0; zmtp::GREETING];
    outer.read_exact(&mut greeting).await?;
    zmtp::check_greeting(&greeting)?;
    let ready = read_command(outer).await?;
    kind.fitting(zmtp::socket_type(&ready)?).ok_or(HandshakeError::Violation(Violation::Ready))
}

/// Reads one whole command frame; returns its body.
async fn read_command<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, HandshakeError> {
    let flags = stream.read_u8().await?;
    let size = match flags {
        4 => u64::from(stream.read_u8().await?),
        6 => stream.read_u64().await?,
        _ => return Err(Violation::Ready.into()),
    };
    if size > zmtp::MAX_COMMAND as u64 {
        return Err(Violation::LongCommand.into());
    }
    let mut body = vec![0; size as usize];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Connects to the crate's socket in the peer's place, under an identity of ours: a peer that claims
/// another's identity would otherwise take over its messages.
async fn enter(passage: &Passage, peer_type: &str, id: u64) -> Result<UnixStream, HandshakeError> {
    let mut inner = loop {
        match UnixStream::connect(&passage.inner).await {
            Ok(stream) => break stream,
            // The backlog is full, and unix sockets do not wait for room in it.
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => sleep(Duration::from_millis(5)).await,
            Err(e) => return Err(e.into()),
        }
    };
    let mut hello = zmtp::greeting().to_vec();
    hello.extend(zmtp::ready(peer_type, &PeerId(id).identity()));
    inner.write_all(&hello).await?;
    let mut greeting = [0; zmtp::GREETING];
    inner.read_exact(&mut greeting).await?;
    read_command(&mut inner).await?;
    Ok(inner)
}
