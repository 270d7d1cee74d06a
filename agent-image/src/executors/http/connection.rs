//! One keep-alive connection: at most one request on it at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use loads_wire::ErrorKind;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ClientConfig;

use super::failure::Failure;
use super::response::{Parser, Progress};
use super::target::Target;
use super::transport::Transport;
use crate::clock;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    Closed,
    /// TCP.
    Connecting,
    /// TLS.
    Handshaking,
    /// Open, without a request.
    Idle,
    /// The request is not yet written to its end.
    Sending,
    /// Waiting for the answer, or its rest.
    Receiving,
}

/// What a readiness event came to.
#[derive(Debug)]
pub enum Received {
    /// Wait for more.
    More,
    /// The answer is complete, at this instant.
    Done(u64),
    /// There will be no (complete) answer.
    Failed(Failure),
}

/// A connection, or the place of one.
#[derive(Debug)]
pub struct Connection {
    transport: Option<Transport>,
    /// What it is doing.
    pub phase: Phase,
    /// The answer that is being read.
    pub parser: Parser,
    written: usize,
    /// When the headers of that answer were complete; 0 before.
    pub headers_at: u64,
    /// When what it is doing takes too long.
    pub deadline: u64,
    /// Whether it ever gave an answer: only then can a kept connection be stale.
    pub answered: bool,
    /// Whether it can not be used again after the current answer.
    spoilt: bool,
    /// Addresses not yet tried by the current attempt to connect.
    pub untried: usize,
}

impl Connection {
    /// None yet.
    pub fn new() -> Self {
        Self {
            transport: None,
            phase: Phase::Closed,
            parser: Parser::new(),
            written: 0,
            headers_at: 0,
            deadline: u64::MAX,
            answered: false,
            spoilt: false,
            untried: 0,
        }
    }

    /// Begins to connect.
    pub fn open(
        &mut self,
        registry: &Registry,
        token: Token,
        address: SocketAddr,
        target: &Target,
        tls: Option<&Arc<ClientConfig>>,
    ) -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.transport = Some(Transport::new(stream, tls.filter(|_| target.tls), &target.host)?);
        self.phase = Phase::Connecting;
        (self.answered, self.spoilt) = (false, false);
        Ok(())
    }

    /// Ends it; the kernel forgets its registration with the socket.
    pub fn close(&mut self) {
        self.transport = None;
        self.phase = Phase::Closed;
        self.deadline = u64::MAX;
    }

    /// Goes on with connecting; true when a request can be sent.
    pub fn advance(&mut self) -> io::Result<bool> {
        let Some(transport) = &mut self.transport else { return Ok(false) };
        if self.phase == Phase::Connecting {
            if let Some(error) = transport.stream().take_error()? {
                return Err(error);
            }
            match transport.stream().peer_addr() {
                Ok(_) => self.phase = Phase::Handshaking,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let ready = transport.handshake()?;
        if ready {
            self.phase = Phase::Idle;
        }
        Ok(ready)
    }

    /// Starts a request. An error here means that it may be partly written.
    #[inline]
    pub fn send(&mut self, bytes: &[u8], is_head: bool, deadline: u64) -> io::Result<()> {
        self.parser.begin(is_head);
        (self.written, self.headers_at, self.deadline) = (0, 0, deadline);
        self.phase = Phase::Sending;
        self.push(bytes)
    }

    /// Goes on writing the request.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        while self.written < bytes.len() {
            match transport.write(&bytes[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if transport.flush()? {
            self.phase = Phase::Receiving;
        }
        Ok(())
    }

    /// Reads what came of the answer. `hung_up`: the event said that the peer will send no more.
    #[inline]
    pub fn receive(&mut self, buffer: &mut [u8], hung_up: bool) -> Received {
        let Some(transport) = &mut self.transport else { return Received::More };
        loop {
            match transport.read(buffer) {
                Ok(0) => return self.end_of_stream(),
                Ok(n) => match self.parser.feed(&buffer[..n]) {
                    Ok(Progress::Done(left_over)) => {
                        self.spoilt = hung_up || left_over > 0 || self.phase == Phase::Sending;
                        return self.done();
                    }
                    Ok(Progress::More) => {
                        if self.headers_at == 0 && self.parser.status().is_some() {
                            self.headers_at = clock::now();
                        }
                        // Edge-triggered: what comes later makes an event of its own, so the read that
                        // would only find nothing is saved.
                        if n < buffer.len() && transport.short_read_is_all() && !hung_up {
                            return Received::More;
                        }
                    }
                    Err(bad) => {
                        return Received::Failed(Failure::new(ErrorKind::BadResponse, bad.to_string()));
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Received::More,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Received::Failed(error.into()),
            }
        }
    }

    fn end_of_stream(&mut self) -> Received {
        if self.parser.end().is_err() {
            return Received::Failed(Failure::closed());
        }
        self.spoilt = true;
        self.done()
    }

    #[inline]
    fn done(&mut self) -> Received {
        let now = clock::now();
        if self.headers_at == 0 {
            self.headers_at = now;
        }
        Received::Done(now)
    }

    /// After a complete answer: keeps the connection for the next request, or ends it.
    #[inline]
    pub fn release(&mut self) {
        if self.parser.keep_alive() && !self.spoilt {
            self.answered = true;
            self.phase = Phase::Idle;
            self.deadline = u64::MAX;
        } else {
            self.close();
        }
    }

    /// An event came while there is no request: the peer hung up, or said something nobody asked for; both
    /// end the connection before it could be stale. TLS may have said something of its own (tickets).
    pub fn check_idle(&mut self, buffer: &mut [u8]) {
        let Some(transport) = &mut self.transport else { return };
        match transport.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => self.close(),
        }
    }
}
