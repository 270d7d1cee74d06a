//! Who watches a run: observers of its end, and files made of its result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody who hears of the end of a run; exactly one of the fields is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [crate::rules::rule(
    "[has(self.email), has(self.irc), has(self.webhook), has(self.python)].filter(set, set).size() == 1",
    "must have exactly one of `email`, `irc`, `webhook` and `python`",
)]))]
pub struct Observer {
    /// Sends a mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailObserver>,
    /// Says a line in a channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub irc: Option<IrcObserver>,
    /// Posts the summary as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookObserver>,
    /// Dotted name of a Python class, called with the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"))]
    pub python: Option<String>,
}

/// A mail at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailObserver {
    /// Who gets the mail.
    #[schemars(length(max = 254), regex(pattern = r"^[^@\s]+@[^@\s]+$"))]
    pub recipient: String,
    /// Who it comes from.
    #[schemars(length(max = 254), regex(pattern = r"^[^@\s]+@[^@\s]+$"))]
    pub sender: String,
    /// Mail server.
    #[serde(default = "localhost")]
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Port of the mail server.
    #[serde(default = "smtp")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Subject of the mail.
    #[serde(default = "subject")]
    #[schemars(length(max = 200), regex(pattern = r"^[^\r\n]*$"))]
    pub subject: String,
    /// Secret of the same namespace with the keys `user` and `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,
}

fn localhost() -> String {
    "localhost".to_owned()
}

fn smtp() -> u16 {
    25
}

fn subject() -> String {
    "Loads Results".to_owned()
}

/// A line in an IRC channel at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IrcObserver {
    /// Host name of the server.
    #[schemars(length(min = 1, max = 253))]
    pub server: String,
    /// Channel to speak in.
    #[schemars(length(max = 50), regex(pattern = r"^[#&][^\s,]+$"))]
    pub channel: String,
    /// Port of the server.
    #[serde(default = "ircs")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Whether to speak TLS.
    #[serde(default = "yes")]
    pub tls: bool,
    /// Name to go by.
    #[serde(default = "loads")]
    #[schemars(length(max = 30), regex(pattern = r"^[A-Za-z][-_A-Za-z0-9]*$"))]
    pub nickname: String,
}

fn ircs() -> u16 {
    6697
}

fn yes() -> bool {
    true
}

fn loads() -> String {
    "loads".to_owned()
}

/// A request with the summary at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookObserver {
    /// Where the summary is posted to.
    #[schemars(length(max = 2048), regex(pattern = r"^https?://[^/\s]\S*$"))]
    pub url: String,
    /// Secret of the same namespace whose key `authorization` is sent as that header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,
}

/// A file that the broker writes besides the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Form of the file.
    pub format: OutputFormat,
    /// Name of the file in the report; the format's usual name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), regex(pattern = r"^[A-Za-z0-9_][-._A-Za-z0-9]*$"))]
    pub file_name: Option<String>,
}

/// Form of an output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// The result as JSON.
    Json,
    /// One line for each second and label.
    Csv,
    /// One test case for each criterion.
    Junit,
    /// The original's funkload report.
    Funkload,
}
