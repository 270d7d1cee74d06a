//! What the broker does with each message: pure, apart from the instant that the caller gives.
//!
//! A window is counted when it arrives and acknowledged when its commit is confirmed; orders that come with a
//! change of the roster wait for the commit of that change. `P` names a connection.

mod counted;
mod ending;
mod figures;
mod judging;
mod left_out;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

pub use left_out::LeftOut;
use loads_wire::message::{Envelope, StopMode, ToAgent, ToBroker};
use loads_wire::{Plan, RunResult};

use self::counted::Counted;
use super::decode;
use super::writer::Job;
use crate::aggregate::Detail;
use crate::dedupe::{Arrival, Dedupe};
use crate::roster::{Known, Order, Refusal, Roster};
use crate::store::{Record, Store};

/// Windows that are kept as rows before their sum takes their place.
const FOLD_AFTER: usize = 5_000;

/// What the caller is to do, in this order.
#[derive(Debug, PartialEq)]
pub enum Action<P> {
    /// Send on the control socket.
    Control(P, ToAgent),
    /// Send on the results socket.
    Results(P, ToAgent),
    /// Keep, and call [`Core::confirmed`] once it is committed.
    Keep(Job),
}

/// (index, epoch, number) of a window, and when it was refused, why.
type Taken = (u32, u64, u64, Option<String>);

/// What waits for a commit.
struct Pending {
    token: u64,
    windows: Vec<Taken>,
    orders: Vec<Order>,
    /// Whether this commit is that of the final result.
    last: Option<Arc<RunResult>>,
}

/// The broker without its sockets, its file and its clock.
pub struct Core<P> {
    plan: Plan,
    epoch: u64,
    roster: Roster,
    counted: Counted,
    committed: Dedupe,
    control: HashMap<(u32, u64), P>,
    results: HashMap<(u32, u64), P>,
    pending: VecDeque<Pending>,
    token: u64,
    unfolded: usize,
    finishing: bool,
    finished: Option<Arc<RunResult>>,
    /// Whether the last word waits until the result is kept outside.
    hold: bool,
    /// When the result was final, or was found to be.
    final_at: Option<u64>,
    /// Whether the last word was said.
    released: bool,
    left_out: LeftOut,
}

impl<P: Copy + Eq + Hash> Core<P> {
    /// Goes on where the store ends; `lead` as in [`Roster::new`]. With `hold`, agents are let go only when
    /// the operator says that it keeps the result, or after a minute.
    pub fn open(plan: Plan, lead: u64, hold: bool, now: u64, store: &Store) -> Result<Self, super::Error> {
        let kept = store.kept()?;
        let read = |what, reason: rmp_serde::decode::Error| store.damaged(what, &reason);
        let mut counted: Counted = match &kept.snapshot {
            Some(bytes) => rmp_serde::from_slice(bytes).map_err(|reason| read("snapshot", reason))?,
            None => Counted::default(),
        };
        counted.judge = std::mem::take(&mut counted.judge).resume(&plan.criteria)?;
        let mut unfolded = 0;
        store.windows(|index, epoch, seq, window| {
            if counted.accepted.arrive(index, epoch, seq) == Arrival::Next {
                unfolded += 1;
                match window {
                    Some(window) => counted.add(index, epoch, &window),
                    None => counted.aggregate.refuse(),
                }
            }
        })?;
        let roster = match &kept.roster {
            Some(bytes) => {
                let state = rmp_serde::from_slice(bytes).map_err(|reason| read("roster", reason))?;
                Roster::resume(plan.clone(), lead, now, state)
            }
            None => Roster::new(plan.clone(), lead, now),
        };
        let epoch = store.epoch(now)?;
        let roster = roster.with_epoch(epoch);
        let finished = kept.result.map(|bytes| serde_json::from_slice(&bytes).map(Arc::new)).transpose();
        let finished = finished.map_err(|reason| store.damaged("result", &reason))?;
        let committed = counted.accepted.clone();
        Ok(Self {
            plan,
            counted,
            committed,
            control: HashMap::new(),
            results: HashMap::new(),
            pending: VecDeque::new(),
            token: 0,
            unfolded,
            finishing: finished.is_some(),
            final_at: finished.is_some().then_some(now),
            released: finished.is_some() && (!hold || roster.result_stored()),
            finished,
            epoch,
            roster,
            hold,
            left_out: LeftOut::default(),
        })
    }

