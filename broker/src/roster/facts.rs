//! What the result says of agents, steps and the plan.

use loads_wire::message::AgentState;
use loads_wire::plan::Length;
use loads_wire::result::Agents;

use super::Roster;
use crate::aggregate::{Aggregate, RunFacts};
use crate::criteria::Judgement;

impl Roster {
    /// Everything the result needs besides the windows. `aggregate` tells what lost agents had begun.
    pub fn facts(&self, now: u64, aggregate: &Aggregate, done: bool) -> RunFacts {
        RunFacts {
            started_at: self.run.start,
            ended_at: self.run.load_ended.or(done.then_some(now)).filter(|_| self.run.start.is_some()),
            now,
            done,
            step_nanos: self.step_nanos(now),
            planned: self.planned(aggregate),
            alive: self.alive(),
            stopped: self.run.stop.is_some_and(|stop| stop.requested),
            cut: self.run.stop.is_some_and(|stop| stop.criterion),
            criteria: Judgement::default(),
            error: self.run.error.clone(),
            failed: self.run.failed.clone(),
            notes: self.run.notes.clone(),
            agents: self.agent_figures(),
        }
    }

    fn alive(&self) -> Vec<(u32, u64)> {
        let present = self.agents.iter().filter(|(_, a)| a.lost_at.is_none() && !a.given_up && !a.left);
        present.map(|(index, agent)| (*index, agent.epoch)).collect()
    }

    /// Executions handed out, by step: before the start those of the whole plan, then those of the agents
    /// that take part, each from the step in which it joined.
    pub(super) fn planned(&self, aggregate: &Aggregate) -> Vec<u64> {
        let steps = &self.plan.steps;
        let share = |number: usize| match steps[number].length {
            Length::Hits(hits) => u64::from(steps[number].users) * u64::from(hits),
            Length::Seconds(_) => 0,
        };
        if self.run.start.is_none() {
            return (0..steps.len()).map(|number| share(number) * u64::from(self.wanted())).collect();
        }
        let mut planned = vec![0; steps.len()];
        for (index, agent) in &self.agents {
            let Some(first) = agent.earlier.or(agent.joined) else { continue };
            let begun = aggregate.started(*index, steps.len());
            // Before an index was scaled in and out again, only what it had begun was its share.
            let whole = |number| !agent.shrunk && agent.joined.is_some_and(|j| number >= usize::from(j));
            for number in usize::from(first)..steps.len() {
                planned[number] +=
                    if whole(number) { share(number) } else { share(number).min(begun[number]) };
            }
        }
        planned
    }

    fn agent_figures(&self) -> Agents {
        let agents = || self.agents.values();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let ready = agents().filter(|a| a.lost_at.is_none() && a.state != AgentState::Preparing).count();
        Agents {
            wanted: self.wanted(),
            connected: count(self.agents.len()),
            ready: count(ready),
            lost: agents().map(|agent| agent.losses).sum(),
            start_skew_microseconds: agents().map(|agent| agent.skew_micros).max().unwrap_or(0),
            lag_microseconds: agents().map(|agent| agent.lag_micros).max().unwrap_or(0),
            cpu_milliseconds: agents().map(|agent| agent.cpu_millis).sum(),
        }
    }
}
