//! A step's load on one lane: who begins what when, and when all of it is over.

use std::cmp::Reverse;

use loads_wire::message::StopMode;
use loads_wire::plan::Length;
use tokio::sync::oneshot;

use super::lane::{Lane, Setting};
use super::schedule::{Arrivals, LaneArrivals, share, user_start};
use crate::clock::{self, SECOND};
use crate::executor::StepOrder;
use crate::record::Cell;

/// How often time limits are looked at; they are in whole seconds.
const SWEEP: u64 = SECOND / 10;
/// A step that a process takes up this late was running before: its past arrivals are not made up for.
const JOINED_LATE: u64 = SECOND;

/// A step in progress.
#[derive(Debug)]
pub struct Load {
    order: StepOrder,
    /// After this instant nothing new begins.
    pub(super) end: u64,
    /// Nothing new begins any more; what is in flight is cut at this instant.
    pub(super) cut_at: Option<u64>,
    /// Executions going on.
    pub(super) busy: u32,
    /// Closed model: users that have started and not ended.
    pub(super) running: u32,
    open: bool,
    /// Open model: what is still to come.
    arrivals: Option<LaneArrivals>,
    /// Most users of this lane.
    limit: usize,
    /// Arrivals due up to here found no free user.
    starved_until: u64,
    next_sweep: u64,
    finished: bool,
    /// Whether an execution has.
    begun: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Load {
    /// Whether arrivals decide, not users.
    pub fn is_open(&self) -> bool {
        self.open
    }
}

/// This lane's users: local user `n` is the agent's user `n × lanes + lane`.
pub(super) fn lane_users(setting: &Setting, users: u32) -> u32 {
    (users + setting.lanes - 1 - setting.lane) / setting.lanes
}

/// The lane's part of the arrivals.
pub(super) fn lane_arrivals(setting: &Setting, order: &StepOrder, rate: u32, now: u64) -> LaneArrivals {
    let (agents, lanes) = (u64::from(setting.agents.max(1)), u64::from(setting.lanes));
    let end = match order.length {
        Length::Hits(hits) => u64::from(order.users) * u64::from(hits) * agents,
        Length::Seconds(_) => u64::MAX,
    };
    let arrivals = Arrivals { rate, ramp_up: setting.ramp_up };
    // A replacement does the last ones of its share; those that were due are late, and are done at once.
    let mine = end / agents + u64::from(u64::from(setting.agent) < end % agents);
    let skipped = order.executions.filter(|_| end != u64::MAX).map_or(0, |left| mine.saturating_sub(left));
    let first = u64::from(setting.agent) + agents * (skipped + u64::from(setting.lane));
    let mut part = LaneArrivals::new(arrivals, first, agents * lanes, end);
    if order.executions.is_none() && now > order.start + JOINED_LATE {
        part.skip_before(now - order.start);
    }
    part
}

/// Executions of user `seat` of `seats`, when `seats` do the work of all users.
pub(super) fn executions(order: &StepOrder, seat: u32, seats: u32) -> u64 {
    match (order.executions, order.length) {
        (Some(total), _) => share(total, seat, seats),
        (None, Length::Hits(hits)) => share(order.users.into(), seat, seats) * u64::from(hits),
        (None, Length::Seconds(_)) => u64::MAX,
    }
}

impl Lane {
    pub(super) fn begin_step(&mut self, order: StepOrder) {
        let now = clock::now();
        self.tally.recorder.begin_step(order.run_start, order.step, now.max(order.start));
        let seats = self.setting.connections.map_or(order.users, |most| most.clamp(1, order.users.max(1)));
        let mine = lane_users(&self.setting, seats) as usize;
        let arrivals = self.setting.rate.map(|rate| lane_arrivals(&self.setting, &order, rate, now));
        self.waits.clear();
        self.free.clear();
        self.state.set_began(0);
        self.load = Some(Load {
            order,
            end: order.end.unwrap_or(u64::MAX),
            cut_at: None,
            busy: 0,
            running: 0,
            open: arrivals.is_some(),
            arrivals,
            limit: mine,
            starved_until: 0,
            next_sweep: now + SWEEP,
            finished: false,
            begun: false,
            waiting: Vec::new(),
        });
        if arrivals.is_some() {
            self.seat(self.users.len().min(mine));
            self.free.extend((0..self.users.len() as u32).rev());
        } else {
            self.seat(mine);
            self.line_up(&order, seats);
        }
    }

