//! The start barrier: load begins at one instant for all, once enough agents are ready.

use loads_wire::message::{AgentState, Problem, StopMode, ToAgent};
use loads_wire::result::reason;

use super::{Agent, Order, Refusal, Roster, SECOND};
use crate::aggregate::Fault;

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
        problem: Problem,
        message: &str,
    ) -> Result<Vec<Order>, Refusal> {
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        agent.given_up = true;
        let word = match problem {
            Problem::Bundle => reason::BUNDLE_INVALID,
            Problem::Dependency => reason::DEPENDENCY_FAILED,
            Problem::Target => reason::TARGET_NOT_ALLOWED,
            Problem::Test => reason::PREPARE_FAILED,
        };
        let message = format!("Agent {index} could not prepare the test: {message}");
        Ok(self.fail(now, Fault::new(word, message)))
    }

    /// Ends the run as one that could not be carried out.
    fn fail(&mut self, now: u64, error: Fault) -> Vec<Order> {
        self.run.error.get_or_insert(error);
        self.order_stop(now, StopMode::Now, false)
    }

    /// Gives load to an agent that is ready after the start: the same T, and the step the run is in.
    pub(super) fn join(&mut self, now: u64, index: u32) -> Vec<ToAgent> {
        let Some(at) = self.run.start else { return Vec::new() };
        if !self.takes_load(index) {
            return Vec::new();
        }
        let barrier = self.barrier();
        let steps = self.plan.steps.len();
        let mut step = self.step_at(now);
        let Some(agent) = self.agents.get_mut(&index) else { return Vec::new() };
        if barrier && agent.added {
            step = agent.joined.unwrap_or(step.max(agent.first_step));
        }
        if agent.retired || usize::from(step) >= steps {
            return Vec::new();
        }
        let first = agent.joined.is_none();
        agent.joined.get_or_insert(step);
        (agent.sharing, agent.late) = (true, now > at);
        if barrier {
            agent.steps_done = agent.steps_done.max(step);
        }
        self.changed = true;
        if first && step > 0 {
            self.note(format!("Agent {index} joined in step {step}: the steps before ran without it."));
        }
        let mut orders = vec![ToAgent::Start { at }];
        if self.run.step > 0 {
            orders.extend(self.step_start());
        }
        orders
    }

    pub(super) fn begin_when_ready(&mut self, now: u64) -> Vec<Order> {
        if !self.awaits_start() || self.ready() < self.needed().max(1) {
            return Vec::new();
        }
        let at = now + self.lead;
        self.run.start = Some(at);
        self.run.started_with = Some(self.wanted());
        self.run.step_starts.insert(0, at);
        self.changed = true;
        let mut orders = Vec::new();
        let among = self.wanted().min(self.sharing_agents());
        for (index, agent) in self.agents.range_mut(..among) {
            if agent.is_waiting() {
                (agent.joined, agent.sharing) = (Some(0), true);
                orders.push(Order { index: *index, epoch: agent.epoch, message: ToAgent::Start { at } });
            }
        }
        orders
    }

    fn ready(&self) -> u32 {
        let ready = |(index, agent): &(&u32, &Agent)| self.takes_load(**index) && agent.is_waiting();
        u32::try_from(self.agents.iter().filter(ready).count()).unwrap_or(u32::MAX)
    }

    /// Whether the load may begin as soon as enough agents are ready.
    fn awaits_start(&self) -> bool {
        let run = &self.run;
        run.start.is_none() && run.stop.is_none() && run.error.is_none() && run.held_since.is_none()
    }

    /// Gives up when not enough agents became ready in time.
    pub(super) fn end_start_wait(&mut self, now: u64) -> Vec<Order> {
        let limit = u64::from(self.plan.start_timeout_seconds);
        if !self.awaits_start() || now < self.run.opened_at + limit * SECOND {
            return Vec::new();
        }
        let (ready, needed) = (self.ready(), self.needed().max(1));
        let missing: Vec<String> = (0..self.wanted())
            .filter(|i| self.agents.get(i).is_none_or(|agent| !agent.is_waiting()))
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
        self.fail(now, Fault::new(reason::START_TIMEOUT, error))
    }
}

impl Agent {
    /// Whether it only waits for the start.
    fn is_waiting(&self) -> bool {
        self.state == AgentState::Ready && self.lost_at.is_none() && !self.retired && !self.left
    }
}
