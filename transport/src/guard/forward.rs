//! Frames in both directions, with the heartbeats taken out.

use std::io;
use std::pin::pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::filter::Passage;
use super::roster::Seat;
use super::stats::bump;
use crate::zmtp::{self, Next, Scanner, Violation};

/// Most idle connections need no more.
const SMALL: usize = 1024;
/// Above the largest command, so that a whole one always fits.
const LARGE: usize = 64 * 1024;
/// Short reads in a row after which a buffer shrinks again.
const SHORT_READS: u32 = 64;
/// Answers that may wait for a peer; one that does not read them gets no more.
const PONGS: usize = 16;

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Either side closed it.
    Closed,
    /// The peer does not take what is written to it.
    Stalled,
    /// The peer broke the protocol or a limit.
    Broke(Violation),
}

/// Which direction ended first, and why.
enum Out {
    Inbound(End),
    /// The crate closed its connection.
    InnerClosed,
    /// Nothing can be written to the peer any more.
    OuterClosed,
    /// The peer does not take what is written to it.
    Stalled,
}

/// Forwards until the end. What the peer sent before it went still reaches the crate.
pub(crate) async fn forward<S>(outer: S, inner: UnixStream, seat: &Seat, passage: &Passage)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (outer_read, outer_write) = split(outer);
    let (mut inner_read, mut inner_write) = inner.into_split();
    let (pongs, waiting_pongs) = mpsc::channel(PONGS);
    let end = {
        let mut inbound = pin!(inbound(outer_read, &mut inner_write, seat, passage, &pongs));
        let out = tokio::select! {
            end = &mut inbound => Out::Inbound(end),
            out = outbound(&mut inner_read, outer_write, passage, waiting_pongs) => out,
        };
        match out {
            Out::Inbound(end) => end,
            Out::InnerClosed => End::Closed,
            Out::Stalled => End::Stalled,
            // The peer hears nothing more, but what it said before it went is still to be read.
            Out::OuterClosed => tokio::select! {
                end = inbound => end,
                () = discard(&mut inner_read) => End::Closed,
            },
        }
    };
    match end {
        End::Closed => {}
        End::Stalled => bump(&passage.stats.stalled),
        End::Broke(violation) => {
            tracing::debug!(peer = seat.id, %violation, "connection dropped");
            let oversized = violation == Violation::Oversized;
            bump(if oversized { &passage.stats.oversized } else { &passage.stats.violations });
        }
    }
    // Both outer halves are dropped here, so the peer is gone. The crate is given the end of the stream and
    // time to read up to it: were its own writes to fail first, it would forget what it has not read yet.
    if inner_write.shutdown().await.is_ok() {
        discard(&mut inner_read).await;
    }
}

/// Reads to the end, for nobody.
async fn discard(inner: &mut OwnedReadHalf) {
    let _ = tokio::io::copy(inner, &mut tokio::io::sink()).await;
}

/// Bytes read and not yet forwarded.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    short_reads: u32,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: vec![0; SMALL], start: 0, end: 0, short_reads: 0 }
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Reads once; false at the end of the stream. Cancel-safe.
    async fn fill<R: AsyncRead + Unpin>(&mut self, reader: &mut R) -> io::Result<bool> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.bytes.len() {
            self.bytes.resize(LARGE, 0);
        }
        let room = self.bytes.len() - self.end;
        let read = reader.read(&mut self.bytes[self.end..]).await?;
        self.end += read;
        self.adapt(read, room);
        Ok(read > 0)
    }

    fn adapt(&mut self, read: usize, room: usize) {
        self.short_reads = if read < SMALL / 2 { self.short_reads + 1 } else { 0 };
        if read == room && self.bytes.len() < LARGE {
            self.bytes.resize(LARGE, 0);
        } else if self.short_reads > SHORT_READS && self.end <= SMALL && self.bytes.len() > SMALL {
            self.bytes.truncate(SMALL);
            self.bytes.shrink_to_fit();
            self.short_reads = 0;
        }
    }
}

async fn inbound<S: AsyncRead>(
    mut outer: ReadHalf<S>,
    inner: &mut OwnedWriteHalf,
    seat: &Seat,
    passage: &Passage,
    pongs: &mpsc::Sender<Vec<u8>>,
) -> End {
    let mut scanner = Scanner::new(passage.limits.max_message);
    let mut buffer = Buffer::new();
    let mut spoke = false;
    loop {
        let used = match scanner.next(buffer.filled()) {
            Err(violation) => return End::Broke(violation),
            Ok(Next::Messages(size)) => {
                if !spoke {
                    seat.spoke();
                    spoke = true;
                }
                if inner.write_all(&buffer.filled()[..size]).await.is_err() {
                    return End::Closed;
                }
                size
            }
            Ok(Next::Command(head, body)) => {
                if let Some(pong) = zmtp::pong(&buffer.filled()[head..head + body]) {
                    bump(&passage.stats.pings);
                    // Full: the peer does not read, so it would not see this one either.
                    let _ = pongs.try_send(pong);
                }
                head + body
            }
            Ok(Next::Incomplete) => match buffer.fill(&mut outer).await {
                Ok(true) => 0,
                Ok(false) | Err(_) => return End::Closed,
            },
        };
        buffer.start += used;
    }
}

async fn outbound<S: AsyncWrite>(
    inner: &mut OwnedReadHalf,
    mut outer: WriteHalf<S>,
    passage: &Passage,
    mut pongs: mpsc::Receiver<Vec<u8>>,
) -> Out {
    let mut scanner = Scanner::new(usize::MAX);
    let mut buffer = Buffer::new();
    loop {
        let pong = match scanner.next(buffer.filled()) {
            Ok(Next::Messages(size)) => {
                if let Err(out) = write(&mut outer, &buffer.filled()[..size], passage).await {
                    return out;
                }
                buffer.start += size;
                continue;
            }
            // The crate sends no command after its READY.
            Ok(Next::Command(..)) | Err(_) => return Out::InnerClosed,
            Ok(Next::Incomplete) => tokio::select! {
                // A command must not stand within a message.
                pong = pongs.recv(), if scanner.at_border() => pong,
                more = buffer.fill(inner) => match more {
                    Ok(true) => None,
                    Ok(false) | Err(_) => return Out::InnerClosed,
                },
            },
        };
        if let Some(pong) = pong
            && let Err(out) = write(&mut outer, &pong, passage).await
        {
            return out;
        }
    }
}

async fn write<S: AsyncWrite>(outer: &mut WriteHalf<S>, bytes: &[u8], passage: &Passage) -> Result<(), Out> {
    let written = timeout(passage.limits.write_stall, async {
        outer.write_all(bytes).await?;
        outer.flush().await
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Out::OuterClosed),
        Err(_) => Err(Out::Stalled),
    }
}
