//! All windows of a run, merged: what the result is made from.
//!
//! Only integers and bucket counts are kept, and they are only added, so the order and the grouping in
//! which windows arrive change nothing. Memory grows with labels, kinds of errors and seconds, each of them
//! bounded, and never with hits.

mod errors;
mod labels;
mod measured;
mod result;
mod seconds;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;

use loads_wire::{Histogram, Totals, Window};
use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use tests::plan as test_plan;

pub use errors::MAX_ERRORS;
pub use labels::{Hits, METRIC_LABELS, Times};
use measured::quantiles;
pub use measured::{LAST_SECONDS, Measured, QUANTILES};
pub use result::{Detail, RunFacts, cut};
pub use seconds::{DETAILED_SECONDS, MAX_SECONDS};
pub use verdict::Fault;

/// Custom counters of a run before further ones are added to the counter `other`.
pub const MAX_COUNTERS: usize = 1_000;

/// Figures of one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StepFigures {
    totals: Totals,
    latency: Histogram,
}

/// Test executions of one agent process in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    started: u64,
    finished: u64,
}

/// The merged figures; serialisable, so that a broker goes on where a former one was killed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    totals: Totals,
    headers_sum: u128,
    steps: BTreeMap<u16, StepFigures>,
    statuses: BTreeMap<u16, u64>,
    labels: labels::Labels,
    seconds: seconds::Seconds,
    errors: errors::Errors,
    counters: BTreeMap<String, u64>,
    progress: BTreeMap<(u32, u64, u16), Progress>,
    refused_windows: u64,
}

impl Aggregate {
    /// Adds what the process `epoch` of agent `index` counted.
    pub fn add(&mut self, index: u32, epoch: u64, window: &Window) {
        self.totals.add(&window.totals);
        let step = self.steps.entry(window.step).or_default();
        step.totals.add(&window.totals);
        for row in &window.rows {
            step.latency.merge(&row.latency);
            self.headers_sum += row.headers_sum;
            *self.statuses.entry(row.status).or_default() += row.latency.count();
            self.labels.add(row);
        }
        self.seconds.add(index, window);
        for sample in &window.errors {
            self.errors.add(sample);
        }
        for (name, count) in &window.counters {
            let full = self.counters.len() >= MAX_COUNTERS && !self.counters.contains_key(name);
            let name = if full { loads_wire::window::OTHER_LABEL } else { name };
            *self.counters.entry(name.to_owned()).or_default() += count;
        }
        let progress = self.progress.entry((index, epoch, window.step)).or_default();
        progress.started += window.totals.started;
        progress.finished += window.totals.finished();
    }

    /// Counts a window that could not be read: its figures are missing from everything else.
    pub fn refuse(&mut self) {
        self.refused_windows += 1;
    }

    /// The sums over the whole run.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Test executions that all processes of an agent index have begun, for each of `steps` steps.
    pub fn started(&self, index: u32, steps: usize) -> Vec<u64> {
        let mut started = vec![0; steps];
        for ((_, _, step), progress) in self.progress.range((index, 0, 0)..=(index, u64::MAX, u16::MAX)) {
            if let Some(of_step) = started.get_mut(usize::from(*step)) {
                *of_step += progress.started;
            }
        }
        started
    }

    /// Test executions begun but not ended in a step, of the processes that `gone` names: nobody will
    /// ever say how they went.
    fn lost(&self, step: u16, gone: impl Fn(u32, u64) -> bool) -> u64 {
        let of_step =
            self.progress.iter().filter(|((index, epoch, s), _)| *s == step && gone(*index, *epoch));
        of_step.map(|(_, progress)| progress.started.saturating_sub(progress.finished)).sum()
    }

    /// Latency of the whole run: the steps' distributions, merged.
    fn latency(&self) -> Histogram {
        let mut all = Histogram::new();
        for step in self.steps.values() {
            all.merge(&step.latency);
        }
        all
    }
}
