//! Mutual TLS with the certificates of one run: both sides trust the run's own authority and nobody else.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::Error;

/// The listening side: clients must show a certificate of the run's authority.
#[derive(Clone)]
pub struct ServerTls(TlsAcceptor);

/// The connecting side: shows its certificate, and checks the server's.
#[derive(Clone)]
pub struct ClientTls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl ServerTls {
    /// Reads `ca.crt`, `tls.crt` and `tls.key` (PEM) in `dir`.
    pub fn from_dir(dir: &Path) -> Result<Self, Error> {
        let Files { roots, chain, key } = Files::read(dir)?;
        let refuse = |reason: &dyn fmt::Display| refused(dir, reason);
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|e| refuse(&e))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| refuse(&e))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|e| refuse(&e))?;
        // Nobody resumes: connections last as long as a run.
        config.send_tls13_tickets = 0;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

impl ClientTls {
    /// Reads `ca.crt`, `tls.crt` and `tls.key` (PEM) in `dir`. The server's certificate must be for
    /// `server_name`, whatever address it is reached at.
    pub fn from_dir(dir: &Path, server_name: &str) -> Result<Self, Error> {
        let Files { roots, chain, key } = Files::read(dir)?;
        let refuse = |reason: &dyn fmt::Display| refused(dir, reason);
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| refuse(&e))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|e| refuse(&e))?;
        config.resumption = Resumption::disabled();
        let server_name = ServerName::try_from(server_name.to_owned()).map_err(|e| refuse(&e))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name })
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<client::TlsStream<TcpStream>> {
        self.connector.connect(self.server_name.clone(), stream).await
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn refused(path: &Path, reason: &dyn fmt::Display) -> Error {
    Error::Tls { path: path.to_owned(), reason: reason.to_string() }
}

struct Files {
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Files {
    fn read(dir: &Path) -> Result<Self, Error> {
        let ca = dir.join("ca.crt");
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&ca)? {
            roots.add(certificate).map_err(|e| refused(&ca, &e))?;
        }
        let chain = certificates(&dir.join("tls.crt"))?;
        let path = dir.join("tls.key");
        let key = PrivateKeyDer::from_pem_file(&path).map_err(|e| refused(&path, &e))?;
        Ok(Self { roots, chain, key })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|e| refused(path, &e))?;
    if found.is_empty() {
        return Err(refused(path, &"no certificate is in it"));
    }
    Ok(found)
}
