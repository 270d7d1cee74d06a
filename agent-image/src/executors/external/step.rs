//! One step: its runners from start to end, and everything that they say.

use std::path::PathBuf;

use bytes::Bytes;
use futures::FutureExt;
use loads_transport::Puller;
use loads_wire::message::StopMode;
use loads_wire::plan::Length;
use nix::sys::signal::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::launch::{Launched, Launcher, users};
use super::runner::Runner;
use super::tally::Tally;
use crate::clock::{self, SECOND};
use crate::executor::{ExecutorContext, StepOrder};
use crate::record::Recorder;

const TICK: Duration = Duration::from_millis(20);
/// Messages counted before anything else gets a turn.
const BATCH: usize = 512;
/// From SIGTERM to SIGKILL, and from SIGKILL to giving up.
const MERCY: u64 = 5 * SECOND;
/// The same for runners of an agent that is gone, whose successor waits.
const ORPHANS_MERCY: u64 = SECOND;
/// A hits step whose runners say nothing at all for this long, and the drain time, hangs.
const SILENCE: u64 = 60 * SECOND;
/// After the last runner's end: without connections nothing is under way but a connection not yet accepted;
/// with some, what they hold comes at once.
const QUIET: u64 = SECOND / 5;
const QUIET_CONNECTED: u64 = SECOND;

/// How a step is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Runners get the drain time.
    Drain,
    /// Runners are killed.
    Now,
    /// The agent is gone: what runners have told is all that counts, and it counts soon.
    Orphaned,
}

impl From<StopMode> for Halt {
    fn from(mode: StopMode) -> Self {
        match mode {
            StopMode::Drain => Self::Drain,
            StopMode::Now => Self::Now,
        }
    }
}

/// How far a step is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Runners that run.
    pub alive: u32,
    /// When the load began ([`crate::clock::now`]).
    pub began: Option<u64>,
    /// All are over and everything is counted.
    pub finished: bool,
    /// Why no runner can ever be started.
    pub fatal: Option<String>,
}

/// A step under way.
pub(super) struct Step {
    order: StepOrder,
    launcher: Launcher,
    puller: Puller,
    tally: Tally,
    runners: Vec<Runner>,
    log_dir: PathBuf,
    drain: u64,
    phase: Phase,
    /// Why runners that are cut have themselves to blame.
    late: Option<String>,
    heard_at: u64,
    progress: Progress,
    /// The agent is gone.
    orphaned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// SIGTERM is sent; SIGKILL follows at this instant.
    Terminating(u64),
    /// SIGKILL is sent; who is still there at this instant is given up.
    Killing(u64),
    /// No runner is left; messages may be.
    Draining,
    Over,
}

impl Step {
    pub(super) fn new(
        context: &ExecutorContext,
        order: StepOrder,
        launcher: Launcher,
        puller: Puller,
        recorder: Recorder,
    ) -> Self {
        let plan = &context.plan;
        let ramp_up = u64::from(plan.ramp_up_seconds) * SECOND;
        let runners = users(&order, context.index, plan.agents, ramp_up).into_iter().map(Runner::new);
        Self {
            order,
            launcher,
            puller,
            tally: Tally::new(recorder, &order, &plan.run_id, &plan.test),
            runners: runners.collect(),
            log_dir: context.state_dir.clone(),
            drain: u64::from(plan.drain_seconds) * SECOND,
            phase: Phase::Running,
            late: None,
            heard_at: order.start.max(clock::now()),
            progress: Progress::default(),
            orphaned: false,
        }
    }

    /// Runs to the end; gives the recorder back.
    pub(super) async fn run(
        mut self,
        mut stop: watch::Receiver<Option<Halt>>,
        progress: watch::Sender<Progress>,
    ) -> Recorder {
        let (answer, mut launched) = mpsc::unbounded_channel();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.phase != Phase::Over {
            tokio::select! {
                // A flood of messages must delay neither the clock nor a stop.
                biased;
                _ = ticks.tick() => {
                    self.tend(clock::now(), &answer);
                    progress.send_replace(self.progress.clone());
                }
                Ok(()) = stop.changed() => {
                    let how = *stop.borrow();
                    self.stop(how, clock::now());
                }
                Some(launched) = launched.recv() => self.note_launched(launched),
                message = self.puller.recv() => {
                    self.hear(&message);
                    tokio::task::yield_now().await;
                }
            }
        }
        let began = self.tally.began();
        let recorder = self.tally.end(self.orphaned);
        progress.send_replace(Progress { alive: 0, began, finished: true, fatal: self.progress.fatal });
        recorder
    }

