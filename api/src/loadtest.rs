//! The LoadTest resource: what to run, with how many, for how long, and what to make of it.

#![expect(clippy::duplicated_attributes, reason = "each printcolumn has a type of its own")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::executors::{Executor, ExternalOptions, HttpOptions, PythonOptions};
use crate::observer::{Observer, Output};
use crate::quantity::{Hits, Span, Users};
use crate::rules::{self, span_between};
use crate::status::LoadTestStatus;
use crate::template::PodTemplate;

/// A load test: so many users on so many agents, for so many hits or so long.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "loads.dev",
    version = "v1alpha1",
    kind = "LoadTest",
    plural = "loadtests",
    shortname = "ldt",
    category = "loads",
    namespaced,
    status = "LoadTestStatus",
    derive = "PartialEq",
    doc = "A LoadTest is one run of a load test. It is never run again: another run is another LoadTest.",
    scale(
        spec_replicas_path = ".spec.agents",
        status_replicas_path = ".status.agents.connected",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "STATUS",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Succeeded\")].reason",
        description = "Why the run has its verdict, or none yet"
    ),
    printcolumn(
        name = "AGENTS",
        type_ = "string",
        json_path = ".status.display.agents",
        description = "Ready and wanted agents"
    ),
    printcolumn(
        name = "PROGRESS",
        type_ = "string",
        json_path = ".status.display.progress",
        description = "How far the run is"
    ),
    printcolumn(
        name = "RPS",
        type_ = "string",
        json_path = ".status.display.requestsPerSecond",
        description = "Hits per second"
    ),
    printcolumn(
        name = "ERR%",
        type_ = "string",
        json_path = ".status.display.errorPercent",
        description = "Share of requests with an error"
    ),
    printcolumn(
        name = "P95",
        type_ = "string",
        json_path = ".status.display.p95",
        description = "95th percentile of the time to the last byte"
    ),
    printcolumn(
        name = "EXECUTOR",
        type_ = "string",
        json_path = ".spec.executor",
        description = "What sends the load",
        priority = 1
    ),
    printcolumn(
        name = "TARGET",
        type_ = "string",
        json_path = ".spec.serverURL",
        description = "Server under test",
        priority = 1
    ),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules::spec()))]
pub struct LoadTestSpec {
    /// Name of the test as its executor understands it; for `python` a fully qualified name such as
    /// `module.Class.test_method`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^\S+$"))]
    pub test: Option<String>,
    /// What sends the load; the object of the same name holds its options.
    pub executor: Executor,
    /// Options of the `python` executor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonOptions>,
    /// Options of the `http` executor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpOptions>,
    /// Options of the `external` executor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalOptions>,
    /// Root URL of the server under test.
    #[serde(rename = "serverURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^https?://[^/\s]\S*$"))]
    pub server_url: Option<String>,
    /// Users on each agent: an integer, or a list such as `10:20:30`, one step after the other. 1 when left
    /// out. With `rate` it is the most executions in flight on each agent, 10000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Users>,
    /// Test executions of each user in a step: an integer, or a list such as `1:10`; every entry of `users`
    /// is run with every entry. 1 when neither `hits` nor `duration` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits: Option<Hits>,
    /// Time of each step, in seconds or as `1h30m20s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [span_between("1s", "720h")]))]
    pub duration: Option<Span>,
    /// Time over which users (or the rate) grow from none, in every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [span_between("0s", "720h")]))]
    pub ramp_up: Option<Span>,
    /// Arrivals per second over all agents, whatever the server does (open model). Without it every user
    /// begins anew when it has finished (closed model).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub rate: Option<u32>,
    /// Number of agents; test executions of a run are agents × users × hits.
    #[schemars(range(min = 1, max = 10_000))]
    pub agents: u32,
    /// Agents that must be ready within `startTimeout` for the run to start; all when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub min_agents: Option<u32>,
    /// Time to wait for agents before the run is given up.
    #[schemars(extend("x-kubernetes-validations" = [span_between("1s", "24h")]))]
    pub start_timeout: Span,
    /// Time that requests and tests in flight get at the end of a step.
    #[schemars(extend("x-kubernetes-validations" = [span_between("0s", "1h")]))]
    pub drain_timeout: Span,
    /// Time without a word of the broker after which an agent stops its load for good.
    #[schemars(extend("x-kubernetes-validations" = [span_between("31s", "1h")]))]
    pub broker_silence: Span,
    /// What happens when an agent is lost.
    pub on_agent_loss: OnAgentLoss,
    /// Files and requirements of the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// When the run fails, judged over all agents, such as `p95<300ms for 10s, stop as failed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(max = 256), regex(pattern = CRITERION)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub criteria: Vec<String>,
    /// Who hears of the end of the run. This version tells nobody yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub observers: Vec<Observer>,
    /// Files that the broker writes besides the report. This version writes none yet: `loads report` does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub outputs: Vec<Output>,
    /// Holds the run before its start, pauses it while it runs.
    pub suspend: bool,
    /// Ends the run early: what is in flight finishes, and the result is kept.
    pub stop: bool,
    /// Seconds that a finished LoadTest is kept.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub ttl_seconds_after_finished: u32,
    /// Fields of the agents' pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_template: Option<PodTemplate>,
    /// Fields of the broker's pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_template: Option<PodTemplate>,
}

/// `[message:] subject [of label] < threshold [for|within|over time][, stop|continue [as failed|non-failed]]`
const CRITERION: &str = concat!(
    r"^([^:<>=]+:\s*)?",
    r"(avg-rt|avg-lt|avg-ct|stdev-rt|concurr[a-z]*|hits|bytes|succ[a-z]*|fail[a-z]*|p[0-9]{1,2}(\.[0-9]+)?|p100|rc[0-9A-Za-z?*.-]+)",
    r"(\s+of\s+[^<>=,]+)?\s*(<=?|>=?|==?)\s*[0-9][0-9.]*[A-Za-z0-9.%]*",
    r"(\s+(for|within|over)\s+[0-9][0-9a-z.]*)?",
    r"(\s*,\s*(stop|continue)(\s+as\s+(failed|non-failed))?)?$"
);

impl LoadTestSpec {
    /// What it asks for and this version does not do, a sentence each.
    pub fn not_done(&self) -> Vec<&'static str> {
        let all = [
            (self.observers.is_empty(), "This version tells no `observers` of the end."),
            (self.outputs.is_empty(), "This version writes no `outputs`: `loads report` makes such files."),
        ];
        all.into_iter().filter(|(empty, _)| !empty).map(|(_, sentence)| sentence).collect()
    }
}

/// What happens when an agent is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnAgentLoss {
    /// A new agent takes over what is left.
    #[default]
    Replace,
    /// The run goes on with less load, and its result says so.
    Continue,
    /// The run ends and fails.
    Fail,
}

impl Default for LoadTestSpec {
    fn default() -> Self {
        Self {
            test: None,
            executor: Executor::default(),
            python: None,
            http: None,
            external: None,
            server_url: None,
            users: None,
            hits: None,
            duration: None,
            ramp_up: None,
            rate: None,
            agents: 1,
            min_agents: None,
            start_timeout: Span::literal("5m"),
            drain_timeout: Span::literal("10s"),
            broker_silence: Span::literal("60s"),
            on_agent_loss: OnAgentLoss::default(),
            bundle: None,
            criteria: Vec::new(),
            observers: Vec::new(),
            outputs: Vec::new(),
            suspend: false,
            stop: false,
            ttl_seconds_after_finished: 7 * 24 * 3600,
            agent_template: None,
            broker_template: None,
        }
    }
}
