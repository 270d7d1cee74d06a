//! A process of an agent introduces itself: new, back after a broken connection, or in another's place.

use loads_wire::Plan;
use loads_wire::message::{AgentState, Register, StopMode, ToAgent};
use loads_wire::plan::{Length, OnAgentLoss};
use loads_wire::result::reason;

use super::leaving::first_begun;
use super::{Agent, Order, Refusal, Roster, SECOND, fenced, superseded};
use crate::aggregate::Fault;

/// What the committed windows say of an agent index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// (epoch, highest committed window).
    pub committed: Vec<(u64, u64)>,
    /// Test executions begun, by step.
    pub started: Vec<u64>,
}

impl Roster {
    /// Takes a process in, or says why not. A newer process of an index fences the older one.
    pub fn register(
        &mut self,
        now: u64,
        index: u32,
        epoch: u64,
        hello: &Register,
        known: Known,
    ) -> Result<Vec<Order>, Refusal> {
        self.admit(index, hello)?;
        if let Some(bye) = self.farewell(index, epoch) {
            return Ok(vec![bye]);
        }
        let mut orders = Vec::new();
        match self.agents.get(&index) {
            Some(agent) if epoch < agent.epoch => return Err(superseded(index)),
            Some(agent) if epoch == agent.epoch && agent.lost_at.is_some() && self.run.start.is_some() => {
                return Err(fenced(index));
            }
            Some(agent) if epoch > agent.epoch => {
                let message = superseded(index).into();
                orders.push(Order { index, epoch: agent.epoch, message });
                self.replace(now, index, epoch);
            }
            _ => {}
        }
        self.adopt_start(now, hello);
        self.meet(now, index, epoch, hello, &known);
        let to = |message| Order { index, epoch, message };
        // Said again when the first answer may have been lost with its connection.
        let partial = self.agents.get(&index).is_some_and(|a| a.replacement || a.added);
        let begins = hello.started_at.is_none() && partial;
        let remaining = if begins { self.remaining(index, &known.started) } else { Vec::new() };
        orders.push(to(ToAgent::Welcome {
            plan: Box::new(Plan { agents: self.sharing_agents(), ..self.plan.clone() }),
            committed: known.committed,
            remaining,
            step: self.run.start.map(|_| self.step_at(now)),
            broker_epoch: self.epoch,
            paused_nanos: self.paused_nanos(now),
            paused: self.is_paused(now),
        }));
        orders.extend(self.catch_up(now, index, hello).into_iter().map(to));
        orders.extend(self.settle(now));
        self.changed = true;
        Ok(orders)
    }

    fn meet(&mut self, now: u64, index: u32, epoch: u64, hello: &Register, known: &Known) {
        let at_start = self.run.started_with.unwrap_or(self.plan.agents);
        let added = self.run.start.is_some() && hello.started_at.is_none() && index >= at_start;
        let first_step = self.run.step + 1;
        let agent = self.agents.entry(index).or_insert_with(|| {
            let new = Agent::new(epoch);
            if added { Agent { added, first_step, ..new } } else { new }
        });
        agent.last_seen = now;
        agent.sharing |= hello.started_at.is_some();
        agent.lost_at = None;
        agent.host.clone_from(&hello.host);
        if agent.state != AgentState::Done {
            agent.state = hello.state;
        }
        if hello.started_at.is_some() && agent.joined.is_none() {
            agent.joined = Some(hello.step);
        }
        // Its predecessor is known by its windows alone: the broker of that time is gone.
        let begun = first_begun(&known.started).filter(|_| hello.started_at.is_none() && !agent.added);
        if agent.joined.is_none() && begun.is_some() {
            (agent.joined, agent.replacement) = (begun, true);
        }
    }

