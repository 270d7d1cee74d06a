//! Agents that say goodbye: when their load is over, or because they were told to go before that.
//!
//! A process that leaves early is judged once its last window is committed: only then it is known whether its
//! share of the load was done.

use loads_wire::message::{AgentState, ToAgent};
use loads_wire::plan::{Length, OnAgentLoss};
use loads_wire::result::reason;

use super::{Agent, Order, Refusal, Roster};
use crate::aggregate::{Aggregate, Fault};
use crate::dedupe::Dedupe;

impl Roster {
    /// An agent's last word: nothing follows these windows.
    pub fn agent_done(
        &mut self,
        now: u64,
        index: u32,
        epoch: u64,
        last_seq: u64,
        recovered: &[(u64, u64)],
        leaving: bool,
    ) -> Result<Vec<Order>, Refusal> {
        if let Some(bye) = self.farewell(index, epoch) {
            return Ok(vec![bye]);
        }
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        let mut last_windows = recovered.to_vec();
        last_windows.push((epoch, last_seq));
        agent.last_windows = Some(last_windows);
        agent.state = AgentState::Done;
        agent.leaving = leaving;
        self.changed = true;
        Ok(self.settle(now))
    }

    /// Notes whose windows are all committed, and lets those go who were told to.
    pub fn committed(&mut self, now: u64, committed: &Dedupe, aggregate: &Aggregate) -> Vec<Order> {
        let all_in = |(index, agent): (&u32, &Agent)| {
            let open = !agent.delivered && !agent.left;
            let last = agent.last_windows.as_ref().filter(|_| open)?;
            last.iter().all(|(epoch, seq)| committed.highest(*index, *epoch) >= *seq).then_some(*index)
        };
        let delivered: Vec<u32> = self.agents.iter().filter_map(all_in).collect();
        let mut orders = Vec::new();
        for index in &delivered {
            orders.extend(self.delivered(now, *index, aggregate));
        }
        if !delivered.is_empty() {
            self.changed = true;
            orders.extend(self.settle(now));
        }
        orders
    }

    fn delivered(&mut self, now: u64, index: u32, aggregate: &Aggregate) -> Vec<Order> {
        let ended = self.run.stop.is_some() || self.run.error.is_some() || self.run.load_ended.is_some();
        let steps = self.plan.steps.len() as u16;
        let Some(agent) = self.agents.get_mut(&index) else { return Vec::new() };
        // A broker without memory learns from windows that this index had load.
        let begun = aggregate.started(index, usize::from(steps));
        agent.joined = agent.joined.or_else(|| first_begun(&begun));
        let Some(agent) = self.agents.get(&index) else { return Vec::new() };
        let complete = ended || self.has_done_all(agent) || self.has_begun_all(index, agent, aggregate);
        let (leaving, retired, sharing) = (agent.leaving, agent.retired, agent.sharing);
        if leaving && !complete && !retired {
            return self.part(now, index);
        }
        let Some(agent) = self.agents.get_mut(&index) else { return Vec::new() };
        agent.delivered = true;
        if complete && !ended {
            agent.steps_done = steps;
        }
        if leaving || retired {
            agent.left = true;
            let bye = Order { index, epoch: agent.epoch, message: ToAgent::Bye };
            return vec![bye];
        }
        if sharing && !complete {
            let message = format!(
                "Agent {index} ended its load early, without an order to: it heard nothing of the broker for {} s \
                 (brokerSilence).",
                self.plan.broker_silence_seconds
            );
            self.run.failed.get_or_insert(Fault::new(reason::BROKER_LOST, message));
        }
        Vec::new()
    }

    /// A process goes for good with its share undone: its figures are in, its place is free.
    fn part(&mut self, now: u64, index: u32) -> Vec<Order> {
        let Some(agent) = self.agents.get_mut(&index) else { return Vec::new() };
        let (epoch, joined, sharing) = (agent.epoch, agent.joined.is_some(), agent.sharing);
        let noted = agent.losses > 0;
        agent.left = true;
        let mut orders = vec![Order { index, epoch, message: ToAgent::Bye }];
        if sharing {
            orders.extend(self.lose(now, index, "it was told to leave (SIGTERM)"));
        } else if joined && !noted {
            orders.extend(self.lose(now, index, "another process brought what it had counted"));
        } else if joined && self.plan.on_agent_loss != OnAgentLoss::Replace {
            agent.delivered = true;
        } else {
            agent.lost_at = Some(now);
        }
        if joined && !sharing && noted {
            self.note(format!("A process of agent {index} delivered what a killed one had counted."));
        }
        orders
    }

    /// The last word to a process that left, however often it asks.
    pub(super) fn farewell(&self, index: u32, epoch: u64) -> Option<Order> {
        let agent = self.agents.get(&index)?;
        (agent.left && agent.epoch == epoch).then_some(Order { index, epoch, message: ToAgent::Bye })
    }

    /// Whether an agent finished every step.
    pub(super) fn has_done_all(&self, agent: &Agent) -> bool {
        agent.joined.is_some() && usize::from(agent.steps_done) >= self.plan.steps.len()
    }

    /// Whether an agent's whole share was begun, where executions are counted.
    fn has_begun_all(&self, index: u32, agent: &Agent, aggregate: &Aggregate) -> bool {
        let Some(joined) = agent.joined.filter(|_| self.barrier()) else { return false };
        let begun = aggregate.started(index, self.plan.steps.len());
        let mut steps = self.plan.steps.iter().zip(begun).skip(usize::from(joined));
        agent.shrunk
            || steps.all(|(step, begun)| match step.length {
                Length::Hits(hits) => begun >= u64::from(step.users) * u64::from(hits),
                Length::Seconds(_) => false,
            })
    }
}

/// The first step of which something was begun.
pub(super) fn first_begun(begun: &[u64]) -> Option<u16> {
    begun.iter().position(|begun| *begun > 0).and_then(|step| u16::try_from(step).ok())
}
