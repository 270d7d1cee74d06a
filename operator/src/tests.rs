//! What unit tests of this crate share.

use loads_api::LoadTest;

/// A LoadTest as the API server would have it, with these fields of the spec besides or instead.
pub(crate) fn load_test(spec: &str) -> LoadTest {
    let mut fields: serde_json::Value =
        serde_yaml::from_str("{executor: http, serverURL: 'http://shop:8080', agents: 3}").unwrap();
    fields["http"] = serde_json::json!({"requests": [{"path": "/"}]});
    let more: Option<serde_json::Map<String, serde_json::Value>> = serde_yaml::from_str(spec).unwrap();
    for (field, value) in more.unwrap_or_default() {
        fields[field] = value;
    }
    serde_json::from_value(serde_json::json!({
        "apiVersion": "loads.dev/v1alpha1",
        "kind": "LoadTest",
        "metadata": {
            "name": "shop", "namespace": "team", "generation": 1, "resourceVersion": "7",
            "uid": "1234abcd-0000-0000-0000-000000000000",
        },
        "spec": fields,
    }))
    .unwrap()
}
