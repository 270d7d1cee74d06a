//! What the operator says about a run. Figures in integers with the unit in the name; texts are for columns.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::{Condition, ConditionStatus};

/// Largest integer that survives a double, in which JSON readers and the API server's bounds keep numbers.
pub(crate) const SAFE: u64 = 9_007_199_254_740_991;

/// Observed state of a LoadTest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadTestStatus {
    /// `metadata.generation` that this status was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = SAFE))]
    pub observed_generation: Option<i64>,
    /// Identifies the run. Once it is set the run's fields of the spec are frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub run_id: Option<String>,
    /// When the load started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub start_time: Option<Time>,
    /// When the run was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub completion_time: Option<Time>,
    /// Where the run is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepStatus>,
    /// How many agents there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<AgentsStatus>,
    /// Figures of the run so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<ResultsStatus>,
    /// The same for the columns of `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<DisplayStatus>,
    /// State by aspect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// Label selector of the agents' pods, for autoscalers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub selector: Option<String>,
}

impl LoadTestStatus {
    /// The condition of this type, if it was ever said.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Whether the condition of this type is True.
    pub fn is_true(&self, type_: &str) -> bool {
        self.condition(type_).is_some_and(|condition| condition.status == ConditionStatus::True)
    }
}

/// Where a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Number of the current step, from 1.
    #[schemars(range(min = 1, max = 1024))]
    pub current: u32,
    /// Number of steps.
    #[schemars(range(min = 1, max = 1024))]
    pub total: u32,
    /// Users on each agent in this step.
    #[schemars(range(min = 1, max = 999_999))]
    pub users: u32,
}

/// How many agents there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentsStatus {
    /// Asked for by the spec.
    #[schemars(range(min = 0, max = 10_000))]
    pub wanted: u32,
    /// Connected to the broker.
    #[schemars(range(min = 0, max = 10_000))]
    pub connected: u32,
    /// Ready to start, or at work.
    #[schemars(range(min = 0, max = 10_000))]
    pub ready: u32,
    /// Lost on the way, replaced ones included.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub lost: u32,
    /// Largest distance between the common start instant and the beginning of an agent's load.
    #[schemars(range(min = 0, max = SAFE))]
    pub start_skew_microseconds: u64,
}

/// Figures of a run so far; docs/figures.md defines each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResultsStatus {
    /// Requests whose first byte was written.
    #[schemars(range(min = 0, max = SAFE))]
    pub sent: u64,
    /// Responses whose final status line and headers arrived.
    #[schemars(range(min = 0, max = SAFE))]
    pub hits: u64,
    /// Requests that failed before their first byte was written.
    #[schemars(range(min = 0, max = SAFE))]
    pub failed_before_send: u64,
    /// Requests that failed after their first byte was written.
    #[schemars(range(min = 0, max = SAFE))]
    pub failed_after_send: u64,
    /// Requests cut by the end of the run.
    #[schemars(range(min = 0, max = SAFE))]
    pub unanswered: u64,
    /// Hits of killed agents whose labels and latencies are lost.
    #[schemars(range(min = 0, max = SAFE))]
    pub undetailed: u64,
    /// Requests that failed and responses of an unexpected status.
    #[schemars(range(min = 0, max = SAFE))]
    pub errors: u64,
    /// Test executions by outcome.
    pub tests: TestsStatus,
    /// Hits by second, over the time of the steps.
    #[schemars(range(min = 0, max = SAFE))]
    pub requests_per_second: u64,
    /// Time to the last byte of responses.
    pub latency_microseconds: LatencyStatus,
}

/// Test executions by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TestsStatus {
    /// Executions that began.
    #[schemars(range(min = 0, max = SAFE))]
    pub started: u64,
    /// Executions that passed.
    #[schemars(range(min = 0, max = SAFE))]
    pub success: u64,
    /// Executions that broke.
    #[schemars(range(min = 0, max = SAFE))]
    pub errors: u64,
    /// Executions whose assertion did not hold.
    #[schemars(range(min = 0, max = SAFE))]
    pub failures: u64,
    /// Executions that skipped themselves.
    #[schemars(range(min = 0, max = SAFE))]
    pub skipped: u64,
    /// Executions cut by the end of a step.
    #[schemars(range(min = 0, max = SAFE))]
    pub interrupted: u64,
    /// Executions that a killed agent had begun and not ended.
    #[schemars(range(min = 0, max = SAFE))]
    pub lost: u64,
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LatencyStatus {
    /// Arithmetic mean.
    #[schemars(range(min = 0, max = SAFE))]
    pub mean: u64,
    /// Half of all responses took at most this.
    #[schemars(range(min = 0, max = SAFE))]
    pub p50: u64,
    /// 90 of 100 responses took at most this.
    #[schemars(range(min = 0, max = SAFE))]
    pub p90: u64,
    /// 95 of 100 responses took at most this.
    #[schemars(range(min = 0, max = SAFE))]
    pub p95: u64,
    /// 99 of 100 responses took at most this.
    #[schemars(range(min = 0, max = SAFE))]
    pub p99: u64,
    /// The slowest response.
    #[schemars(range(min = 0, max = SAFE))]
    pub max: u64,
}

/// Texts for the columns of `kubectl get`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DisplayStatus {
    /// Ready and wanted agents, such as `5/5`.
    #[schemars(length(max = 16))]
    pub agents: String,
    /// How far the run is, such as `40%`.
    #[schemars(length(max = 16))]
    pub progress: String,
    /// Requests per second.
    #[schemars(length(max = 16))]
    pub requests_per_second: String,
    /// Share of requests with an error, such as `0.12`.
    #[schemars(length(max = 16))]
    pub error_percent: String,
    /// 95th percentile, such as `12.3ms`.
    #[schemars(length(max = 16))]
    pub p95: String,
}
