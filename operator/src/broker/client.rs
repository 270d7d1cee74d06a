//! One broker's control port: HTTP over mutual TLS.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use loads_wire::control::{BROKER_NAME, DESIRED_PATH, Desired, Observed, REPORT_LIMIT, REPORT_PATH};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::certificates::Pair;

/// For connection, request and answer together.
const LIMIT: Duration = Duration::from_secs(5);
/// More than any answer has: a broker's live figures are bounded.
const MOST_BYTES: usize = 4 * REPORT_LIMIT;

/// Where a broker listens, and who signed its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address of its Service.
    pub host: String,
    /// Its control port.
    pub port: u16,
    /// PEM.
    pub ca: String,
}

/// Who the operator is to brokers.
#[derive(Debug)]
pub struct Identity {
    /// PEM, named in every plan.
    pub certificate: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why a broker could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody there, or not yet.
    #[error("connect: {0}")]
    Connect(#[from] std::io::Error),
    /// The connection is not what it should be.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A certificate or key that can not be read.
    #[error("certificate: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// No answer within the limit.
    #[error("no answer within {} s", LIMIT.as_secs())]
    TimeOut,
    /// HTTP broke.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The answer was another than expected.
    #[error("the broker answered {0}: {1}")]
    Answer(StatusCode, String),
}

impl Identity {
    /// Reads the pair.
    pub fn new(pair: Pair) -> Result<Self, Error> {
        let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?;
        Ok(Self { certificate: pair.certificate, chain, key })
    }
}

/// A connection to a broker, made when it is needed and kept.
pub struct Client {
    address: Address,
    identity: Arc<Identity>,
    tls: Option<TlsConnector>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// Not connected yet.
    pub fn new(address: Address, identity: Arc<Identity>) -> Self {
        Self { address, identity, tls: None, connection: None }
    }

    /// Says what is wanted, hears where the run is.
    pub async fn desire(&mut self, desired: &Desired) -> Result<Observed, Error> {
        let body = serde_json::to_vec(desired).unwrap_or_default();
        let answer = self.request(Method::POST, DESIRED_PATH, body).await?;
        serde_json::from_slice(&answer).map_err(|e| Error::Answer(StatusCode::OK, e.to_string()))
    }

    /// The result as it is to be kept.
    pub async fn report(&mut self) -> Result<String, Error> {
        let answer = self.request(Method::GET, REPORT_PATH, Vec::new()).await?;
        String::from_utf8(answer.into()).map_err(|e| Error::Answer(StatusCode::OK, e.to_string()))
    }

    async fn request(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, Error> {
        let answer = timeout(LIMIT, self.exchange(method, path, body)).await.unwrap_or(Err(Error::TimeOut));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, Error> {
        let mut connection = match self.connection.take().filter(|c| !c.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await?;
        let request = Request::builder().method(method).uri(path).header("host", BROKER_NAME);
        let request = request
            .header("content-type", "application/json")
            .body(Full::from(body))
            .map_err(|e| Error::Answer(StatusCode::BAD_REQUEST, e.to_string()))?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let bytes = Limited::new(answer.into_body(), MOST_BYTES)
            .collect()
            .await
            .map_err(|e| Error::Answer(status, e.to_string()))?
            .to_bytes();
        self.connection = Some(connection);
        if status != StatusCode::OK {
            return Err(Error::Answer(status, String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(bytes)
    }

    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let tcp = TcpStream::connect((self.address.host.as_str(), self.address.port)).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(BROKER_NAME).map_err(std::io::Error::other)?;
        let tls = self.tls()?.connect(name, tcp).await?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a broker ended");
            }
        });
        Ok(sender)
    }

    /// Made at the first connection and kept: reading certificates costs more than a refused connection.
    fn tls(&mut self) -> Result<TlsConnector, Error> {
        if let Some(tls) = &self.tls {
            return Ok(tls.clone());
        }
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.address.ca.as_bytes()) {
            roots.add(certificate?)?;
        }
        let mut config = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
            .with_root_certificates(roots)
            .with_client_auth_cert(self.identity.chain.clone(), self.identity.key.clone_key())?;
        // Its store has room for 32 servers: more memory than all else of a run, for one that is seldom met again.
        config.resumption = Resumption::disabled();
        Ok(self.tls.insert(TlsConnector::from(Arc::new(config))).clone())
    }
}
