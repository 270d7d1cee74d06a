//! A lane's HTTP/2 connections, opened when first needed and again when they end.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use loads_wire::ErrorKind;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::super::failure::Failure;
use super::super::lane::Setting;
use super::super::load::lane_users;
use super::super::target::Target;

/// Where requests go in.
pub type Sender = SendRequest<Full<Bytes>>;

/// A connection, shared by the streams of several users.
#[derive(Clone)]
pub struct Connection {
    /// Its way in.
    pub sender: Sender,
    /// Whether it ever gave an answer: only then can it be stale.
    pub answered: Rc<Cell<bool>>,
}

/// Connections by slot and target.
pub struct Pool {
    /// Slots; none: as many as users ask for.
    most: Option<u32>,
    targets: usize,
    slots: std::cell::RefCell<Vec<Rc<Mutex<Option<Connection>>>>>,
    turn: Cell<usize>,
}

impl Pool {
    /// No connection yet.
    pub fn new(setting: &Setting) -> Self {
        let most = setting.connections.map(|most| lane_users(setting, most).max(1));
        let targets = setting.scenario.targets.len();
        Self { most, targets, slots: std::cell::RefCell::default(), turn: Cell::new(setting.lane as usize) }
    }

    fn slot(&self, user: u32, target: usize) -> Rc<Mutex<Option<Connection>>> {
        let seat = self.most.map_or(user, |most| user % most) as usize;
        let place = seat * self.targets + target;
        let mut slots = self.slots.borrow_mut();
        if place >= slots.len() {
            slots.resize_with(place + 1, Rc::default);
        }
        Rc::clone(&slots[place])
    }

    /// The user's connection to a target, opened if there is none that lives.
    pub async fn get(&self, user: u32, setting: &Setting, target: usize) -> Result<Connection, Failure> {
        let slot = self.slot(user, target);
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.sender.is_closed()) {
            return Ok(connection.clone());
        }
        let sender = self.connect(&setting.scenario.targets[target], setting.tls.as_ref()).await?;
        let connection = Connection { sender, answered: Rc::default() };
        *slot = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self, target: &Target, tls: Option<&Arc<ClientConfig>>) -> Result<Sender, Failure> {
        let mut failure = target.no_address.clone();
        for _ in 0..target.addresses.len() {
            let turn = self.turn.get();
            self.turn.set(turn.wrapping_add(1));
            match TcpStream::connect(target.addresses[turn % target.addresses.len()]).await {
                Ok(stream) => return shake_hands(stream, target, tls).await,
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }
}

async fn shake_hands(
    stream: TcpStream,
    target: &Target,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Sender, Failure> {
    stream.set_nodelay(true)?;
    let Some(config) = tls.filter(|_| target.tls) else { return speak(stream).await };
    let name = ServerName::try_from(target.host.clone())
        .map_err(|error| Failure::new(ErrorKind::Tls, error.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name, stream).await.map_err(in_handshake)?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(Failure::new(ErrorKind::Tls, "the server does not speak HTTP/2 (no h2 by ALPN)"));
    }
    speak(stream).await
}

/// An end within the handshake is a TLS failure too.
fn in_handshake(error: io::Error) -> Failure {
    let gone = error.kind() == io::ErrorKind::UnexpectedEof;
    if gone { Failure::new(ErrorKind::Tls, error.to_string()) } else { error.into() }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Sender, Failure> {
    let (sender, connection) = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| of(&error))?;
    // Its end is seen by whoever uses the sender.
    tokio::task::spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

/// Runs a connection's tasks on the lane's own thread.
#[derive(Clone)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

/// The name of what hyper says.
pub fn of(error: &hyper::Error) -> Failure {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Failure::from(io::Error::new(io.kind(), io.to_string()));
        }
        if let Some(h2) = cause.downcast_ref::<h2::Error>()
            && !h2.is_io()
        {
            let kind = if h2.is_remote() { ErrorKind::Reset } else { ErrorKind::BadResponse };
            return Failure::new(kind, h2.to_string());
        }
        source = cause.source();
    }
    let kind = if error.is_parse() || error.is_user() { ErrorKind::BadResponse } else { ErrorKind::Closed };
    Failure::new(kind, error.to_string())
}
