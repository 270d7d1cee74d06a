//! What a run is to do: the LoadTest, validated and spelled out, as broker and agents read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A run, ready to hand to agents. Made from a LoadTest by `loads-api`; the broker reads it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Identifies this run in every message.
    pub run_id: String,
    /// The test's name as the executor understands it (for Python a fully qualified name).
    pub test: String,
    /// What sends the load, with its own options.
    pub executor: ExecutorPlan,
    /// Root URL of the system under test.
    pub server_url: Option<String>,
    /// Number of agents; total test executions = agents × users × hits.
    pub agents: u32,
    /// Agents that must be ready before the start.
    pub min_agents: u32,
    /// One after the other, in this order.
    pub steps: Vec<Step>,
    /// Arrivals per second over all agents (open model); none: every user loops (closed model).
    pub rate: Option<u32>,
    /// Seconds over which users (or the rate) grow, in every step.
    pub ramp_up_seconds: u32,
    /// Seconds to wait for agents before giving up.
    pub start_timeout_seconds: u32,
    /// Seconds without a broker after which an agent stops its load for good.
    pub broker_silence_seconds: u32,
    /// Seconds that requests and tests in flight get at the end of a step.
    pub drain_seconds: u32,
    /// What happens when an agent is lost.
    pub on_agent_loss: OnAgentLoss,
    /// Working directory of the executor on the agent; none: a directory of the run.
    pub test_dir: Option<String>,
    /// pip requirements of the test.
    pub python_deps: Vec<String>,
    /// [`crate::bundle::digest`] of the files that the run was accepted with; none: not checked.
    #[serde(default)]
    pub bundle_digest: Option<String>,
    /// What load may go to; none: anywhere (local runs).
    #[serde(default)]
    pub targets: Option<crate::target::Targets>,
    /// Texts that [`crate::Criterion::parse`] reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<String>,
}

/// One step: so many users for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Users on each agent; with a rate, the most requests in flight on each agent.
    pub users: u32,
    /// How long the step lasts.
    pub length: Length,
}

/// What ends a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Length {
    /// Every user executes the test this many times.
    Hits(u32),
    /// Every user loops for this many seconds.
    Seconds(u32),
}

/// The executor and its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExecutorPlan {
    /// The `loads` Python package.
    Python(PythonPlan),
    /// The native HTTP engine.
    Http(HttpPlan),
    /// A runner in any language, over the external-runner protocol.
    External(ExternalPlan),
}

impl ExecutorPlan {
    /// The executor's name in LoadTests, results and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Python(_) => "python",
            Self::Http(_) => "http",
            Self::External(_) => "external",
        }
    }
}

/// Options of the python executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PythonPlan {
    /// Whether gevent patches the standard library.
    pub patching: bool,
    /// Worker processes for each agent; none: as many as users and cores allow.
    pub processes: Option<u32>,
}

/// Options of the http executor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpPlan {
    /// The scenario. Without weights one execution is the whole list once, with weights one draw.
    pub requests: Vec<HttpRequest>,
    /// Speak HTTP/2 (by ALPN on TLS, by prior knowledge without).
    pub http2: bool,
    /// Most connections of an agent, none: one for each user.
    pub connections: Option<u32>,
    /// Seconds until an unanswered request is a `read-timeout`, and a connection attempt a `connect-timeout`.
    pub timeout_seconds: u32,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
}

/// One request of an http scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// GET, POST, …
    pub method: String,
    /// Path and query, appended to the server URL; or a whole URL.
    pub path: String,
    /// Sent besides Host and Content-Length.
    pub headers: BTreeMap<String, String>,
    /// Sent as it is.
    pub body: Option<String>,
    /// Name in results; none: the URL without query, fragment and user info.
    pub label: Option<String>,
    /// Share of the draws; if any request has one, executions are draws.
    pub weight: Option<u32>,
    /// The status that counts as success; none: 200 to 399.
    pub expect_status: Option<u16>,
}

/// Options of the external executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalPlan {
    /// argv of the runner; `{test}` is replaced by the test's name in every item. Never a shell string.
    pub command: Vec<String>,
}

/// What the broker does when an agent is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnAgentLoss {
    /// A new process of the same index takes over what is left.
    Replace,
    /// The run goes on with less load, and says so.
    Continue,
    /// The run ends.
    Fail,
}

impl Plan {
    /// Test executions that all steps of one agent come to, none for duration steps.
    pub fn executions_per_agent(&self) -> Option<u64> {
        self.steps
            .iter()
            .map(|step| match step.length {
                Length::Hits(hits) => Some(u64::from(step.users) * u64::from(hits)),
                Length::Seconds(_) => None,
            })
            .sum()
    }

    /// Seconds that all steps last by the timetable, none when hits decide.
    pub fn timetable_seconds(&self) -> Option<u64> {
        self.steps
            .iter()
            .map(|step| match step.length {
                Length::Hits(_) => None,
                Length::Seconds(seconds) => Some(u64::from(seconds)),
            })
            .sum()
    }
}
