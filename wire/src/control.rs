//! What the operator wants of a running broker, and what the broker answers: JSON over the broker's control
//! port.
//!
//! Level-based: the whole wish is said every time, so that saying it twice or to a restarted broker does no
//! harm. docs/adr/0008 has the reasons.

use serde::{Deserialize, Serialize};

use crate::result::RunResult;

/// Path of the one request: POST a [`Desired`], get an [`Observed`].
pub const DESIRED_PATH: &str = "/api/v1/desired";
/// Path of the whole result as the report ConfigMap keeps it, once [`Observed::done`].
pub const REPORT_PATH: &str = "/api/v1/report";
/// Most bytes of a report: a ConfigMap holds 1 MiB with all its metadata.
pub const REPORT_LIMIT: usize = 900 * 1024;
/// Name in the broker's certificate, whatever address it has.
pub const BROKER_NAME: &str = "broker.loads.dev";

/// The state that a run is to be in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Desired {
    /// `metadata.generation` of the LoadTest that says so; a lower one than before is ignored.
    pub generation: i64,
    /// Number of agents.
    pub agents: u32,
    /// Hold the start, or pause the load.
    pub suspend: bool,
    /// End the load early, and drain.
    pub stop: bool,
    /// The final result is kept outside: agents may leave.
    pub result_stored: bool,
}

/// Where the run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Highest generation that was taken up.
    pub generation: i64,
    /// Which broker process answers; a later one has a higher number.
    pub epoch: u64,
    /// Where the load is.
    pub stage: Stage,
    /// 0-based.
    pub step: u16,
    /// Share of the run that is over, in percent.
    pub progress_percent: u8,
    /// Agents that are connected now.
    pub connected: u32,
    /// Of these, how many are ready or at work.
    pub ready: u32,
    /// Figures so far, bounded in size; the final ones when `done`.
    pub result: RunResult,
    /// Whether the figures are final and stored by the broker.
    pub done: bool,
}

/// Where the load of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Agents are missing or preparing.
    Waiting,
    /// `suspend` holds the start or pauses the load.
    Suspended,
    /// Load is on.
    Running,
    /// No new load; what is in flight finishes and the last windows come in.
    Draining,
    /// Over.
    Finished,
}
