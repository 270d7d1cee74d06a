//! The end as the operator leads it: its wishes, what it is told, and the last word once it keeps the result.

use std::hash::Hash;
use std::sync::Arc;

use loads_wire::RunResult;
use loads_wire::control::{Desired, Observed};

use super::{Action, Core};
use crate::aggregate::{self, Detail};
use crate::store::Record;

/// How long the last word waits for the operator to keep the final result, in nanoseconds.
const HOLD: u64 = 60 * 1_000_000_000;

impl<P: Copy + Eq + Hash> Core<P> {
    /// The final result, once it is stored.
    pub fn finished(&self) -> Option<&Arc<RunResult>> {
        self.finished.as_ref()
    }

    /// Whether the last word was said: nothing more is to be done but to wait for the agents to go.
    pub fn released(&self) -> bool {
        self.released
    }

    pub(super) fn finish(&mut self, now: u64) -> Option<Action<P>> {
        self.judge_all();
        let result = self.counted.aggregate.result(&self.plan, &self.facts(now, true), Detail::Full);
        let json = serde_json::to_vec(&result).ok()?;
        let records = self.snapshot().into_iter().chain([Record::Result(json)]).collect();
        Some(self.keep(records, Vec::new(), Vec::new(), Some(Arc::new(result))))
    }

    /// Says the last word, once the result is kept where it is to be kept.
    pub(super) fn release(&mut self, now: u64) -> Vec<Action<P>> {
        let Some(final_at) = self.final_at.filter(|_| !self.released) else { return Vec::new() };
        if self.hold && !self.roster.result_stored() && now < final_at + HOLD {
            return Vec::new();
        }
        self.released = true;
        self.address(self.roster.bye())
    }

    /// What the operator wants.
    pub fn desire(&mut self, now: u64, wish: Desired) -> Vec<Action<P>> {
        let orders = self.roster.desire(now, wish);
        let mut actions = self.follow(now, orders);
        actions.extend(self.release(now));
        actions
    }

    /// What the operator and those who watch are told.
    pub fn observed(&self, now: u64, detail: Detail) -> Observed {
        let done = self.finished.is_some();
        let connections = |index, epoch| self.control.contains_key(&(index, epoch));
        let (connected, ready) = self.roster.presence(connections);
        Observed {
            generation: self.roster.generation(),
            epoch: self.epoch,
            stage: self.roster.stage(now, done),
            step: self.roster.step(now),
            progress_percent: self.roster.progress_percent(now, &self.counted.aggregate),
            connected,
            ready,
            result: aggregate::cut(self.result(now, detail), detail),
            done,
        }
    }
}
