//! The start barrier: load begins at one instant for all, once enough agents are ready.

use loads_wire::message::{AgentState, StopMode, ToAgent};

use super::{Order, Refusal, Roster, SECOND};

impl Roster {
    /// An agent has its bundle in place and its executor prepared.
    pub fn prepared(&mut self, now: u64, index: u32, epoch: u64) -> Result<Vec<Order>, Refusal> {
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        // Agents repeat what they said after every new connection: only the first time counts.
        if agent.state != AgentState::Preparing {
            return Ok(Vec::new());
        }
        agent.state = AgentState::Ready;
        self.changed = true;
        let mut orders = Vec::new();
        if self.run.stop.is_none() && self.run.error.is_none() {
            let messages = self.join(now, index);
            orders.extend(messages.into_iter().map(|message| Order { index, epoch, message }));
        }
        orders.extend(self.settle(now));
        Ok(orders)
    }

    /// An agent can not take part: nobody starts, and the run's message is the agent's.
    pub fn prepare_failed(
        &mut self,
        now: u64,
        index: u32,
        epoch: u64,
        message: &str,
    ) -> Result<Vec<Order>, Refusal> {
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        agent.given_up = true;
        Ok(self.fail(now, format!("Agent {index} could not prepare the test: {message}")))
    }

    /// Ends the run as one that could not be carried out.
    pub fn fail(&mut self, now: u64, error: String) -> Vec<Order> {
        self.run.error.get_or_insert(error);
        self.order_stop(now, StopMode::Now, false)
    }

    /// Gives load to an agent that is ready after the start: the same T, and the step the run is in.
    pub(super) fn join(&mut self, now: u64, index: u32) -> Vec<ToAgent> {
        let Some(at) = self.run.start else { return Vec::new() };
        let step = self.step_at(now);
        let barrier = self.barrier();
        let Some(agent) = self.agents.get_mut(&index) else { return Vec::new() };
        let first = agent.joined.is_none();
        agent.joined.get_or_insert(step);
        if barrier {
            agent.steps_done = agent.steps_done.max(step);
        }
        self.changed = true;
        if first && step > 0 {
            self.note(format!("Agent {index} joined in step {step}: the steps before ran without it."));
        }
        let mut orders = vec![ToAgent::Start { at }];
        if step > 0 {
            orders.extend(self.step_start());
        }
        orders
    }

    pub(super) fn begin_when_ready(&mut self, now: u64) -> Vec<Order> {
        if self.run.start.is_some() || self.run.stop.is_some() || self.run.error.is_some() {
            return Vec::new();
        }
        if self.ready() < self.plan.min_agents.max(1) {
            return Vec::new();
        }
        let at = now + self.lead;
        self.run.start = Some(at);
        self.run.step_starts.insert(0, at);
        self.changed = true;
        let mut orders = Vec::new();
        for (index, agent) in &mut self.agents {
            if agent.state == AgentState::Ready && agent.lost_at.is_none() {
                agent.joined = Some(0);
                orders.push(Order { index: *index, epoch: agent.epoch, message: ToAgent::Start { at } });
            }
        }
        orders
    }

    fn ready(&self) -> u32 {
        let ready = |a: &&super::Agent| a.state == AgentState::Ready && a.lost_at.is_none();
        u32::try_from(self.agents.values().filter(ready).count()).unwrap_or(u32::MAX)
    }

    /// Gives up when not enough agents became ready in time.
    pub(super) fn end_start_wait(&mut self, now: u64) -> Vec<Order> {
        let limit = u64::from(self.plan.start_timeout_seconds);
        let waiting = self.run.start.is_none() && self.run.stop.is_none() && self.run.error.is_none();
        if !waiting || now < self.run.opened_at + limit * SECOND {
            return Vec::new();
        }
        let (ready, needed) = (self.ready(), self.plan.min_agents.max(1));
        let missing: Vec<String> = (0..self.plan.agents)
            .filter(|i| {
                self.agents.get(i).is_none_or(|a| a.state != AgentState::Ready || a.lost_at.is_some())
            })
            .map(|i| match self.agents.get(&i) {
                None => format!("{i} (never registered)"),
                Some(agent) if agent.lost_at.is_some() => format!("{i} (lost)"),
                Some(_) => format!("{i} (still preparing)"),
            })
            .take(20)
            .collect();
        let error = format!(
            "{ready} of {needed} agents were ready after {limit} s, so the load was not started. Missing: {}. \
             Read the log of a missing agent; then raise startTimeout, or lower minAgents.",
            missing.join(", ")
        );
        self.fail(now, error)
    }
}
