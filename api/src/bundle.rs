//! What the test is made of: its files, trees from ConfigMaps, and Python requirements.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{rule, text_map};

/// The files of the test and where they go on an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Bundle {
    /// Working directory of the executor on an agent, relative to the bundle; made with its parents.
    /// Without it the test runs at the bundle's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), extend("x-kubernetes-validations" = [inside("self")]))]
    pub test_dir: Option<String>,
    /// Files by their path in `testDir`. Larger trees go to ConfigMaps and `includeFiles`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "files")]
    pub files: BTreeMap<String, String>,
    /// ConfigMaps of the same namespace whose keys become files in `testDir`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub include_files: Vec<IncludeFiles>,
    /// Requirements of the test, as pip understands them, such as `requests-hawk==1.2.1`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(max = 256), regex(pattern = r"^[A-Za-z0-9]")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub python_deps: Vec<String>,
}

/// Files from one ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncludeFiles {
    /// Name of the ConfigMap, in the namespace of the LoadTest.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub config_map: String,
    /// The keys to use and their paths; without items every key is a file of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    pub items: Vec<IncludeItem>,
}

/// One key of a ConfigMap and the path of the file it becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncludeItem {
    /// Key in the ConfigMap.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
    /// Path of the file in `testDir`.
    #[schemars(length(min = 1, max = 255), extend("x-kubernetes-validations" = [inside("self")]))]
    pub path: String,
}

/// A path that stays inside its root. Written without a regular expression: over a few hundred items
/// those go beyond the API server's cost budget.
fn inside(path: &str) -> serde_json::Value {
    rule(
        &format!("!{path}.startsWith('/') && !('..' in {path}.split('/'))"),
        "must be a relative path without `..`, such as `lib/shop.py`",
    )
}

fn files(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = text_map(128, 204_800, None);
    schema.insert(
        "x-kubernetes-validations".into(),
        serde_json::json!([
            rule(
                "self.map(path, size(self[path])).sum() <= 204800",
                "must be at most 204800 characters together: larger trees go to ConfigMaps, named in `includeFiles`",
            ),
            rule(
                "self.all(path, size(path) > 0 && size(path) <= 255 && !path.startsWith('/') && !path.contains('..'))",
                "must have relative paths without `..` as keys, such as `lib/shop.py`",
            ),
        ]),
    );
    schema
}
