//! Mutual TLS of the operator's port: one certificate may come in, and no other.
//!
//! The certificate is compared byte for byte, so who signed it does not matter, and a stranger fails in the
//! handshake: nothing of what it says is read.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio_rustls::TlsAcceptor;

use super::Error;
use super::validity::Validity;

/// Accepts connections as `tls.crt` of the folder, from the owner of the operator's certificate.
pub fn acceptor(dir: &Path, operator: &Path) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (certificate, key) = (dir.join("tls.crt"), dir.join("tls.key"));
    let chain = certificates(&certificate)?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|reason| unusable(&key, &reason))?;
    let verifier = Pinned::new(operator, Arc::clone(&provider))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|reason| unusable(&certificate, &reason))?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, secret);
    let mut config = config.map_err(|reason| unusable(&certificate, &reason))?;
    // A resumed session would outlive the certificate.
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|reason| unusable(path, &reason))?;
    if read.is_empty() { Err(unusable(path, &"it holds no certificate")) } else { Ok(read) }
}

fn unusable(path: &Path, reason: &impl ToString) -> Error {
    Error::Tls { path: path.to_owned(), reason: reason.to_string() }
}

/// Knows certificates by their bytes.
#[derive(Debug)]
struct Pinned {
    known: Vec<(CertificateDer<'static>, Validity)>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn new(path: &Path, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let with_validity = |der: CertificateDer<'static>| {
            let validity = Validity::of(&der);
            validity
                .map(|validity| (der, validity))
                .ok_or_else(|| unusable(path, &"its dates of validity can not be read"))
        };
        let known = certificates(path)?.into_iter().map(with_validity).collect::<Result<_, _>>()?;
        Ok(Self { known, provider })
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let same = self.known.iter().find(|(known, _)| known.as_ref() == end_entity.as_ref());
        let refused = match same.map(|(_, validity)| validity) {
            None => CertificateError::ApplicationVerificationFailure,
            Some(validity) if now.as_secs() < validity.from => CertificateError::NotValidYet,
            Some(validity) if now.as_secs() > validity.until => CertificateError::Expired,
            Some(_) => return Ok(ClientCertVerified::assertion()),
        };
        Err(refused.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
