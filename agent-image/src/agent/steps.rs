//! The load: every step by the timetable, with its pauses.

use loads_wire::Plan;
use loads_wire::message::{AgentState, StopMode};
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::Error;
use super::inbox::Welcome;
use super::life::Life;
use super::timetable::{Stint, Turn, turn};
use crate::clock::{self, SECOND};
use crate::executor::{Check, Executor, StepOrder};
use crate::session::Command;

/// How often an executor is asked whether its step is finished.
const CHECK: Duration = Duration::from_millis(50);
/// The same until the load has begun: what the start skew is measured with.
const LOOK: Duration = Duration::from_millis(5);
/// Seconds an executor may take beyond the drain time before it is told to cut: more than a runner gets
/// between SIGTERM and SIGKILL.
const DRAIN_SLACK: u64 = 8;

/// How a stint of a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All of its load is done, its time is over, or the load has to end.
    Over,
    /// The load is paused.
    Paused,
}

impl Life {
    /// Whether all steps are done.
    pub(super) async fn steps(
        &mut self,
        welcome: &Welcome,
        executor: &mut dyn Executor,
    ) -> Result<bool, Error> {
        let Some(run_start) = self.inbox.start else { return Ok(false) };
        for step in 0..welcome.plan.steps.len() as u16 {
            let mut before: Option<Stint> = None;
            while let Some(turn) = self.turn(welcome, step, run_start, before).await {
                let Turn::Go(order) = turn else { break };
                let paused_before = self.inbox.pauses.nanos;
                let stint = before.get_or_insert(Stint { paused_before, started: 0 });
                let end = self.stint(&welcome.plan, order, executor).await?;
                self.sink.flush().await;
                stint.started = self.sink.started(step);
                if end == End::Over {
                    break;
                }
            }
            if self.is_ended() {
                return Ok(false);
            }
            self.sink.flush().await;
            self.tell(Command::StepDone(step));
        }
        Ok(true)
    }

    fn is_ended(&self) -> bool {
        self.inbox.stop.is_some() || self.inbox.end.is_some()
    }

    /// Waits for this step's turn; none when the load has to end.
    async fn turn(
        &mut self,
        welcome: &Welcome,
        step: u16,
        run_start: u64,
        before: Option<Stint>,
    ) -> Option<Turn> {
        while !self.is_ended() {
            let barrier = self.inbox.step_starts.get(&step).copied();
            let pauses = self.inbox.pauses;
            self.status.update(|s| s.pauses = pauses);
            let turn = turn(welcome, step, (run_start, barrier), &pauses, before, clock::now());
            let waits = match turn {
                Turn::Missed => return Some(turn),
                Turn::Wait => None,
                _ if pauses.on() => None,
                // A step that goes on began in the past: only here it is kept from beginning too early.
                Turn::Go(_) if clock::now() < pauses.resumed_at => Some(pauses.resumed_at - clock::now()),
                Turn::Go(_) => return Some(turn),
            };
            tokio::select! {
                () = self.inbox.next() => {}
                () = sleep(Duration::from_nanos(waits.unwrap_or(0))), if waits.is_some() => {}
            }
        }
        None
    }

    /// Carries a step out, up to its end or a pause.
    async fn stint(
        &mut self,
        plan: &Plan,
        order: StepOrder,
        executor: &mut dyn Executor,
    ) -> Result<End, Error> {
        self.status.update(|s| (s.state, s.step) = (AgentState::Running, order.step));
        executor.startup(order).await?;
        self.note_skew(plan, order, clock::now());
        let over = |now| order.end.is_some_and(|end| now >= end);
        let (mut end, mut skew_known) = (End::Over, false);
        while executor.check().await? == Check::Running && !over(clock::now()) {
            tokio::select! {
                // Past a second of skew nobody asks for its milliseconds.
                () = sleep(if skew_known || clock::now() > order.start + SECOND { CHECK } else { LOOK }) => {
                    self.status.update(|s| s.users = executor.users());
                    if !skew_known && let Some(began) = executor.began() {
                        self.note_skew(plan, order, began);
                        skew_known = true;
                    }
                }
                () = self.inbox.next() => {}
            }
            if self.is_ended() {
                break;
            }
            if self.inbox.pauses.on() {
                end = End::Paused;
                break;
            }
        }
        if let Some(began) = executor.began().filter(|_| !skew_known) {
            self.note_skew(plan, order, began);
        }
        self.shut_down(plan, executor).await?;
        self.status.update(|s| s.users = 0);
        Ok(end)
    }

    /// How far from T the load began. With a ramp or a rate most agents are to begin later: there only the
    /// lateness of the executor itself counts.
    fn note_skew(&self, plan: &Plan, order: StepOrder, began: u64) {
        if order.step != 0 || self.inbox.pauses.resumed_at != 0 {
            return;
        }
        let spread = plan.ramp_up_seconds > 0 || plan.rate.is_some();
        let late = began.saturating_sub(order.start) / 1000;
        self.status.update(|s| {
            let known = s.start_skew_micros.is_some();
            if !(known && spread) {
                s.start_skew_micros = i64::try_from(late).ok();
            }
        });
    }

    /// Lets the executor drain, and cuts the drain short when it takes too long or when told to.
    async fn shut_down(&mut self, plan: &Plan, executor: &mut dyn Executor) -> Result<(), Error> {
        let cut_now = self.inbox.stop == Some(StopMode::Now) || self.inbox.end.is_some();
        if !cut_now {
            let mut limit = Instant::now() + Duration::from_secs(u64::from(plan.drain_seconds) + DRAIN_SLACK);
            if let Some(told) = self.inbox.told_to_go {
                // The rest of the grace time is for the delivery.
                limit = limit.min(told + self.config.grace * 3 / 5);
            }
            tokio::select! {
                drained = executor.shutdown(StopMode::Drain) => return Ok(drained?),
                () = self.inbox.until_cut() => {}
                () = sleep_until(limit) => tracing::warn!("the executor did not drain in time: cutting"),
            }
        }
        Ok(executor.shutdown(StopMode::Now).await?)
    }
}
