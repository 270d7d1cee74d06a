//! The end of a run: stops, last words, and when everybody may leave.

use loads_wire::message::{AgentState, StopMode, ToAgent};
use loads_wire::result::reason;

use super::{Order, Roster, SECOND, Stop};
use crate::aggregate::Fault;

/// What agents get beyond the drain time to end their load, in nanoseconds.
const STOP_GRACE: u64 = 30 * SECOND;
/// What agents get to leave when the run could not be carried out, in nanoseconds.
const ERROR_GRACE: u64 = 10 * SECOND;

impl Roster {
    /// Ends the load on request. A second request may only make it harsher.
    pub fn stop(&mut self, now: u64, mode: StopMode) -> Vec<Order> {
        let mut orders = self.order_stop(now, mode, true);
        orders.extend(self.settle(now));
        orders
    }

    pub(super) fn order_stop(&mut self, now: u64, mode: StopMode, requested: bool) -> Vec<Order> {
        if self.run.load_ended.is_some() {
            return Vec::new();
        }
        let stop = match self.run.stop {
            Some(stop) if stop.mode == StopMode::Now || stop.mode == mode => return Vec::new(),
            Some(stop) => Stop { mode, ..stop },
            None => Stop { mode, at: now, requested, criterion: false },
        };
        self.run.stop = Some(stop);
        self.changed = true;
        self.to_all(&ToAgent::Stop { stop: mode })
    }

    /// Whether every figure that will ever come is committed.
    pub fn is_over(&self) -> bool {
        let ended = self.run.load_ended.is_some() || self.run.stop.is_some() || self.run.error.is_some();
        ended && self.run.rebuilding_since.is_none() && self.agents.values().all(Self::nothing_missing)
    }

    /// Nothing more will come of this agent, or nobody waits for it: one that was gone before it was given
    /// load, or that was added too late to get some, has counted nothing.
    fn nothing_missing(agent: &super::Agent) -> bool {
        let too_late = agent.added && agent.last_windows.is_none();
        let never_counted = agent.joined.is_none() && (agent.lost_at.is_some() || too_late);
        agent.delivered || agent.given_up || agent.left || never_counted
    }

    /// The last order to everybody still there.
    pub fn bye(&self) -> Vec<Order> {
        self.to_all(&ToAgent::Bye)
    }

    /// Passes over agents that should have ended their load long ago and did not.
    pub(super) fn end_waits(&mut self, now: u64) -> Vec<Order> {
        let mut orders = self.end_start_wait(now);
        orders.extend(self.end_replacement_wait(now));
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return orders;
        }
        let stuck =
            |a: &super::Agent| a.state != AgentState::Draining && a.last_windows.is_none() && !a.given_up;
        let stuck: Vec<u32> = self.agents.iter().filter(|(_, a)| stuck(a)).map(|(index, _)| *index).collect();
        for index in stuck {
            if let Some(agent) = self.agents.get_mut(&index) {
                agent.given_up = true;
            }
            self.changed = true;
            if self.run.error.is_none() {
                let failed =
                    format!("Agent {index} did not end its load in time; figures of it may be missing.");
                self.run.failed.get_or_insert(Fault::new(reason::DEADLINE_EXCEEDED, failed));
            }
        }
        orders
    }

    /// When the last agent should have ended its load.
    fn deadline(&self) -> Option<u64> {
        let drain = u64::from(self.plan.drain_seconds) * SECOND;
        if let Some(stop) = self.run.stop {
            let grace = if self.run.error.is_some() { ERROR_GRACE } else { drain + STOP_GRACE };
            return Some(stop.at + grace);
        }
        Some(self.timetable_end()? + drain + 2 * STOP_GRACE)
    }
}
