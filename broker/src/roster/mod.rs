//! Who takes part in a run, and what each of them is told and when.
//!
//! Pure: every method takes the present instant (`now`, nanoseconds since the Unix epoch, never going back
//! within one process) and answers with orders to send. `register` takes agents in, `barrier` starts the
//! load, `steps` leads through the steps, `loss` deals with agents that are gone, `leaving` with those that
//! say so, `desired` with what the operator wants (`pause`, `scale`, stop), `criteria` with runs that are cut
//! short, `ending` with the end; `facts` and `progress` tell where the run is.

mod barrier;
mod criteria;
mod desired;
mod ending;
mod facts;
mod leaving;
mod loss;
mod pause;
mod progress;
mod register;
mod scale;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use loads_wire::Plan;
use loads_wire::control::Desired;
use loads_wire::message::{AgentState, Heartbeat, StopMode, ToAgent};
use serde::{Deserialize, Serialize};

use crate::aggregate::Fault;
use pause::Pauses;
pub use register::Known;

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// A message for one agent process.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Agent index.
    pub index: u32,
    /// The process that it is meant for.
    pub epoch: u64,
    /// What to tell it.
    pub message: ToAgent,
}

/// Why a process is told to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For people.
    pub reason: String,
    /// Whether a newer process of the same index took over, or will.
    pub superseded: bool,
}

impl From<Refusal> for ToAgent {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { reason: refusal.reason, superseded: refusal.superseded }
    }
}

/// What is known of one agent index; its newest process speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
struct Agent {
    epoch: u64,
    state: AgentState,
    host: String,
    last_seen: u64,
    /// Step in which this index first was given load.
    joined: Option<u16>,
    /// Steps that this process has finished, counted from the run's first.
    steps_done: u16,
    /// (epoch, last window) of everything this index will ever deliver, once it said Done.
    last_windows: Option<Vec<(u64, u64)>>,
    /// All of them are committed.
    delivered: bool,
    /// When it was lost, while nobody took its place.
    lost_at: Option<u64>,
    /// Nobody waits for it any more.
    given_up: bool,
    /// Its share of the plan ended with what it had begun (onAgentLoss Continue, or scaled in).
    shrunk: bool,
    /// Its index was given load before this process came.
    replacement: bool,
    /// This very process was given load.
    sharing: bool,
    /// Was given load when it was on already: how far from T it began says nothing.
    late: bool,
    /// Said that it goes although its share may not be done; judged once its windows are committed.
    leaving: bool,
    /// Delivered everything and was told to leave before the end of the run.
    left: bool,
    /// Scaled in: told to end its load, and neither lost nor awaited.
    retired: bool,
    /// Its number was added while the run was on.
    added: bool,
    /// First step that an added index may take part in, when hits decide.
    first_step: u16,
    /// First step in which this index was given load before it was scaled in and out again.
    earlier: Option<u16>,
    losses: u32,
    skew_micros: u64,
    lag_micros: u64,
    cpu_millis: u64,
    users: u32,
}

/// An order to end the load, repeated to everybody who comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stop {
    mode: StopMode,
    at: u64,
    /// By somebody outside, not because the run failed.
    requested: bool,
    /// By a criterion of the run.
    #[serde(default)]
    criterion: bool,
}

/// Where the run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Run {
    opened_at: u64,
    /// T.
    start: Option<u64>,
    step: u16,
    /// Begin and end of steps, where agents and not the timetable decide.
    step_starts: BTreeMap<u16, u64>,
    step_ends: BTreeMap<u16, u64>,
    load_ended: Option<u64>,
    /// Since when a broker without memory waits for agents it does not know.
    rebuilding_since: Option<u64>,
    stop: Option<Stop>,
    error: Option<Fault>,
    failed: Option<Fault>,
    notes: Vec<String>,
    /// What the operator said last.
    desired: Option<Desired>,
    /// Number of agents, once it was scaled.
    agents: Option<u32>,
    /// Number of agents when the load began.
    started_with: Option<u32>,
    /// Since when the start is held.
    held_since: Option<u64>,
    pauses: Pauses,
}

/// What a restarted broker needs to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    run: Run,
    agents: BTreeMap<u32, Agent>,
}

/// The agents of a run and where the run is.
#[derive(Debug, Clone)]
pub struct Roster {
    plan: Plan,
    /// Which broker process this is, for [`ToAgent::Welcome`].
    epoch: u64,
    /// Time between an order to begin and the beginning, so that it reaches everybody before, in nanoseconds.
    lead: u64,
    run: Run,
    agents: BTreeMap<u32, Agent>,
    last_tick: u64,
    changed: bool,
}

impl Roster {
    /// An empty roster; the start time-out counts from `now`.
    pub fn new(plan: Plan, lead: u64, now: u64) -> Self {
        let run = Run { opened_at: now, ..Run::default() };
        Self { plan, epoch: 0, lead, run, agents: BTreeMap::new(), last_tick: now, changed: true }
    }

