//! Certificates and HTTP clients for the broker's tests.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use loads_wire::plan::{ExecutorPlan, Length, OnAgentLoss, Plan, PythonPlan, Step};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Two agents, one hit each.
pub fn plan() -> Plan {
    Plan {
        run_id: "r1".into(),
        test: "t".into(),
        executor: ExecutorPlan::Python(PythonPlan { patching: true, processes: None }),
        server_url: None,
        agents: 2,
        min_agents: 2,
        steps: vec![Step { users: 1, length: Length::Hits(1) }],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 600,
        broker_silence_seconds: 60,
        drain_seconds: 30,
        on_agent_loss: OnAgentLoss::Fail,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

/// A self-signed certificate and its key, in PEM.
pub struct Identity {
    pub certificate: String,
    key: String,
}

impl Identity {
    pub fn new(name: &str) -> Self {
        Self::valid(name, 2001, 2150)
    }

    /// Valid from the first of one January to that of another.
    pub fn valid(name: &str, from: i32, until: i32) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    pub fn write(&self, dir: &Path) {
        std::fs::write(dir.join("tls.crt"), &self.certificate).unwrap();
        std::fs::write(dir.join("tls.key"), &self.key).unwrap();
    }
}

/// One kept connection.
pub struct Operator(SendRequest<Full<Bytes>>);

impl Operator {
    /// None when the broker refuses the handshake. With TLS 1.3 a client learns that with its first answer.
    pub async fn connect(address: SocketAddr, identity: Option<&Identity>) -> Option<Self> {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("broker.loads.dev").unwrap();
        let stream = TlsConnector::from(Arc::new(config(identity))).connect(name, stream).await.ok()?;
        let mut client = Self::over(stream).await;
        client.try_request("GET", "/", b"").await.map(|_| client)
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub async fn request(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.try_request(method, path, body).await.unwrap()
    }

    async fn try_request(&mut self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let request = Request::builder().method(method).uri(path).header("host", "broker");
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        self.0.ready().await.ok()?;
        let response = self.0.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.into_body().collect().await.ok()?.to_bytes().to_vec()))
    }
}

/// GET over a connection of its own, without TLS.
pub async fn get(address: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(address).await.unwrap();
    Operator::over(stream).await.request("GET", path, b"").await
}

fn config(identity: Option<&Identity>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(RootCertStore::empty());
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.dangerous().set_certificate_verifier(Arc::new(AnyBroker));
    config
}

/// These tests are about who may come in: any broker will do.
#[derive(Debug)]
struct AnyBroker;

impl ServerCertVerifier for AnyBroker {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