    /// A message of the control socket.
    pub fn on_control(&mut self, now: u64, peer: P, bytes: &[u8]) -> Vec<Action<P>> {
        let message = match Envelope::<ToBroker>::decode(bytes, &self.plan.run_id) {
            Ok(message) => message,
            Err(error) => {
                return self
                    .left_out
                    .leave_out(&error)
                    .map(|m| Action::Control(peer, m))
                    .into_iter()
                    .collect();
            }
        };
        let (index, epoch) = (message.index, message.epoch);
        let heard = match message.body {
            ToBroker::Summary => return vec![Action::Control(peer, self.summary(now))],
            ToBroker::Stop { stop } => Ok(self.roster.stop(now, stop)),
            // Whoever still speaks after the end did not hear the last word; a process that comes only now has
            // nothing to do.
            _ if self.finished.is_some() && (self.released || !self.roster.knows(index, epoch)) => {
                self.control.insert((index, epoch), peer);
                return vec![Action::Control(peer, ToAgent::Bye)];
            }
            ToBroker::Register(hello) => {
                let started = self.counted.aggregate.started(index, self.plan.steps.len());
                let known = Known { committed: self.committed.of_index(index), started };
                let orders = self.roster.register(now, index, epoch, &hello, known);
                if orders.is_ok() {
                    self.control.insert((index, epoch), peer);
                }
                orders
            }
            ToBroker::Heartbeat(beat) => self.roster.heartbeat(now, index, epoch, &beat),
            ToBroker::Prepared => self.roster.prepared(now, index, epoch),
            ToBroker::PrepareFailed { problem, message } => {
                self.roster.prepare_failed(now, index, epoch, problem, &message)
            }
            ToBroker::StepDone { step } => self.roster.step_done(now, index, epoch, step),
            ToBroker::Done { last_seq, recovered, leaving } => {
                self.roster.agent_done(now, index, epoch, last_seq, &recovered, leaving)
            }
            // Windows have a socket of their own.
            ToBroker::Windows { .. } => {
                self.left_out.garbage += 1;
                Ok(Vec::new())
            }
        };
        match heard {
            Ok(orders) => self.follow(now, orders),
            Err(refusal) => self.refuse(now, peer, refusal),
        }
    }

    fn refuse(&mut self, now: u64, peer: P, refusal: Refusal) -> Vec<Action<P>> {
        let mut actions = vec![Action::Control(peer, refusal.into())];
        actions.extend(self.follow(now, Vec::new()));
        actions
    }

    /// A message of the results socket.
    pub fn on_results(&mut self, peer: P, bytes: &[u8]) -> Vec<Action<P>> {
        let delivery = match decode::delivery(bytes, &self.plan.run_id, self.plan.steps.len()) {
            Ok(delivery) => delivery,
            Err(error) => {
                return self
                    .left_out
                    .leave_out(&error)
                    .map(|m| Action::Results(peer, m))
                    .into_iter()
                    .collect();
            }
        };
        let (index, epoch) = (delivery.index, delivery.epoch);
        if !self.roster.counts(index) || self.finishing {
            return Vec::new();
        }
        self.results.insert((index, epoch), peer);
        let (mut records, mut windows, mut again) = (Vec::new(), Vec::new(), false);
        for window in delivery.windows {
            let seq = window.as_ref().map_or_else(|(seq, _)| *seq, |window| window.seq);
            match self.counted.accepted.arrive(index, epoch, seq) {
                Arrival::Known => again = true,
                Arrival::Gap => break,
                Arrival::Next => {
                    let (window, refused) = self.count(index, epoch, window);
                    windows.push((index, epoch, seq, refused));
                    records.push(Record::Window { index, epoch, seq, window });
                }
            }
        }
        let mut actions = Vec::new();
        let committed = self.committed.highest(index, epoch);
        if again && committed > 0 {
            actions.push(Action::Results(peer, ToAgent::Ack { epoch, seq: committed }));
        }
        if !records.is_empty() {
            self.unfolded += records.len();
            actions.push(self.keep(records, windows, Vec::new(), None));
        }
        actions
    }

    fn count(
        &mut self,
        index: u32,
        epoch: u64,
        window: Result<loads_wire::Window, (u64, String)>,
    ) -> (Option<Box<loads_wire::Window>>, Option<String>) {
        match window {
            Ok(window) => {
                self.counted.add(index, epoch, &window);
                (Some(Box::new(window)), None)
            }
            Err((seq, reason)) => {
                tracing::error!(index, epoch, seq, reason, "a window can not be read and is left out");
                self.counted.aggregate.refuse();
                self.left_out.windows += 1;
                (None, Some(reason))
            }
        }
    }

    /// A connection of the control socket ended.
    pub fn on_gone(&mut self, peer: P) {
        self.control.retain(|_, known| *known != peer);
    }

