//! Figures of a run for Prometheus: from the aggregate to text, without a count of its own.

mod edges;
pub mod table;
#[cfg(test)]
mod tests;
mod write;

use loads_wire::RunResult;
use loads_wire::control::Stage;

pub use edges::edges;
pub use write::text;

use crate::aggregate::Measured;
use crate::service::LeftOut;

/// Most series of a scrape, whatever a test does: 2,501 of hits, 29 for each of 101 labels, 1,001 counters of
/// the test, 112 kinds of errors, 96 of criteria, and some hundred others.
pub const MAX_SERIES: usize = 7_000;

/// Labels that tell a run's series from those of others, whoever scrapes them; empty ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Namespace of the LoadTest.
    pub namespace: String,
    /// Name of the LoadTest.
    pub loadtest: String,
}

/// What a scrape tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// As everywhere else, long lists cut.
    pub result: RunResult,
    /// What the result does not have.
    pub measured: Measured,
    /// Where the run is.
    pub stage: Stage,
    /// 0-based.
    pub step: u16,
    /// In percent.
    pub progress: u8,
    /// T and the end of the load, in seconds since the Unix epoch.
    pub times: (Option<f64>, Option<f64>),
    /// By state.
    pub agents: Vec<(&'static str, u32)>,
    /// Messages that were left out.
    pub left_out: LeftOut,
}
