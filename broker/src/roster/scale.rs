//! More agents, or fewer, while the run is on.
//!
//! New indexes join the step that runs when durations decide, the next one when hits do. Indexes beyond the
//! number are retired: told to drain, and neither lost nor awaited. With a rate, the arrivals stay shared by
//! the agents of the plan, so that the total never exceeds the rate.

use loads_wire::message::{AgentState, Register, StopMode, ToAgent};

use super::{Agent, Order, Refusal, Roster, SECOND};

impl Roster {
    /// Number of agents that the run is to have.
    pub(super) fn wanted(&self) -> u32 {
        self.run.agents.unwrap_or(self.plan.agents)
    }

    /// Number of agents that share the load.
    pub(super) fn sharing_agents(&self) -> u32 {
        if self.plan.rate.is_some() { self.plan.agents } else { self.wanted() }
    }

    /// Whether an index is one that gets load.
    pub(super) fn takes_load(&self, index: u32) -> bool {
        index < self.wanted() && index < self.sharing_agents()
    }

    /// Agents that must be ready before the start: all of them, unless the plan says fewer.
    pub(super) fn needed(&self) -> u32 {
        let all = self.wanted().min(self.sharing_agents());
        if self.plan.min_agents == self.plan.agents { all } else { self.plan.min_agents.clamp(1, all.max(1)) }
    }

    /// Whether windows of this index are to be counted: also those of a retired one, and those that come
    /// before the agent has registered with this broker.
    pub fn counts(&self, index: u32) -> bool {
        index < self.wanted().max(self.plan.agents) || self.agents.contains_key(&index)
    }

    /// Refuses an index that can not be of this run. One beyond the present number waits until the operator
    /// says so: its pod may be faster than the word.
    pub(super) fn admit(&self, index: u32, hello: &Register) -> Result<(), Refusal> {
        let wanted = self.wanted();
        let told = self.run.desired.is_some() || hello.started_at.is_some();
        if index < wanted || told || self.agents.contains_key(&index) {
            return Ok(());
        }
        let reason = format!("index {index} is not in this run: it has {wanted} agents, numbered from 0");
        Err(Refusal { reason, superseded: false })
    }

    /// Sets the number of agents.
    pub(super) fn scale(&mut self, now: u64, agents: u32, told_before: bool) -> Vec<Order> {
        let before = self.wanted();
        if agents == 0 || agents == before {
            return Vec::new();
        }
        self.run.agents = Some(agents);
        self.changed = true;
        if let Some(start) = self.run.start.filter(|_| told_before) {
            let after = now.saturating_sub(start) as f64 / SECOND as f64;
            let shared = self.plan.rate.map(|_| {
                format!(" Its rate stays shared by the {} agents that it was planned for.", self.plan.agents)
            });
            let shared = shared.unwrap_or_default();
            self.note(format!(
                "The run was scaled from {before} to {agents} agents {after:.1} s after the start.{shared}"
            ));
        }
        if self.run.load_ended.is_some() || self.run.stop.is_some() || self.run.error.is_some() {
            return Vec::new();
        }
        let mut orders = self.retire(agents);
        orders.extend(self.give_load(now, before..agents));
        orders
    }

    /// Tells the agents beyond the number to end their load.
    fn retire(&mut self, agents: u32) -> Vec<Order> {
        let mut orders = Vec::new();
        for (index, agent) in self.agents.range_mut(agents..) {
            if agent.retired || agent.left {
                continue;
            }
            (agent.retired, agent.shrunk) = (true, true);
            if agent.lost_at.is_some() {
                agent.given_up = true;
            } else {
                let message = ToAgent::Stop { stop: StopMode::Drain };
                orders.push(Order { index: *index, epoch: agent.epoch, message });
            }
        }
        orders
    }

    /// Lets those join who were ready before they were asked for.
    fn give_load(&mut self, now: u64, indexes: std::ops::Range<u32>) -> Vec<Order> {
        let ready = |(index, agent): (&u32, &Agent)| {
            let waits = agent.state == AgentState::Ready && agent.joined.is_none() && agent.lost_at.is_none();
            (waits && indexes.contains(index)).then_some((*index, agent.epoch))
        };
        let ready: Vec<(u32, u64)> = self.agents.iter().filter_map(ready).collect();
        let mut orders = Vec::new();
        for (index, epoch) in ready {
            let messages = self.join(now, index);
            orders.extend(messages.into_iter().map(|message| Order { index, epoch, message }));
        }
        orders
    }

    /// A new process of an index that was scaled in: it begins anew if the index is asked for again.
    pub(super) fn readmit(&mut self, index: u32, epoch: u64) {
        let wanted = index < self.wanted();
        let Some(old) = self.agents.get(&index) else { return };
        let new = Agent {
            retired: !wanted,
            shrunk: !wanted,
            added: true,
            first_step: self.run.step + 1,
            earlier: old.earlier.or(old.joined),
            losses: old.losses,
            skew_micros: old.skew_micros,
            lag_micros: old.lag_micros,
            cpu_millis: old.cpu_millis,
            ..Agent::new(epoch)
        };
        self.agents.insert(index, new);
    }
}
