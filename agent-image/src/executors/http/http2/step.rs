//! A step on an HTTP/2 lane: its users or arrivals as tasks, and its end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::exchange::BACK_OFF;
use super::super::load::{executions, lane_arrivals, lane_users};
use super::super::schedule::user_start;
use super::Shared;
use crate::clock;
use crate::executor::StepOrder;
use crate::record::Cell as Outcome;

/// A step in progress.
pub struct Step {
    order: StepOrder,
    /// Nothing new begins.
    pub ending: CancellationToken,
    /// What is in flight is cut.
    pub cut: CancellationToken,
    /// All load is over.
    pub finished: CancellationToken,
    active: Cell<u32>,
}

impl Step {
    fn is_over(&self) -> bool {
        self.ending.is_cancelled() || clock::now() >= self.order.end.unwrap_or(u64::MAX)
    }

    /// False when the step ended before.
    async fn wait_until(&self, instant: u64) -> bool {
        tokio::select! {
            biased;
            () = self.ending.cancelled() => false,
            () = sleep_until(at(instant)) => true,
        }
    }

    fn change(&self, shared: &Shared, by: i32) {
        self.active.set(self.active.get().saturating_add_signed(by));
        shared.tally.borrow_mut().recorder.users(self.active.get());
    }
}

fn at(instant: u64) -> Instant {
    Instant::now() + Duration::from_nanos(instant.saturating_sub(clock::now()))
}

/// Starts the step's tasks.
pub fn begin(shared: &Rc<Shared>, order: StepOrder) -> Rc<Step> {
    let now = clock::now().max(order.start);
    shared.tally.borrow_mut().recorder.begin_step(order.run_start, order.step, now);
    let step = Rc::new(Step {
        order,
        ending: CancellationToken::new(),
        cut: CancellationToken::new(),
        finished: CancellationToken::new(),
        active: Cell::new(0),
    });
    tokio::task::spawn_local(supervise(Rc::clone(shared), Rc::clone(&step)));
    step
}

async fn supervise(shared: Rc<Shared>, step: Rc<Step>) {
    let mut work = JoinSet::new();
    if let Some(rate) = shared.setting.rate {
        work.spawn_local(admit(Rc::clone(&shared), Rc::clone(&step), rate));
    } else {
        for n in 0..lane_users(&shared.setting, step.order.users) {
            work.spawn_local(user(Rc::clone(&shared), Rc::clone(&step), n));
        }
    }
    let mut ticks = interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut cut_at = None;
    loop {
        tokio::select! {
            done = work.join_next() => if done.is_none() { break },
            _ = ticks.tick() => {
                shared.tally.borrow_mut().recorder.tick(clock::now());
                shared.state.set_users(step.active.get());
            }
            () = step.ending.cancelled(), if cut_at.is_none() => {
                let from = step.order.end.unwrap_or(u64::MAX).min(clock::now());
                cut_at = Some(at(from + shared.setting.drain));
            }
            () = sleep_until(at(step.order.end.unwrap_or(0))), if step.order.end.is_some() && cut_at.is_none() => {
                step.ending.cancel();
            }
            () = sleep_until(cut_at.unwrap_or_else(Instant::now)), if cut_at.is_some() => step.cut.cancel(),
        }
    }
    shared.tally.borrow_mut().recorder.users(0);
    shared.state.set_users(0);
    shared.state.set_finished(true);
    step.finished.cancel();
}

/// Closed model: one user's loop.
async fn user(shared: Rc<Shared>, step: Rc<Step>, n: u32) {
    let setting = &shared.setting;
    let (number, users) = (n * setting.lanes + setting.lane, step.order.users);
    let mut left = executions(&step.order, number, users);
    let after = user_start(number, users, setting.agent, setting.agents, setting.ramp_up);
    if !step.wait_until(step.order.start + after).await {
        return;
    }
    step.change(&shared, 1);
    while left > 0 && !step.is_over() {
        left -= u64::from(left != u64::MAX);
        execute(&shared, &step, n).await;
    }
    step.change(&shared, -1);
}

