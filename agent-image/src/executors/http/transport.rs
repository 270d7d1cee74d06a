//! Bytes to and from a server, plain or through TLS, never blocking.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// One connected (or connecting) socket.
#[derive(Debug)]
pub enum Transport {
    /// As it is.
    Plain(TcpStream),
    /// Through TLS.
    Tls(Box<TlsTransport>),
}

/// A socket and its TLS session.
#[derive(Debug)]
pub struct TlsTransport {
    stream: TcpStream,
    session: ClientConnection,
}

impl Transport {
    /// Wraps `stream`; with `tls`, as a client of `host`.
    pub fn new(stream: TcpStream, tls: Option<&Arc<ClientConfig>>, host: &str) -> io::Result<Self> {
        let Some(config) = tls else { return Ok(Self::Plain(stream)) };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let session = ClientConnection::new(Arc::clone(config), name).map_err(tls_error)?;
        Ok(Self::Tls(Box::new(TlsTransport { stream, session })))
    }

    /// The socket.
    pub fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &mut tls.stream,
        }
    }

    /// Whether a read that filled less than its buffer has emptied the socket.
    #[inline]
    pub fn short_read_is_all(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Goes on with the TLS handshake; true when requests can be written.
    pub fn handshake(&mut self) -> io::Result<bool> {
        let Self::Tls(tls) = self else { return Ok(true) };
        while tls.session.is_handshaking() {
            if !tls.flush()? {
                return Ok(false);
            }
            if tls.session.is_handshaking() && !tls.fill()? {
                return Ok(false);
            }
        }
        tls.flush()?;
        Ok(true)
    }

    /// Reads; `WouldBlock` when there is nothing yet.
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// Writes what there is room for; `WouldBlock` when there is none.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Sends what is held back; false when the socket takes no more for now.
    #[inline]
    pub fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl TlsTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if !self.fill()? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.flush()?;
        }
    }

    /// Takes records from the socket; false when there are none yet.
    fn fill(&mut self) -> io::Result<bool> {
        let read = match self.session.read_tls(&mut self.stream) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let state = self.session.process_new_packets().map_err(|error| {
            // The peer is told why, as far as it still listens.
            let _ = self.session.write_tls(&mut self.stream);
            tls_error(error)
        })?;
        if read == 0 && self.session.is_handshaking() && state.plaintext_bytes_to_read() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                rustls::Error::General("the server closed the connection in the handshake".into()),
            ));
        }
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.session.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn tls_error(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
