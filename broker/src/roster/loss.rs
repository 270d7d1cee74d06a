//! Agents that are gone: who notices, who takes over, and when nobody waits any more.

use loads_wire::message::StopMode;
use loads_wire::plan::OnAgentLoss;
use loads_wire::result::reason;

use super::{Agent, Order, Roster, SECOND};
use crate::aggregate::Fault;

/// Silence after which an agent counts as lost, in nanoseconds.
pub const HEARTBEAT_LIMIT: u64 = 10 * SECOND;
/// A gap between two ticks that only a pause of this process itself explains.
const OWN_PAUSE: u64 = 2 * SECOND;

impl Roster {
    /// Somebody saw the agent's process end (a supervisor, the kernel). An agent whose figures are all
    /// committed is not lost: it just left.
    pub fn agent_lost(&mut self, now: u64, index: u32, how: &str) -> Vec<Order> {
        let mut orders = self.lose(now, index, how);
        orders.extend(self.settle(now));
        orders
    }

    /// After a pause of this very process (stopped, suspended, starved) the agents' heartbeats are still
    /// in the socket: their silence is ours.
    pub(super) fn forgive_own_pause(&mut self, now: u64) {
        let gap = now.saturating_sub(self.last_tick);
        self.last_tick = now;
        if gap > OWN_PAUSE {
            self.agents.values_mut().for_each(|agent| agent.last_seen += gap);
        }
    }

    pub(super) fn find_silent(&mut self, now: u64) -> Vec<Order> {
        let silent = |agent: &Agent| {
            let gone = agent.lost_at.is_some() || agent.given_up || agent.delivered;
            !gone && now.saturating_sub(agent.last_seen) > HEARTBEAT_LIMIT
        };
        let lost: Vec<u32> = self.agents.iter().filter(|(_, a)| silent(a)).map(|(index, _)| *index).collect();
        let how = format!("no heartbeat for {} s", HEARTBEAT_LIMIT / SECOND);
        lost.into_iter().flat_map(|index| self.lose(now, index, &how)).collect()
    }

    pub(super) fn lose(&mut self, now: u64, index: u32, how: &str) -> Vec<Order> {
        let after = self.run.start.map(|start| now.saturating_sub(start) as f64 / SECOND as f64);
        let Some(agent) = self.agents.get_mut(&index) else { return Vec::new() };
        if agent.lost_at.is_some() || agent.given_up || agent.delivered {
            return Vec::new();
        }
        agent.lost_at = Some(now);
        self.changed = true;
        if agent.retired {
            agent.given_up = true;
            if agent.sharing {
                self.note(format!(
                    "Agent {index} was scaled in and did not deliver its last figures ({how})."
                ));
            }
            return Vec::new();
        }
        // Before the start nothing is lost but time: the start time-out watches over that.
        let Some(after) = after else { return Vec::new() };
        if agent.joined.is_some() && !agent.sharing && agent.losses > 0 {
            // It had done nothing of its own, and the loss of its predecessor was counted.
            agent.given_up = self.plan.on_agent_loss != OnAgentLoss::Replace;
            return Vec::new();
        }
        agent.losses += 1;
        let lost = format!("Agent {index} was lost {after:.1} s after the start ({how})");
        match self.plan.on_agent_loss {
            OnAgentLoss::Replace => {
                self.note(format!("{lost}; another process was awaited in its place."));
                Vec::new()
            }
            OnAgentLoss::Continue => {
                (agent.given_up, agent.shrunk) = (true, true);
                self.note(format!("{lost}; the run went on without it."));
                Vec::new()
            }
            OnAgentLoss::Fail => {
                agent.given_up = true;
                let failed = format!("{lost}; onAgentLoss is Fail, so the run was ended.");
                self.run.failed.get_or_insert(Fault::new(reason::AGENT_LOST, failed));
                self.order_stop(now, StopMode::Drain, false)
            }
        }
    }

    /// A newer process of an index begins where the older one was.
    pub(super) fn replace(&mut self, now: u64, index: u32, epoch: u64) {
        let Some(old) = self.agents.get(&index) else { return };
        let had_load = old.joined.is_some();
        if old.retired {
            return self.readmit(index, epoch);
        }
        // Registered before anybody noticed that its predecessor is gone.
        if had_load && old.lost_at.is_none() && !old.given_up && !old.delivered {
            self.lose(now, index, "another process registered in its place");
        }
        let Some(old) = self.agents.get(&index) else { return };
        let new = Agent {
            joined: old.joined,
            replacement: had_load,
            // One that had finished everything has left nothing to do.
            steps_done: if old.delivered { old.steps_done } else { 0 },
            added: old.added,
            first_step: old.first_step,
            earlier: old.earlier,
            losses: old.losses,
            shrunk: old.shrunk,
            skew_micros: old.skew_micros,
            lag_micros: old.lag_micros,
            cpu_millis: old.cpu_millis,
            ..Agent::new(epoch)
        };
        self.agents.insert(index, new);
        if had_load {
            self.note(format!("A new process took the place of agent {index}."));
        }
    }

    /// Stops waiting for a replacement that does not come.
    pub(super) fn end_replacement_wait(&mut self, now: u64) -> Vec<Order> {
        let limit = u64::from(self.plan.start_timeout_seconds);
        let awaited = |agent: &Agent| {
            let since = agent.lost_at.filter(|_| !agent.given_up && agent.joined.is_some());
            let waited = |since| (now - since) - self.run.pauses.within(since, now);
            since.is_some_and(|since| now > since && waited(since) > limit * SECOND)
        };
        let given_up: Vec<u32> =
            self.agents.iter().filter(|(_, a)| awaited(a)).map(|(index, _)| *index).collect();
        for index in given_up {
            if let Some(agent) = self.agents.get_mut(&index) {
                agent.given_up = true;
            }
            let failed = format!("Agent {index} was lost and no process took its place within {limit} s.");
            self.run.failed.get_or_insert(Fault::new(reason::AGENT_LOST, failed));
            self.changed = true;
        }
        Vec::new()
    }
}
