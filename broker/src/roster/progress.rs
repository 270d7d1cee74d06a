//! Where the run is, in a few words and numbers.

use loads_wire::control::Stage;
use loads_wire::message::AgentState;

use super::Roster;
use crate::aggregate::Aggregate;

impl Roster {
    /// Where the load is; `finished` says whether the result is stored.
    pub fn stage(&self, now: u64, finished: bool) -> Stage {
        let ends = self.run.stop.is_some() || self.run.error.is_some() || self.run.load_ended.is_some();
        if finished {
            Stage::Finished
        } else if ends || self.timetable_end().is_some_and(|end| now >= end) {
            Stage::Draining
        } else if self.run.held_since.is_some() || self.is_paused(now) {
            Stage::Suspended
        } else if self.run.start.is_none() {
            Stage::Waiting
        } else {
            Stage::Running
        }
    }

    /// The step that the run is in.
    pub fn step(&self, now: u64) -> u16 {
        self.step_at(now)
    }

    /// Share of the load that is over, in percent: of the time, or of the executions when hits decide. All of
    /// it once the load ended by itself; where it was when it was ended.
    pub fn progress_percent(&self, now: u64, aggregate: &Aggregate) -> u8 {
        if self.run.load_ended.is_some() && self.run.stop.is_none() && self.run.error.is_none() {
            return 100;
        }
        let (over, whole) = match self.plan.timetable_seconds() {
            Some(seconds) => {
                let now = self.run.load_ended.or(self.run.stop.map(|stop| stop.at)).unwrap_or(now);
                (self.load_time(now), seconds * super::SECOND)
            }
            None => (aggregate.totals().finished(), self.planned(aggregate).iter().sum()),
        };
        let percent = u128::from(over) * 100 / u128::from(whole.max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }

    /// How many agents are in which state; those that were told to leave are done.
    pub fn by_state(&self) -> Vec<(&'static str, u32)> {
        let state = |agent: &super::Agent| match agent.state {
            _ if agent.left || agent.retired => "done",
            _ if agent.lost_at.is_some() || agent.given_up => "lost",
            AgentState::Preparing => "preparing",
            AgentState::Ready => "ready",
            AgentState::Running => "running",
            AgentState::Draining => "draining",
            AgentState::Done => "done",
        };
        let mut counts = ["preparing", "ready", "running", "draining", "done", "lost"].map(|name| (name, 0));
        for agent in self.agents.values() {
            let name = state(agent);
            counts.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, count)| *count += 1);
        }
        counts.to_vec()
    }

    /// How many agents are connected, and how many of them are ready or at work; `connected` knows the
    /// connections of processes (index, epoch).
    pub fn presence(&self, connected: impl Fn(u32, u64) -> bool) -> (u32, u32) {
        let here = self.agents.iter().filter(|(index, a)| a.lost_at.is_none() && connected(**index, a.epoch));
        here.fold((0, 0), |(all, ready), (_, agent)| {
            (all + 1, ready + u32::from(agent.state != AgentState::Preparing))
        })
    }
}
