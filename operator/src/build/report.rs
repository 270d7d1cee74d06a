//! The result as it stays with the LoadTest when broker and agents are gone.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use loads_api::LoadTest;
use loads_api::labels::RESULT_KEY;

use crate::names::{self, Component, Names};

/// Keeps the broker's report.
pub fn report(test: &LoadTest, names: &Names, result: String) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(names.report()),
            namespace: test.metadata.namespace.clone(),
            labels: Some(names.labels(Component::Run)),
            owner_references: names::owner(test).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some([(RESULT_KEY.to_owned(), result)].into()),
        immutable: Some(true),
        ..ConfigMap::default()
    }
}
