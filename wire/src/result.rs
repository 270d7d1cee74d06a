//! The figures of a whole run: what `--results` writes, `loads run` prints and the status carries.
//!
//! Versioned by [`SCHEMA`]; the JSON schema in docs/ is generated from these types. Definitions of the
//! figures: docs/figures.md.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name and version of the results format.
pub const SCHEMA: &str = "loads.dev/results/v1";

/// Everything known of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RunResult {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Run id.
    pub run_id: String,
    /// The test's name.
    pub test: String,
    /// python, http, external, …
    pub executor: String,
    /// Whether the run passed.
    pub verdict: Verdict,
    /// The verdict's cause in one word, listed in docs/figures.md; empty while the run is on.
    pub reason: String,
    /// What made the verdict other than passed, one sentence each.
    pub reasons: Vec<String>,
    /// What a reader must know besides, whatever the verdict: agents that were lost or joined late.
    pub notes: Vec<String>,
    /// Start instant T, RFC 3339; empty before the start.
    pub started_at: String,
    /// End of the load, RFC 3339; empty while it runs.
    pub finished_at: String,
    /// From T to the end of the load (or now), in seconds.
    pub duration_seconds: f64,
    /// Time of the steps alone, pauses and barriers taken out, in seconds.
    pub steps_seconds: f64,
    /// Answers whose status line and headers arrived.
    pub hits: u64,
    /// Requests whose first byte was written.
    pub sent: u64,
    /// Sent, but failed before the headers arrived.
    pub failed_after_send: u64,
    /// Refused, DNS, TLS …: never sent.
    pub failed_before_send: u64,
    /// Sent, and cut by us before an answer came.
    pub unanswered: u64,
    /// Hits of a killed process whose label and latency are lost.
    pub undetailed: u64,
    /// Requests sent once more because a kept connection was stale.
    pub retries: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Test executions.
    pub tests: Tests,
    /// Hits ÷ time of the steps.
    pub requests_per_second: f64,
    /// Time to the last byte, microseconds.
    pub latency_microseconds: Latency,
    /// Mean time to the headers, microseconds.
    pub mean_headers_microseconds: f64,
    /// Web sockets.
    pub web_sockets: WebSockets,
    /// The test's own counters.
    pub counters: BTreeMap<String, u64>,
    /// Most common errors first.
    pub errors: Vec<ErrorEntry>,
    /// Failed requests by kind.
    pub request_errors: BTreeMap<String, u64>,
    /// Hits by status.
    pub statuses: BTreeMap<String, u64>,
    /// By step.
    pub steps: Vec<StepResult>,
    /// By label, method and status, most hits first.
    pub labels: Vec<LabelResult>,
    /// Labels that were folded into `other`.
    pub labels_folded: u64,
    /// By second since T.
    pub seconds: Vec<SecondResult>,
    /// Agents.
    pub agents: Agents,
    /// The pass/fail criteria in the order of the LoadTest, as they stand.
    pub criteria: Vec<CriterionResult>,
    /// Arrivals (open model) that waited for a free user.
    pub delayed: u64,
    /// Runner messages that came late, and those that could not be read.
    pub late: u64,
    /// Runner messages that could not be read.
    pub bad_messages: u64,
}

/// Why a run ended as it did, in one word. A run of which several are true has the first one that applies:
/// what kept it from being carried out, then the request to stop, then what is missing through the fault of
/// agents or brokers, then the criteria, then the tests.
pub mod reason {
    /// Every test passed and all of the plan was done.
    pub const PASSED: &str = "Passed";
    /// A criterion was not met.
    pub const CRITERIA_FAILED: &str = "CriteriaFailed";
    /// Tests had errors or failures, or their runner processes misbehaved.
    pub const TESTS_FAILED: &str = "TestsFailed";
    /// Part of the load was never begun, or part of the figures is missing.
    pub const INCOMPLETE: &str = "Incomplete";
    /// An agent was lost and the run could not go on without it, or nobody took its place.
    pub const AGENT_LOST: &str = "AgentLost";
    /// The run was stopped on request.
    pub const STOPPED: &str = "Stopped";
    /// Too few agents were ready in time.
    pub const START_TIMEOUT: &str = "StartTimeout";
    /// Files of the bundle are missing, damaged, or not what the run was accepted with.
    pub const BUNDLE_INVALID: &str = "BundleInvalid";
    /// A requirement of the test could not be installed.
    pub const DEPENDENCY_FAILED: &str = "DependencyFailed";
    /// The server under test is not one that the operator allows.
    pub const TARGET_NOT_ALLOWED: &str = "TargetNotAllowed";
    /// An agent could not prepare the test.
    pub const PREPARE_FAILED: &str = "PrepareFailed";
    /// Agents were without a broker for too long, or a broker lost its memory and agents did not come back.
    pub const BROKER_LOST: &str = "BrokerLost";
    /// An agent did not end its load in time.
    pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";

    /// All of them.
    pub const ALL: [&str; 13] = [
        PASSED,
        CRITERIA_FAILED,
        TESTS_FAILED,
        INCOMPLETE,
        AGENT_LOST,
        STOPPED,
        START_TIMEOUT,
        BUNDLE_INVALID,
        DEPENDENCY_FAILED,
        TARGET_NOT_ALLOWED,
        PREPARE_FAILED,
        BROKER_LOST,
        DEADLINE_EXCEEDED,
    ];
}