    /// Goes on where another broker process ended: agents get the whole heartbeat limit to come back.
    pub fn resume(plan: Plan, lead: u64, now: u64, state: State) -> Self {
        let mut agents = state.agents;
        for agent in agents.values_mut() {
            agent.last_seen = now;
        }
        Self { plan, epoch: 0, lead, run: state.run, agents, last_tick: now, changed: true }
    }

    /// The number by which agents tell this broker process from others of the run.
    #[must_use]
    pub fn with_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// What [`Roster::resume`] needs.
    pub fn state(&self) -> State {
        State { run: self.run.clone(), agents: self.agents.clone() }
    }

    /// Whether the state changed since the last call in a way that a restarted broker must know. It has to
    /// be stored before the orders that came with the change are sent: else a broker killed in between
    /// would start a second time.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// A sign of life: answered at once.
    pub fn heartbeat(
        &mut self,
        now: u64,
        index: u32,
        epoch: u64,
        beat: &Heartbeat,
    ) -> Result<Vec<Order>, Refusal> {
        if let Some(bye) = self.farewell(index, epoch) {
            return Ok(vec![bye]);
        }
        let Some(agent) = self.current(now, index, epoch)? else { return Ok(Vec::new()) };
        agent.users = beat.users;
        agent.cpu_millis += u64::from(beat.cpu_millis);
        agent.lag_micros = agent.lag_micros.max(beat.lag_micros.into());
        if let Some(skew) = beat.start_skew_micros.filter(|_| !agent.late) {
            agent.skew_micros = agent.skew_micros.max(skew.unsigned_abs());
        }
        let was_preparing = agent.state == AgentState::Preparing;
        let moved = agent.state != beat.state && agent.state != AgentState::Done;
        if moved && !(beat.state == AgentState::Ready && was_preparing) {
            agent.state = beat.state;
            self.changed = true;
        }
        let answer = ToAgent::HeartbeatAck { sent_at: beat.sent_at, broker_now: now };
        let mut orders = vec![Order { index, epoch, message: answer }];
        if beat.state == AgentState::Ready && was_preparing {
            orders.extend(self.prepared(now, index, epoch)?);
        }
        orders.extend(self.settle(now));
        Ok(orders)
    }

    /// Called a few times a second: finds out who went silent and which time limits have passed.
    pub fn tick(&mut self, now: u64) -> Vec<Order> {
        self.forgive_own_pause(now);
        let mut orders = self.find_silent(now);
        orders.extend(self.end_waits(now));
        orders.extend(self.settle(now));
        orders
    }

    /// Does whatever the present state allows: begin, go on to the next step, note the end of the load.
    fn settle(&mut self, now: u64) -> Vec<Order> {
        self.end_rebuilding(now);
        let mut orders = self.begin_when_ready(now);
        orders.extend(self.advance(now));
        orders
    }

    /// Whether this process is the present one of its index.
    pub fn knows(&self, index: u32, epoch: u64) -> bool {
        self.agents.get(&index).is_some_and(|agent| agent.epoch == epoch)
    }

    /// The agent whose present process is `epoch`; none when the process never registered (its connection is
    /// younger than this broker, and it will), an error when it was replaced or given up.
    fn current(&mut self, now: u64, index: u32, epoch: u64) -> Result<Option<&mut Agent>, Refusal> {
        let started = self.run.start.is_some();
        let Some(agent) = self.agents.get_mut(&index) else { return Ok(None) };
        if epoch > agent.epoch || (epoch == agent.epoch && agent.left) {
            return Ok(None);
        }
        if epoch < agent.epoch {
            return Err(superseded(index));
        }
        if agent.lost_at.is_some() && started {
            return Err(fenced(index));
        }
        agent.lost_at = None;
        agent.last_seen = now;
        Ok(Some(agent))
    }

    fn to_all(&self, message: &ToAgent) -> Vec<Order> {
        let present = self.agents.iter().filter(|(_, agent)| agent.lost_at.is_none() && !agent.left);
        present
            .map(|(index, agent)| Order { index: *index, epoch: agent.epoch, message: message.clone() })
            .collect()
    }

    fn note(&mut self, note: String) {
        // A process that crashes again and again must not fill the memory.
        if self.run.notes.len() < 100 {
            self.run.notes.push(note);
        }
    }
}

fn superseded(index: u32) -> Refusal {
    let reason = format!("a newer process of agent {index} has registered and takes over");
    Refusal { reason, superseded: true }
}

fn fenced(index: u32) -> Refusal {
    let reason =
        format!("agent {index} was silent for too long and counts as lost; its share is no longer its own");
    Refusal { reason, superseded: true }
}