    /// A broker that knows less than its agents (its store is gone, or a former one was killed between two
    /// messages) believes them: the load has begun, and the step too.
    fn adopt_start(&mut self, now: u64, hello: &Register) {
        let Some(at) = hello.started_at else { return };
        if self.run.start.is_none() {
            self.run.start = Some(at);
            self.run.step_starts.insert(0, at);
            self.run.rebuilding_since = Some(now);
            self.note("A broker without memory took over in the middle of the run.".to_owned());
        }
        if self.run.rebuilding_since.is_some() {
            self.learn_pauses(now, hello);
        }
        if self.barrier() && hello.step > self.run.step {
            for step in self.run.step..hello.step {
                self.run.step_ends.entry(step).or_insert(now);
            }
            self.run.step = hello.step;
            self.run.step_starts.entry(hello.step).or_insert(now);
        }
    }

    /// Ends the wait of a broker without memory: every agent is back, or had the time in which a living one
    /// comes back. Until then neither a step nor the run ends, because a missing agent may still be at work.
    pub(super) fn end_rebuilding(&mut self, now: u64) {
        let Some(since) = self.run.rebuilding_since else { return };
        let missing: Vec<u32> = (0..self.wanted()).filter(|i| !self.agents.contains_key(i)).collect();
        let limit = u64::from(self.plan.broker_silence_seconds);
        if !missing.is_empty() && now < since + limit * SECOND {
            return;
        }
        self.run.rebuilding_since = None;
        self.changed = true;
        if !missing.is_empty() {
            let failed = format!(
                "The broker lost its memory, and agents {missing:?} did not come back within {limit} s: their figures are missing."
            );
            self.run.failed.get_or_insert(Fault::new(reason::BROKER_LOST, failed));
        }
    }

    /// What a process missed while it was not connected.
    fn catch_up(&mut self, now: u64, index: u32, hello: &Register) -> Vec<ToAgent> {
        if self.run.error.is_some() || self.run.stop.is_some() {
            let stop = self.run.stop.map_or(StopMode::Now, |stop| stop.mode);
            return vec![ToAgent::Stop { stop }];
        }
        let idle = |agent: &Agent| agent.retired || (hello.started_at.is_none() && self.has_done_all(agent));
        if self.agents.get(&index).is_some_and(idle) {
            return vec![ToAgent::Stop { stop: StopMode::Drain }];
        }
        let missed = match hello.state {
            AgentState::Ready => self.join(now, index),
            AgentState::Running if hello.started_at.is_none() => self.join(now, index),
            AgentState::Running if self.barrier() && hello.step < self.run.step => self.step_start(),
            _ => Vec::new(),
        };
        missed.into_iter().chain(self.resumption(now)).collect()
    }

    /// Executions of each step that are left of an index' share: what its former processes are known to have
    /// begun is not done again, whether it ended or not.
    fn remaining(&self, index: u32, started: &[u64]) -> Vec<u64> {
        let agent = self.agents.get(&index);
        let shrunk = agent.is_some_and(|agent| agent.shrunk);
        // A replacement takes over what was begun; an index that was added by scaling begins with the next step.
        let first = agent.map_or(0, |agent| agent.joined.unwrap_or(agent.first_step)).max(self.run.step);
        let nothing =
            shrunk || (self.plan.on_agent_loss != OnAgentLoss::Replace && agent.is_some_and(|a| !a.added));
        let left = |(number, step): (usize, &loads_wire::plan::Step)| match step.length {
            Length::Hits(_) if nothing || number < usize::from(first) => 0,
            Length::Hits(hits) => {
                let planned = u64::from(step.users) * u64::from(hits);
                planned.saturating_sub(started.get(number).copied().unwrap_or(0))
            }
            Length::Seconds(_) => 0,
        };
        if !self.barrier() {
            return Vec::new();
        }
        self.plan.steps.iter().enumerate().map(left).collect()
    }
}

impl Agent {
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            state: AgentState::Preparing,
            host: String::new(),
            last_seen: 0,
            joined: None,
            steps_done: 0,
            last_windows: None,
            delivered: false,
            lost_at: None,
            given_up: false,
            shrunk: false,
            replacement: false,
            sharing: false,
            late: false,
            leaving: false,
            left: false,
            retired: false,
            added: false,
            first_step: 0,
            earlier: None,
            losses: 0,
            skew_micros: 0,
            lag_micros: 0,
            cpu_millis: 0,
            users: 0,
        }
    }
}
