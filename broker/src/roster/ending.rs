//! The end of a run: stops, last words, and when everybody may leave.

use loads_wire::message::{AgentState, StopMode, ToAgent};

use super::{Order, Refusal, Roster, SECOND, Stop};
use crate::dedupe::Dedupe;

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
            None => Stop { mode, at: now, requested },
        };
        self.run.stop = Some(stop);
        self.changed = true;
        self.to_all(&ToAgent::Stop { stop: mode })
    }

    /// An agent's last word: nothing follows these windows.
    pub fn agent_done(
        &mut self,
        now: u64,
        index: u32,
        epoch: u64,
        last_seq: u64,
        recovered: &[(u64, u64)],
    ) -> Result<Vec<Order>, Refusal> {
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        let mut last_windows = recovered.to_vec();
        last_windows.push((epoch, last_seq));
        agent.last_windows = Some(last_windows);
        agent.state = AgentState::Done;
        self.changed = true;
        Ok(self.settle(now))
    }

    /// Notes whose windows are all committed.
    pub fn committed(&mut self, committed: &Dedupe) {
        for (index, agent) in &mut self.agents {
            let Some(last) = &agent.last_windows else { continue };
            let all = last.iter().all(|(epoch, seq)| committed.highest(*index, *epoch) >= *seq);
            if all && !agent.delivered {
                agent.delivered = true;
                self.changed = true;
            }
        }
    }

    /// Whether every figure that will ever come is committed.
    pub fn is_over(&self) -> bool {
        let ended = self.run.load_ended.is_some() || self.run.stop.is_some() || self.run.error.is_some();
        ended && self.run.rebuilding_since.is_none() && self.agents.values().all(Self::nothing_missing)
    }

    /// Nothing more will come of this agent, or nobody waits for it: one that was gone before it was given
    /// load has counted nothing.
    fn nothing_missing(agent: &super::Agent) -> bool {
        let never_counted = agent.lost_at.is_some() && agent.joined.is_none();
        agent.delivered || agent.given_up || never_counted
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
                self.run.failed.get_or_insert(failed);
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
        let end = self.run.start? + self.plan.timetable_seconds()? * SECOND;
        Some(end + drain + 2 * STOP_GRACE)
    }
}
