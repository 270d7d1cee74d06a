//! Certificates as the operator makes them for a run.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// Name in the server's certificate.
pub const SERVER: &str = "broker.test";

/// An authority of one run.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A folder for a server that calls itself `name`.
    pub fn server(&self, name: &str) -> tempfile::TempDir {
        self.folder(name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A folder for a client.
    pub fn client(&self) -> tempfile::TempDir {
        self.folder("agent.test", ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn folder(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> tempfile::TempDir {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "ca.crt", &self.0.pem());
        write(dir.path(), "tls.crt", &certificate.pem());
        write(dir.path(), "tls.key", &key.serialize_pem());
        dir
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}
