//! The way through the steps: by the timetable when steps have durations, by a barrier when hits decide.

use loads_wire::message::{AgentState, ToAgent};
use loads_wire::plan::Length;

use super::{Agent, Order, Refusal, Roster, SECOND};

impl Roster {
    /// An agent finished everything of a step, and its windows are in its spool.
    pub fn step_done(&mut self, now: u64, index: u32, epoch: u64, step: u16) -> Result<Vec<Order>, Refusal> {
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        agent.steps_done = agent.steps_done.max(step.saturating_add(1));
        self.changed = true;
        Ok(self.settle(now))
    }

    /// Whether agents wait for each other between steps.
    pub(super) fn barrier(&self) -> bool {
        self.plan.timetable_seconds().is_none()
    }

    /// The step that the run is in.
    pub(super) fn step_at(&self, now: u64) -> u16 {
        if self.barrier() {
            return self.run.step;
        }
        if self.run.start.is_none_or(|start| now < start) {
            return 0;
        }
        let (load_time, mut end) = (self.load_time(now), 0);
        let ended = self.plan.steps.iter().take_while(|step| {
            end += length(step.length).unwrap_or(0);
            end <= load_time
        });
        let last = self.plan.steps.len().saturating_sub(1);
        u16::try_from(ended.count().min(last)).unwrap_or(u16::MAX)
    }

    /// The order that began the present step, for those who did not hear it.
    pub(super) fn step_start(&self) -> Vec<ToAgent> {
        let step = self.run.step;
        let at = if self.barrier() { self.run.step_starts.get(&step) } else { None };
        at.map(|at| ToAgent::StepStart { step, at: *at }).into_iter().collect()
    }

    /// Begins the next step, or notes the end of the load, once nobody is busy with the present one.
    pub(super) fn advance(&mut self, now: u64) -> Vec<Order> {
        let waiting = self.run.start.is_none() || self.run.rebuilding_since.is_some();
        if waiting || self.run.load_ended.is_some() {
            return Vec::new();
        }
        let steps = u16::try_from(self.plan.steps.len()).unwrap_or(u16::MAX);
        let step = if self.barrier() { self.run.step } else { steps.saturating_sub(1) };
        let stopping = self.run.stop.is_some();
        // Nobody is awaited for load that the timetable is past.
        let past = self.timetable_end().is_some_and(|end| now >= end);
        let counts = |agent: &&Agent| agent.shares() && !(past && agent.left);
        if !self.agents.values().filter(counts).all(|agent| agent.finished(step, stopping)) {
            return Vec::new();
        }
        let nobody = !self.agents.values().any(|a| a.shares() && !a.is_over(stopping));
        let last = step + 1 >= steps || stopping || nobody;
        // The step ends, and the next one begins with the end of the pause.
        if !last && self.run.pauses.is_open() {
            return Vec::new();
        }
        self.changed = true;
        if self.barrier() {
            self.run.step_ends.entry(step).or_insert(now);
        }
        if last {
            self.run.load_ended = Some(now);
            return Vec::new();
        }
        let at = self.run.pauses.last_end().max(now + self.lead);
        self.run.step += 1;
        self.run.step_starts.insert(self.run.step, at);
        let message = ToAgent::StepStart { step: self.run.step, at };
        let sharing = self.agents.iter().filter(|(_, agent)| agent.shares() && agent.lost_at.is_none());
        sharing.map(|(i, agent)| Order { index: *i, epoch: agent.epoch, message: message.clone() }).collect()
    }

    /// How long each step has lasted so far without pauses, in nanoseconds.
    pub(super) fn step_nanos(&self, now: u64) -> Vec<u64> {
        let until = self.run.load_ended.unwrap_or(now);
        let load_time = self.load_time(until);
        let mut before = 0;
        let of_step = |(number, step): (usize, &loads_wire::plan::Step)| {
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            if self.barrier() {
                let Some(start) = self.run.step_starts.get(&number) else { return 0 };
                let end = *self.run.step_ends.get(&number).unwrap_or(&until);
                return end.saturating_sub(*start) - self.run.pauses.within(*start, end);
            }
            let whole = length(step.length).unwrap_or(0);
            let nanos = load_time.saturating_sub(before).min(whole);
            before += whole;
            nanos
        };
        self.plan.steps.iter().enumerate().map(of_step).collect()
    }
}

/// Nanoseconds that a step lasts, when the plan says so.
fn length(length: Length) -> Option<u64> {
    match length {
        Length::Hits(_) => None,
        Length::Seconds(seconds) => Some(u64::from(seconds) * SECOND),
    }
}

impl Agent {
    /// Whether the steps wait for this index.
    fn shares(&self) -> bool {
        self.joined.is_some() && !self.given_up && !self.retired
    }

    /// Whether this agent sends nothing more in this step. One that is lost and awaited is not finished.
    fn finished(&self, step: u16, stopping: bool) -> bool {
        self.lost_at.is_none() && (self.steps_done > step || self.is_over(stopping))
    }

    /// Whether this process' load is over for good. One that leaves early is not over before it is judged,
    /// and one that drains says whether it does so at the end.
    pub(super) fn is_over(&self, stopping: bool) -> bool {
        let drains = matches!(self.state, AgentState::Draining | AgentState::Done);
        self.delivered || (self.last_windows.is_some() && !self.leaving) || (stopping && drains)
    }
}