    /// Counts a message and those that wait behind it.
    fn hear(&mut self, first: &Bytes) {
        self.tally.note(first);
        for _ in 1..BATCH {
            let Some(message) = self.puller.recv().now_or_never() else { break };
            self.tally.note(&message);
        }
        self.heard_at = clock::now();
    }

    fn note_launched(&mut self, launched: Launched) {
        let Some(runner) = self.runners.get_mut(launched.runner) else { return };
        match launched.process {
            Ok((child, output)) => {
                let number = runner.user.number + 1;
                let log = self.log_dir.join(format!("runner-{}-{number}.log", self.order.step));
                if let Err(reason) = runner.output.read(output, log) {
                    tracing::warn!(user = number, %reason, "a runner's output can not be read");
                }
                runner.started(Some(child));
            }
            Err(reason) => {
                runner.started(None);
                let why = format!(
                    "external executor: the runner can not be started: {reason}; check spec.external.command, \
                     the bundle's file modes and the agent's limits"
                );
                self.progress.fatal.get_or_insert(why);
                self.stop(Some(Halt::Now), clock::now());
            }
        }
    }

    /// Ends the step early, or as the end of its time demands.
    fn stop(&mut self, how: Option<Halt>, now: u64) {
        match how {
            None => {}
            // Its time is over: runners get the drain time to end by themselves.
            Some(Halt::Drain) if self.order.end.is_some_and(|end| now >= end) => {}
            Some(Halt::Drain) => self.terminate(now, self.drain),
            Some(Halt::Now) => self.kill(now),
            Some(Halt::Orphaned) => {
                self.orphaned = true;
                self.terminate(now, ORPHANS_MERCY);
                if let Phase::Terminating(until) = &mut self.phase {
                    *until = (*until).min(now + ORPHANS_MERCY);
                }
            }
        }
    }

    fn terminate(&mut self, now: u64, mercy: u64) {
        if self.phase == Phase::Running {
            self.runners.iter_mut().for_each(|runner| runner.cut(Signal::SIGTERM));
            self.phase = Phase::Terminating(now + mercy);
        }
    }

    fn kill(&mut self, now: u64) {
        if matches!(self.phase, Phase::Running | Phase::Terminating(_)) {
            self.runners.iter_mut().for_each(|runner| runner.cut(Signal::SIGKILL));
            self.phase = Phase::Killing(now + MERCY);
        }
    }

    /// Everything that time demands.
    fn tend(&mut self, now: u64, answer: &mpsc::UnboundedSender<Launched>) {
        let endpoint = self.puller.endpoint();
        for runner in self.runners.iter_mut().filter(|runner| runner.is_due(now)) {
            runner.starting();
            self.launcher.launch(&runner.user, &self.order, &endpoint, answer);
        }
        self.watch(now);
        match self.phase {
            Phase::Running => self.check_limits(now),
            Phase::Terminating(until) if now >= until => self.kill(now),
            Phase::Killing(until) if now >= until => self.runners.iter_mut().for_each(Runner::abandon),
            Phase::Draining if self.is_quiet(now) => self.phase = Phase::Over,
            _ => {}
        }
        let draining = matches!(self.phase, Phase::Draining | Phase::Over);
        if !draining && self.runners.iter().all(Runner::is_over) {
            self.heard_at = now;
            self.phase = Phase::Draining;
        }
    }

    fn watch(&mut self, now: u64) {
        for runner in &mut self.runners {
            runner.watch(now);
            let Some(end) = runner.take_end(now) else { continue };
            if let Some((kind, message)) = end.error(self.late.as_deref()) {
                self.tally.runner_error(kind, &message, &runner.output.tail());
            }
            self.tally.runner_ended(end);
        }
        self.progress.alive = self.runners.iter().filter(|runner| runner.is_alive()).count() as u32;
        self.progress.began = self.tally.began();
        self.tally.tick(self.progress.alive);
    }

    fn check_limits(&mut self, now: u64) {
        let drain = self.drain / SECOND;
        let late = match (self.order.length, self.order.end) {
            (Length::Seconds(seconds), Some(end)) => (now >= end + self.drain)
                .then(|| format!("the runner went on {drain} s after the step's {seconds} s were over")),
            _ => (now >= self.heard_at + SILENCE + self.drain).then(|| {
                format!("the runner did not end, and none said anything for {} s", SILENCE / SECOND + drain)
            }),
        };
        if late.is_some() {
            self.late = late;
            self.terminate(now, MERCY);
        }
    }

    /// Whether nothing more can come of runners that are over.
    fn is_quiet(&self, now: u64) -> bool {
        let silence = now.saturating_sub(self.heard_at);
        silence >= if self.puller.connections() == 0 { QUIET } else { QUIET_CONNECTED }
    }
}