async fn execute(shared: &Shared, step: &Step, n: u32) {
    let scenario = &shared.setting.scenario;
    let drawn = scenario.weights.as_ref().map(|weights| weights.draw(&mut shared.random.borrow_mut()));
    let list = drawn.map_or(0..scenario.requests.len(), |request| request..request + 1);
    shared.tally.borrow_mut().recorder.test_started();
    let (first, mut worst) = (list.start, Outcome::Success);
    for request in list {
        if request != first && step.is_over() {
            worst = Outcome::Interrupted;
            break;
        }
        let ended = shared.request(step, n, request, None).await;
        worst = match (worst, ended.outcome) {
            (_, Outcome::Interrupted) => Outcome::Interrupted,
            (Outcome::Errors, _) | (_, Outcome::Errors) => Outcome::Errors,
            (Outcome::Failures, _) | (_, Outcome::Failures) => Outcome::Failures,
            _ => worst,
        };
        if ended.rest {
            step.wait_until(clock::now() + BACK_OFF).await;
        }
        if worst == Outcome::Interrupted {
            break;
        }
    }
    shared.tally.borrow_mut().recorder.test_ended(worst);
}

/// Users of the open model; the one that became free last comes first, its connection is warm.
struct Free {
    permits: Arc<Semaphore>,
    seats: RefCell<Vec<u32>>,
    used: Cell<u32>,
}

impl Free {
    fn take(&self) -> u32 {
        self.seats.borrow_mut().pop().unwrap_or_else(|| self.used.replace(self.used.get() + 1))
    }
}

/// Open model: one task for each arrival, as far as there are free users.
async fn admit(shared: Rc<Shared>, step: Rc<Step>, rate: u32) {
    let order = step.order;
    let mut arrivals = lane_arrivals(&shared.setting, &order, rate, clock::now());
    let permits = Arc::new(Semaphore::new(lane_users(&shared.setting, order.users) as usize));
    let free = Rc::new(Free { permits, seats: RefCell::default(), used: Cell::new(0) });
    let mut flying = JoinSet::new();
    let mut counted = false;
    while let Some((k, after)) = arrivals.peek() {
        let due = order.start + after;
        if due >= order.end.unwrap_or(u64::MAX) || !step.wait_until(due).await {
            break;
        }
        counted = free.permits.available_permits() == 0;
        shared.tally.borrow_mut().recorder.totals_mut().delayed += u64::from(counted);
        let acquiring = Arc::clone(&free.permits).acquire_owned();
        let permit = tokio::select! {
            biased;
            () = step.ending.cancelled() => break,
            Ok(permit) = acquiring => permit,
        };
        counted = false;
        arrivals.advance();
        let (shared, step, free) = (Rc::clone(&shared), Rc::clone(&step), Rc::clone(&free));
        flying.spawn_local(async move {
            arrive(&shared, &step, &free, k, due).await;
            drop(permit);
        });
        while flying.try_join_next().is_some() {}
    }
    if counted {
        arrivals.advance();
    }
    // Arrivals that were due and found no user will not happen; that they waited is counted.
    let end = order.end.unwrap_or(u64::MAX).min(clock::now());
    while arrivals.peek().is_some_and(|(_, after)| order.start + after < end) {
        shared.tally.borrow_mut().recorder.totals_mut().delayed += 1;
        arrivals.advance();
    }
    while flying.join_next().await.is_some() {}
}

async fn arrive(shared: &Shared, step: &Step, free: &Free, k: u64, due: u64) {
    let scenario = &shared.setting.scenario;
    let in_turn = (k % scenario.requests.len() as u64) as usize;
    let drawn = scenario.weights.as_ref().map(|weights| weights.draw(&mut shared.random.borrow_mut()));
    let seat = free.take();
    step.change(shared, 1);
    shared.tally.borrow_mut().recorder.test_started();
    let ended = shared.request(step, seat, drawn.unwrap_or(in_turn), Some(due)).await;
    shared.tally.borrow_mut().recorder.test_ended(ended.outcome);
    step.change(shared, -1);
    free.seats.borrow_mut().push(seat);
}
