//! The certificates of a run, and the operator's own: made here, signed by nobody else, gone with the run.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// Clocks of nodes differ: a certificate is valid from a little before it was made.
const BEFORE: Duration = Duration::HOUR;

/// A certificate with its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// PEM.
    pub certificate: String,
    /// PEM, PKCS 8.
    pub key: String,
}

/// Everything that a run's Secret holds. The authority's key is dropped when the two are signed: nobody can
/// join a run later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCertificates {
    /// The authority's certificate, PEM.
    pub ca: String,
    /// SHA-256 of the authority's certificate, hex.
    pub fingerprint: String,
    /// The broker's.
    pub broker: Pair,
    /// The agents'.
    pub agent: Pair,
}

/// Makes the certificates of a run, valid for `days`.
pub fn for_run(run_id: &str, days: u64) -> Result<RunCertificates, rcgen::Error> {
    let mut params = params(&format!("{run_id}.run.loads.dev"), days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let ca = params.self_signed(&key)?;
    let issuer = Issuer::new(params, key);
    let sign = |name: &str, usage: ExtendedKeyUsagePurpose| -> Result<Pair, rcgen::Error> {
        let mut params = self::params(name, days)?;
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        Ok(Pair { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
    };
    Ok(RunCertificates {
        broker: sign(loads_wire::control::BROKER_NAME, ExtendedKeyUsagePurpose::ServerAuth)?,
        agent: sign("agent.loads.dev", ExtendedKeyUsagePurpose::ClientAuth)?,
        fingerprint: loads_wire::bundle::sha256(ca.der()),
        ca: ca.pem(),
    })
}

/// Makes the pair by which brokers know the operator. Brokers compare the certificate itself, so that its
/// end, ten years from now, is the only limit.
pub fn for_operator() -> Result<Pair, rcgen::Error> {
    let mut params = params("operator.loads.dev", 3650)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    Ok(Pair { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

fn params(name: &str, days: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) =
        (now - BEFORE, now + Duration::days(i64::try_from(days).unwrap_or(i64::from(u16::MAX))));
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_an_authority_of_its_own() {
        let (one, two) = (for_run("a", 2).unwrap(), for_run("a", 2).unwrap());
        assert_ne!(one.fingerprint, two.fingerprint);
        assert!(one.ca.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(one.agent.key.contains("PRIVATE KEY"));
    }
}
