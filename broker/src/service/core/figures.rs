//! What metrics tell.

use std::hash::Hash;

use super::Core;
use crate::aggregate::{self, Detail};
use crate::metrics::{Figures, edges};

impl<P: Copy + Eq + Hash> Core<P> {
    /// Figures for metrics. Counts come from the aggregate, which is what the result is made from too.
    pub fn figures(&self, now: u64) -> Figures {
        let done = self.finished.is_some();
        let aggregate = &self.counted.aggregate;
        let facts = self.roster.facts(now, aggregate, done);
        let result = aggregate::cut(self.result(now, Detail::Live), Detail::Live);
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        Figures {
            measured: aggregate.measured(&facts, &edges(&result.criteria)),
            stage: self.roster.stage(now, done),
            step: self.roster.step(now),
            progress: self.roster.progress_percent(now, aggregate),
            times: (facts.started_at.map(seconds), facts.ended_at.map(seconds)),
            agents: self.roster.by_state(),
            left_out: self.left_out,
            result,
        }
    }
}
