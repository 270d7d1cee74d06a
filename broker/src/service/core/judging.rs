//! The run's criteria: judged as its seconds become complete, and for the last time at its end.

use std::hash::Hash;

use super::{Action, Core};
use crate::aggregate::RunFacts;

impl<P: Copy + Eq + Hash> Core<P> {
    /// Judges what has become complete, and ends the run if a criterion says so.
    pub(super) fn judge(&mut self, now: u64) -> Vec<Action<P>> {
        if self.finishing {
            return Vec::new();
        }
        let roster = &self.roster;
        let ruling = self.counted.judge.judge(|second| roster.is_whole_second(second));
        if !ruling.caught {
            return Vec::new();
        }
        let orders = if ruling.stop { self.roster.cut_short(now) } else { None };
        if orders.is_some() {
            self.counted.judge.stopped();
        }
        // Once it was said, a broker that takes over must say the same.
        let record = self.snapshot();
        let kept = record.map(|record| self.keep(vec![record], Vec::new(), Vec::new(), None));
        let mut actions: Vec<Action<P>> = kept.into_iter().collect();
        actions.extend(self.follow(now, orders.unwrap_or_default()));
        actions
    }

    /// Judges the rest, and the whole run.
    pub(super) fn judge_all(&mut self) {
        let roster = &self.roster;
        let newest = self.counted.judge.newest();
        // Without a timetable the last second is the one in which the load ended: not a whole one.
        let is_before_end = |second| roster.has_timetable() || second < newest;
        self.counted.judge.finish(|second| roster.is_whole_second(second) && is_before_end(second));
    }

    /// What the result needs besides the windows.
    pub(super) fn facts(&self, now: u64, done: bool) -> RunFacts {
        let facts = self.roster.facts(now, &self.counted.aggregate, done);
        RunFacts { criteria: self.counted.judge.judgement(), ..facts }
    }
}
