//! What broker and agents read: the Secret with certificates, the plan, the inline files.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::Run;
use crate::bundle;
use crate::certificates::RunCertificates;
use crate::names::{CA_CERTIFICATE, Component, TLS_SECRET};

/// Keys of the Secret; each pod sees its own pair only.
pub(super) const BROKER_KEYS: [(&str, &str); 3] =
    [("ca.crt", "ca.crt"), ("broker.crt", "tls.crt"), ("broker.key", "tls.key")];
/// See [`BROKER_KEYS`].
pub(super) const AGENT_KEYS: [(&str, &str); 3] =
    [("ca.crt", "ca.crt"), ("agent.crt", "tls.crt"), ("agent.key", "tls.key")];
/// Key of the plan.
pub(super) const PLAN_KEY: &str = "plan.json";
/// Key of the certificate by which the broker knows the operator.
pub(super) const OPERATOR_KEY: &str = "operator.crt";

impl Run<'_> {
    /// The Secret that the plan names.
    pub fn certificates(&self, made: &RunCertificates) -> Secret {
        let data = [
            ("ca.crt", &made.ca),
            ("broker.crt", &made.broker.certificate),
            ("broker.key", &made.broker.key),
            ("agent.crt", &made.agent.certificate),
            ("agent.key", &made.agent.key),
        ];
        Secret {
            metadata: self.meta(self.tls_secret.clone(), Component::Run),
            immutable: Some(true),
            string_data: Some(data.map(|(key, value)| (key.to_owned(), value.clone())).into()),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        }
    }

    /// The plan, and which certificates belong to it.
    pub fn plan_map(&self, made: &RunCertificates) -> Result<ConfigMap, serde_json::Error> {
        let mut metadata = self.meta(self.names.plan(), Component::Run);
        let annotations = [(TLS_SECRET, self.tls_secret.clone()), (CA_CERTIFICATE, made.ca.clone())];
        metadata.annotations = Some(annotations.map(|(key, value)| (key.to_owned(), value)).into());
        let data = [
            (PLAN_KEY, serde_json::to_string_pretty(&self.plan)?),
            (OPERATOR_KEY, self.operator_certificate.to_owned()),
        ];
        Ok(ConfigMap {
            metadata,
            data: Some(data.map(|(key, value)| (key.to_owned(), value)).into()),
            immutable: Some(true),
            ..ConfigMap::default()
        })
    }

    pub(super) fn files(&self) -> Option<ConfigMap> {
        let bundle = self.test.spec.bundle.as_ref().filter(|bundle| !bundle.files.is_empty())?;
        let data = bundle::inline(bundle).into_iter().map(|(key, _, text)| (key, text.to_owned())).collect();
        Some(ConfigMap {
            metadata: self.meta(self.names.files(), Component::Run),
            data: Some(data),
            immutable: Some(true),
            ..ConfigMap::default()
        })
    }
}
