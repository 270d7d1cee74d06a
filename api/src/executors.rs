//! What sends the load, and the options of each executor.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Span;
use crate::rules::{rule, text_map};

/// What sends the load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Executor {
    /// The `loads` Python package.
    #[default]
    Python,
    /// The native HTTP engine.
    Http,
    /// A runner in any language.
    External,
}

/// Options of the python executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PythonOptions {
    /// Whether gevent patches the standard library, so that many users share a process.
    pub patching: bool,
    /// Worker processes of each agent; as many as users and cores allow when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub processes: Option<u32>,
}

impl Default for PythonOptions {
    fn default() -> Self {
        Self { patching: true, processes: None }
    }
}

/// Options of the external executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalOptions {
    /// Program and arguments of the runner, never a shell string; `{test}` is replaced by `spec.test`.
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 4096)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub command: Vec<String>,
}

/// Options of the http executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpOptions {
    /// The scenario. Without weights one execution is the whole list once, with weights one draw.
    #[schemars(
        length(min = 1, max = 64),
        extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = [rule(
            "self.all(request, has(request.weight)) || self.all(request, !has(request.weight))",
            "must have a `weight` in every request or in none",
        )])
    )]
    pub requests: Vec<HttpRequest>,
    /// Most connections of an agent; one for each user when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections: Option<u32>,
    /// Speak HTTP/2: by ALPN on TLS, by prior knowledge without.
    #[serde(default)]
    pub http2: bool,
    /// Time until a connection attempt is a `connect-timeout` and an unanswered request a `read-timeout`.
    #[serde(default = "timeout")]
    #[schemars(extend("x-kubernetes-validations" = [crate::rules::span_between("1s", "1h")]))]
    pub timeout: Span,
    /// Accept any certificate of the server.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

fn timeout() -> Span {
    Span::literal("30s")
}

/// One request of an http scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// Request method.
    #[serde(default = "get")]
    #[schemars(length(max = 16), regex(pattern = r"^[A-Z]+$"))]
    pub method: String,
    /// Path and query, appended to `serverURL`; or a whole URL.
    #[schemars(length(max = 2048), regex(pattern = r"^(/|https?://[^/])[^\s]*$"))]
    pub path: String,
    /// Headers of the request besides Host and Content-Length.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, String>,
    /// Body of the request, sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65_536))]
    pub body: Option<String>,
    /// Name in the results; the URL without query, fragment and user info when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub label: Option<String>,
    /// Share of the draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: Option<u32>,
    /// The status that counts as success; 200 to 399 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200, max = 599))]
    pub expect_status: Option<u16>,
}

fn get() -> String {
    "GET".to_owned()
}

fn headers(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = text_map(32, 8192, Some(r"^[^\r\n]*$"));
    schema.insert(
        "x-kubernetes-validations".into(),
        serde_json::json!([rule(
            "self.all(name, size(name) <= 128 && name.matches('^[-!#$%&*+.^_|~0-9A-Za-z]+$'))",
            "must have header names as keys, such as `Content-Type`",
        )]),
    );
    schema
}