    /// Everything up to `token` is committed: what waited for it may be said now.
    pub fn confirmed(&mut self, now: u64, token: u64) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let mut acks: Vec<(u32, u64)> = Vec::new();
        while let Some(pending) = self.pending.pop_front_if(|pending| pending.token <= token) {
            for (index, epoch, seq, refused) in pending.windows {
                self.committed.raise(index, epoch, seq);
                if let (Some(reason), Some(peer)) = (refused, self.results.get(&(index, epoch))) {
                    actions.push(Action::Results(*peer, ToAgent::Nack { epoch, seq, reason }));
                }
                if !acks.contains(&(index, epoch)) {
                    acks.push((index, epoch));
                }
            }
            actions.extend(self.address(pending.orders));
            if let Some(result) = pending.last {
                self.finished = Some(result);
                self.final_at = Some(now);
                actions.extend(self.release(now));
            }
        }
        for (index, epoch) in acks {
            let seq = self.committed.highest(index, epoch);
            let peer = self.results.get(&(index, epoch));
            actions.extend(peer.map(|peer| Action::Results(*peer, ToAgent::Ack { epoch, seq })));
        }
        let orders = self.roster.committed(now, &self.committed, &self.counted.aggregate);
        actions.extend(self.follow(now, orders));
        actions
    }

    /// Called a few times a second.
    pub fn tick(&mut self, now: u64) -> Vec<Action<P>> {
        let mut orders = self.roster.committed(now, &self.committed, &self.counted.aggregate);
        orders.extend(if self.finished.is_some() { Vec::new() } else { self.roster.tick(now) });
        let mut actions = self.follow(now, orders);
        actions.extend(self.judge(now));
        actions.extend(self.release(now));
        if self.unfolded >= FOLD_AFTER && !self.finishing {
            actions
                .extend(self.snapshot().map(|record| self.keep(vec![record], Vec::new(), Vec::new(), None)));
        }
        actions
    }

    /// Ends the load on request.
    pub fn stop(&mut self, now: u64, mode: StopMode) -> Vec<Action<P>> {
        let orders = self.roster.stop(now, mode);
        self.follow(now, orders)
    }

    /// A supervisor saw an agent's process end.
    pub fn agent_lost(&mut self, now: u64, index: u32, how: &str) -> Vec<Action<P>> {
        let orders = self.roster.agent_lost(now, index, how);
        self.follow(now, orders)
    }

    /// The figures so far, or the final ones.
    pub fn result(&self, now: u64, detail: Detail) -> RunResult {
        if let Some(result) = &self.finished {
            return (**result).clone();
        }
        self.counted.aggregate.result(&self.plan, &self.facts(now, false), detail)
    }

    /// Whether an agent is still connected.
    pub fn has_peers(&self) -> bool {
        !self.control.is_empty()
    }

    /// What was left out so far.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The live stream's message: bounded in size.
    pub fn summary(&self, now: u64) -> ToAgent {
        let result = Box::new(self.result(now, Detail::Live));
        ToAgent::Summary { result, done: self.finished.is_some() }
    }

    /// Sends orders, after the commit of the change they belong to; ends the run when nothing more can come.
    fn follow(&mut self, now: u64, orders: Vec<Order>) -> Vec<Action<P>> {
        let mut actions = Vec::new();
        let changed = self.roster.take_changed();
        match changed.then(|| self.roster_record()).flatten() {
            Some(record) => actions.push(self.keep(vec![record], Vec::new(), orders, None)),
            None => actions.extend(self.address(orders)),
        }
        if !self.finishing && self.roster.is_over() {
            self.finishing = true;
            actions.extend(self.finish(now));
        }
        actions
    }

    fn keep(
        &mut self,
        records: Vec<Record>,
        windows: Vec<Taken>,
        orders: Vec<Order>,
        last: Option<Arc<RunResult>>,
    ) -> Action<P> {
        self.token += 1;
        let token = self.token;
        self.pending.push_back(Pending { token, windows, orders, last });
        Action::Keep(Job { token, records })
    }

    fn snapshot(&mut self) -> Option<Record> {
        self.unfolded = 0;
        rmp_serde::to_vec(&self.counted).ok().map(Record::Snapshot)
    }

    fn roster_record(&self) -> Option<Record> {
        rmp_serde::to_vec(&self.roster.state()).ok().map(Record::Roster)
    }

    fn address(&self, orders: Vec<Order>) -> Vec<Action<P>> {
        let known = |order: Order| {
            let peer = self.control.get(&(order.index, order.epoch))?;
            Some(Action::Control(*peer, order.message))
        };
        orders.into_iter().filter_map(known).collect()
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