/// Outcome of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Not over yet.
    #[default]
    Running,
    /// Every test passed.
    Passed,
    /// Tests or criteria failed, or something of the plan was not done.
    Failed,
    /// Ended early on request.
    Stopped,
    /// The run could not be carried out.
    Error,
}

/// Test executions by outcome; started = success + errors + failures + skipped + interrupted + lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tests {
    /// Handed out to agents; 0 when a duration decides.
    pub planned: u64,
    /// Begun.
    pub started: u64,
    /// Passed.
    pub success: u64,
    /// Ended by an unexpected exception.
    pub errors: u64,
    /// Ended by a failed assertion.
    pub failures: u64,
    /// Skipped themselves.
    pub skipped: u64,
    /// Cut by the end of their step or of the run.
    pub interrupted: u64,
    /// Begun by a process that was killed before they ended.
    pub lost: u64,
}

/// A latency distribution in microseconds; error of the percentiles at most 0.1 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// 99.99th percentile.
    pub p9999: f64,
    /// Largest.
    pub max: f64,
}

impl From<&crate::Histogram> for Latency {
    fn from(h: &crate::Histogram) -> Self {
        let at = |q| h.quantile(q) as f64 / 1e3;
        Self {
            mean: h.mean() / 1e3,
            min: h.min() as f64 / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: h.max() as f64 / 1e3,
        }
    }
}

/// Web sockets of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WebSockets {
    /// Opened.
    pub opened: u64,
    /// Closed.
    pub closed: u64,
    /// Bytes received.
    pub bytes_received: u64,
}

/// Equal errors, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorEntry {
    /// Name of the kind, e.g. `refused` or `other:ValueError`.
    pub kind: String,
    /// request, testError, testFailure or runner.
    pub source: String,
    /// URL label or test name.
    pub label: String,
    /// One line.
    pub message: String,
    /// One example's stack trace, empty where there is none.
    pub traceback: String,
    /// How many.
    pub count: u64,
}

/// One step's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StepResult {
    /// 0-based.
    pub step: u16,
    /// Users on each agent.
    pub users: u32,
    /// Length in seconds, 0 while unknown.
    pub seconds: f64,
    /// Hits of requests begun in this step.
    pub hits: u64,
    /// Test executions begun in this step.
    pub tests: Tests,
    /// Time to the last byte.
    pub latency_microseconds: Latency,
}

/// One label's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelResult {
    /// Name given by the test, else the URL.
    pub label: String,
    /// HTTP method.
    pub method: String,
    /// HTTP status.
    pub status: u16,
    /// Hits.
    pub hits: u64,
    /// Of these, how many had a status that the test did not expect.
    pub unexpected: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Time to the last byte.
    pub latency_microseconds: Latency,
}

/// One second's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecondResult {
    /// Whole seconds since T.
    pub second: u32,
    /// Hits completed in it.
    pub hits: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// Tests begun in it.
    pub tests_started: u64,
    /// Users active.
    pub users: u32,
    /// Median, microseconds.
    pub p50: f64,
    /// 95th percentile, microseconds.
    pub p95: f64,
    /// 99th percentile, microseconds.
    pub p99: f64,
    /// Largest, microseconds.
    pub max: f64,
}

impl SecondResult {
    /// Sums up so many seconds each. Percentiles can not be added: the group shows its worst second's.
    pub fn fold(seconds: &[Self], group: u32) -> Vec<Self> {
        let mut folded: Vec<Self> = Vec::new();
        for second in seconds {
            let first = second.second / group * group;
            match folded.last_mut().filter(|last| last.second == first) {
                Some(last) => {
                    last.hits += second.hits;
                    last.failed += second.failed;
                    last.tests_started += second.tests_started;
                    last.users = last.users.max(second.users);
                    last.p50 = last.p50.max(second.p50);
                    last.p95 = last.p95.max(second.p95);
                    last.p99 = last.p99.max(second.p99);
                    last.max = last.max.max(second.max);
                }
                None => folded.push(Self { second: first, ..second.clone() }),
            }
        }
        folded
    }
}

/// One pass/fail criterion as it stands; the last word once the run is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CriterionResult {
    /// As the LoadTest has it.
    pub criterion: String,
    /// Whether it never failed so far.
    pub passed: bool,
    /// What it was last judged by: seconds for times, 0 to 1 for shares, else a count or a rate by second;
    /// none before the first judgement.
    pub measured: Option<f64>,
    /// What it is judged against, in the same unit.
    pub threshold: f64,
    /// Whole seconds since T when it first failed.
    pub failed_at_second: Option<u32>,
}

impl CriterionResult {
    /// A value with the unit that the criterion's subject has; plain where another release wrote a subject
    /// that is unknown here.
    pub fn show(&self, value: f64) -> String {
        crate::Criterion::parse(&self.criterion)
            .map_or_else(|_| value.to_string(), |criterion| criterion.unit().show(value))
    }
}

/// Agents of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Agents {
    /// Asked for.
    pub wanted: u32,
    /// Registered at least once.
    pub connected: u32,
    /// Prepared and waiting for the start, or further.
    pub ready: u32,
    /// Lost on the way (replaced ones included).
    pub lost: u32,
    /// Largest distance from T at which an agent's load began, microseconds.
    pub start_skew_microseconds: u64,
    /// Largest own delay that an agent reported, microseconds: high means the generator was the bottleneck.
    pub lag_microseconds: u64,
    /// CPU time of agents and their runners, milliseconds.
    pub cpu_milliseconds: u64,
}