    /// Closed model: every user waits for its start. With fewer connections than users, each seat does the
    /// work of several users, one after the other.
    fn line_up(&mut self, order: &StepOrder, seats: u32) {
        for n in 0..self.users.len() as u32 {
            let seat = n * self.setting.lanes + self.setting.lane;
            let user = &mut self.users[n as usize];
            user.running = false;
            user.left = executions(order, seat, seats);
            let Setting { agent, agents, ramp_up, .. } = self.setting;
            let start = order.start + user_start(seat, seats, agent, agents, ramp_up);
            self.waits.push(Reverse((start, n)));
        }
    }

    /// Whether nothing new may begin.
    #[inline]
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.load.as_ref().is_none_or(|load| load.cut_at.is_some() || now >= load.end)
    }

    /// Everything that is due by now.
    pub(super) fn on_time(&mut self, now: u64) {
        self.tally.recorder.tick(now);
        let Some(load) = &mut self.load else { return };
        if load.cut_at.is_none() && now >= load.end {
            let end = load.end;
            self.begin_end(end);
        }
        while let Some(Reverse((_, user))) = self.waits.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.waits.pop();
            self.resume(user, now);
        }
        self.admit(now);
        self.sweep_if_due(now);
        self.rearm();
    }

    fn sweep_if_due(&mut self, now: u64) {
        let Some(load) = &mut self.load else { return };
        if load.cut_at.is_some_and(|at| now >= at) {
            self.cut(now);
        } else if now >= load.next_sweep {
            load.next_sweep = now + SWEEP;
            self.time_out(now);
        }
        if let Some(load) = &self.load {
            self.state.set_users(if load.open { load.busy } else { load.running });
        }
    }

    fn rearm(&mut self) {
        let Some(load) = &self.load else { return };
        if load.finished {
            return;
        }
        let next = load.next_sweep.min(load.cut_at.unwrap_or(load.end));
        let waits = self.waits.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
        self.wake_by(next.min(waits));
    }

    /// A user's wait is over: it goes on with its list, or begins an execution.
    fn resume(&mut self, user: u32, now: u64) {
        if self.users[user as usize].busy {
            self.begin_request(user, now, now);
            return;
        }
        if !self.users[user as usize].running {
            self.users[user as usize].running = true;
            self.change_running(1);
        }
        self.begin_execution(user, now);
    }

    fn change_running(&mut self, by: i32) {
        if let Some(load) = &mut self.load {
            load.running = load.running.saturating_add_signed(by);
            self.tally.recorder.users(load.running);
        }
    }

    /// Closed model: the user's next execution, or its end.
    pub(super) fn begin_execution(&mut self, user: u32, now: u64) {
        if self.is_over(now) || !self.users[user as usize].take() {
            self.users[user as usize].running = false;
            self.change_running(-1);
            return;
        }
        let first = self.draw().unwrap_or(0);
        self.start(user, first, now, now);
    }

    fn draw(&mut self) -> Option<usize> {
        self.setting.scenario.weights.as_ref().map(|weights| weights.draw(&mut self.random))
    }

    fn start(&mut self, user: u32, request: usize, due: u64, now: u64) {
        let place = &mut self.users[user as usize];
        (place.busy, place.outcome, place.request) = (true, Cell::Success, request);
        self.tally.recorder.test_started();
        if let Some(load) = &mut self.load {
            load.busy += 1;
            if !std::mem::replace(&mut load.begun, true) {
                self.state.set_began(now);
            }
        }
        self.begin_request(user, due, now);
    }

    /// Open model: begins what is due, as far as there are free users.
    pub(super) fn admit(&mut self, now: u64) {
        while let Some(load) = &mut self.load {
            let Some((k, after)) = load.arrivals.as_ref().and_then(LaneArrivals::peek) else { return };
            let due = load.order.start + after;
            if due >= load.end {
                load.arrivals = None;
                return;
            }
            if due > now {
                self.wake_by(due);
                return;
            }
            if load.cut_at.is_some() {
                return;
            }
            let Some(user) = self.free_user() else {
                if let Some(load) = &mut self.load {
                    load.starved_until = now;
                }
                return;
            };
            self.arrive(user, k, due, now);
        }
    }

    fn free_user(&mut self) -> Option<u32> {
        if let Some(user) = self.free.pop() {
            return Some(user);
        }
        let limit = self.load.as_ref().map_or(0, |load| load.limit);
        if self.users.len() >= limit {
            return None;
        }
        self.seat(self.users.len() + 1);
        Some(self.users.len() as u32 - 1)
    }

    fn arrive(&mut self, user: u32, k: u64, due: u64, now: u64) {
        if let Some(load) = &mut self.load {
            if let Some(arrivals) = &mut load.arrivals {
                arrivals.advance();
            }
            if due <= load.starved_until {
                self.tally.recorder.totals_mut().delayed += 1;
            }
            self.tally.recorder.users(load.busy + 1);
        }
        let in_turn = (k % self.setting.scenario.requests.len() as u64) as usize;
        let request = self.draw().unwrap_or(in_turn);
        self.start(user, request, due, now);
    }

    /// An execution is over; a user of the closed model goes on with `pause`, or at once.
    pub(super) fn end_execution(&mut self, user: u32, outcome: Cell, now: u64, pause: Option<u64>) {
        self.tally.recorder.test_ended(outcome);
        self.users[user as usize].busy = false;
        let Some(load) = &mut self.load else { return };
        load.busy = load.busy.saturating_sub(1);
        if load.open {
            self.free.push(user);
        } else if let Some(pause) = pause {
            self.wait(user, now + pause);
        } else {
            self.begin_execution(user, now);
        }
    }

    /// Has [`resume`](Self::resume) called for the user at this instant.
    pub(super) fn wait(&mut self, user: u32, until: u64) {
        self.waits.push(Reverse((until, user)));
        self.wake_by(until);
    }

    /// From `end` on nothing new begins.
    fn begin_end(&mut self, end: u64) {
        let Some(load) = &mut self.load else { return };
        load.cut_at = Some(end.saturating_add(self.setting.drain));
        // Arrivals that were due and found no user will not happen; that they waited is counted.
        if let Some(mut arrivals) = load.arrivals.take() {
            while arrivals.peek().is_some_and(|(_, after)| load.order.start + after < end) {
                self.tally.recorder.totals_mut().delayed += 1;
                arrivals.advance();
            }
        }
        let waits = std::mem::take(&mut self.waits);
        for Reverse((_, user)) in waits {
            let place = &mut self.users[user as usize];
            place.running = false;
            if std::mem::take(&mut place.busy) {
                self.tally.recorder.test_ended(Cell::Interrupted);
                if let Some(load) = &mut self.load {
                    load.busy = load.busy.saturating_sub(1);
                }
            }
        }
    }

    pub(super) fn stop(&mut self, mode: StopMode, done: oneshot::Sender<()>) {
        let now = clock::now();
        let Some(load) = &mut self.load else {
            let _ = done.send(());
            return;
        };
        load.waiting.push(done);
        if load.cut_at.is_none() {
            self.begin_end(now);
        }
        if mode == StopMode::Now {
            self.cut(now);
        }
    }

    /// Cuts everything that is in flight.
    pub(super) fn cut(&mut self, now: u64) {
        if self.load.as_ref().is_some_and(|load| load.cut_at.is_none()) {
            self.begin_end(now);
        }
        for user in 0..self.users.len() as u32 {
            if self.users[user as usize].busy {
                self.cut_request(user, now);
                self.users[user as usize].busy = false;
                self.tally.recorder.test_ended(Cell::Interrupted);
            }
        }
        self.waits.clear();
        if let Some(load) = &mut self.load {
            (load.busy, load.running) = (0, 0);
        }
    }

    /// Says so when all load is over, and hands the last window over once that is asked for.
    pub(super) fn finish_if_done(&mut self) {
        let Some(load) = &mut self.load else { return };
        if load.busy > 0 || !self.waits.is_empty() {
            return;
        }
        if load.arrivals.as_ref().is_some_and(|arrivals| arrivals.peek().is_some()) {
            return;
        }
        if !load.finished {
            load.finished = true;
            self.tally.recorder.users(0);
            self.state.set_users(0);
            self.state.set_finished(true);
        }
        if !load.waiting.is_empty() {
            self.tally.recorder.end_step(clock::now());
            if let Some(load) = self.load.take() {
                for done in load.waiting {
                    // Who no longer waits (a cancelled shutdown) asks again.
                    let _ = done.send(());
                }
            }
        }
    }
}
