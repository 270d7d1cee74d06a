//! The life cycle itself.

use std::path::PathBuf;
use std::sync::Arc;

use loads_wire::Plan;
use loads_wire::message::{AgentState, StopMode};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep, timeout_at};

use super::inbox::{Inbox, Welcome};
use super::timetable::{Turn, turn};
use super::{AgentConfig, Error, Outcome};
use crate::clock::{self, SECOND};
use crate::executor::{Check, Executor, ExecutorContext, StepOrder};
use crate::executors;
use crate::record::WindowSink;
use crate::session::{Command, Status};

/// How often an executor is asked whether its step is finished.
const CHECK: Duration = Duration::from_millis(50);
/// How long an agent looks for its broker at first.
const FIND_BROKER: Duration = Duration::from_mins(1);
/// Seconds an executor may take beyond the drain time before it is told to cut: more than a runner gets
/// between SIGTERM and SIGKILL.
const DRAIN_SLACK: u64 = 8;

/// One agent process.
pub struct Life {
    /// Who and where.
    pub config: Arc<AgentConfig>,
    /// Cells and logs of this process.
    pub epoch_dir: PathBuf,
    /// Where executors put their windows.
    pub sink: WindowSink,
    /// What heartbeats tell.
    pub status: Status,
    /// To the session.
    pub say: mpsc::UnboundedSender<Command>,
    /// From the session.
    pub inbox: Inbox,
}

impl Life {
    /// From the first registration to the last word.
    pub async fn live(mut self) -> Result<Outcome, Error> {
        let welcome = self.welcome().await?;
        let mut failure = None;
        if let Some(welcome) = &welcome
            && !self.config.recover_only
        {
            failure = self.work(welcome).await.err();
        }
        if let Some(error) = &failure {
            self.tell(Command::PrepareFailed(error.to_string()));
        }
        self.leave(welcome.as_ref().map(|w| &w.plan)).await;
        match failure {
            Some(error) => Err(error),
            None => Ok(self.inbox.end.unwrap_or(Outcome::BrokerLost)),
        }
    }

    async fn welcome(&mut self) -> Result<Option<Welcome>, Error> {
        let deadline = Instant::now() + FIND_BROKER;
        if timeout_at(deadline, self.inbox.until(|i| i.welcome.is_some())).await.is_err() {
            let (endpoint, seconds) = (self.config.control.clone(), FIND_BROKER.as_secs());
            return Err(Error::NoBroker { endpoint, seconds });
        }
        Ok(self.inbox.welcome.clone())
    }

    async fn work(&mut self, welcome: &Welcome) -> Result<(), Error> {
        let context = ExecutorContext {
            plan: Arc::new(welcome.plan.clone()),
            index: self.config.index,
            agent_id: format!("{}-{}", self.config.run, self.config.index),
            work_dir: self.config.work_dir.clone(),
            state_dir: self.epoch_dir.clone(),
            python: self.config.python.clone(),
            python_path: self.config.python_path.clone(),
            cores: self.config.cores.max(1),
            sink: self.sink.clone(),
        };
        let mut executor = executors::build(context, self.config.keeper.as_deref())?;
        let done = match self.prepare(executor.as_mut()).await {
            Ok(()) => self.steps(welcome, executor.as_mut()).await,
            Err(error) => Err(error),
        };
        let closed = executor.post_process().await;
        done?;
        Ok(closed?)
    }

    async fn prepare(&mut self, executor: &mut dyn Executor) -> Result<(), Error> {
        tokio::select! {
            prepared = executor.prepare() => prepared?,
            () = self.inbox.until(|_| false) => return Ok(()),
        }
        self.status.update(|s| s.state = AgentState::Ready);
        self.tell(Command::Prepared);
        self.inbox.until(|i| i.start.is_some()).await;
        Ok(())
    }

    async fn steps(&mut self, welcome: &Welcome, executor: &mut dyn Executor) -> Result<(), Error> {
        let Some(run_start) = self.inbox.start else { return Ok(()) };
        for step in 0..welcome.plan.steps.len() as u16 {
            let turn = loop {
                if self.inbox.stop.is_some() || self.inbox.end.is_some() {
                    return Ok(());
                }
                let barrier = self.inbox.step_starts.get(&step).copied();
                match turn(welcome, step, run_start, barrier, clock::now()) {
                    Turn::Wait => self.inbox.next().await,
                    other => break other,
                }
            };
            if let Turn::Go(order) = turn {
                self.step(&welcome.plan, order, executor).await?;
            }
            self.sink.flush().await;
            self.tell(Command::StepDone(step));
        }
        Ok(())
    }

    async fn step(
        &mut self,
        plan: &Plan,
        order: StepOrder,
        executor: &mut dyn Executor,
    ) -> Result<(), Error> {
        self.status.update(|s| (s.state, s.step) = (AgentState::Running, order.step));
        executor.startup(order).await?;
        self.note_skew(order);
        let over = |now| order.end.is_some_and(|end| now >= end);
        while executor.check().await? == Check::Running && !over(clock::now()) {
            tokio::select! {
                () = sleep(CHECK) => self.status.update(|s| s.users = executor.users()),
                () = self.inbox.next() => {}
            }
            if self.inbox.stop.is_some() || self.inbox.end.is_some() {
                break;
            }
        }
        self.shut_down(plan, executor).await?;
        self.status.update(|s| s.users = 0);
        Ok(())
    }

    fn note_skew(&self, order: StepOrder) {
        if order.step == 0 {
            let late = clock::now().saturating_sub(order.start) / 1000;
            self.status.update(|s| s.start_skew_micros = i64::try_from(late).ok());
        }
    }

    /// Lets the executor drain, and cuts the drain short when it takes too long or when told to.
    async fn shut_down(&mut self, plan: &Plan, executor: &mut dyn Executor) -> Result<(), Error> {
        let cut_now = self.inbox.stop == Some(StopMode::Now) || self.inbox.end.is_some();
        if !cut_now {
            let limit = Duration::from_secs(u64::from(plan.drain_seconds) + DRAIN_SLACK);
            tokio::select! {
                drained = executor.shutdown(StopMode::Drain) => return Ok(drained?),
                () = self.inbox.until_cut() => {}
                () = sleep(limit) => tracing::warn!("the executor did not drain in time: cutting"),
            }
        }
        Ok(executor.shutdown(StopMode::Now).await?)
    }

    /// Delivers everything and waits to be let go; without a broker, no longer than its silence may last.
    async fn leave(&mut self, plan: Option<&Plan>) {
        self.sink.flush().await;
        self.status.update(|s| s.state = AgentState::Draining);
        self.tell(Command::Done);
        let patience = plan.map_or(10, |p| u64::from(p.broker_silence_seconds));
        let mut last_word = clock::now();
        while self.inbox.end.is_none() {
            tokio::select! {
                () = self.inbox.next() => {}
                () = sleep(Duration::from_secs(1)) => {}
            }
            if !self.inbox.silent {
                last_word = clock::now();
            }
            if clock::now().saturating_sub(last_word) > patience * SECOND {
                return;
            }
        }
    }

    fn tell(&self, command: Command) {
        // The session ends only after its last word to us: then nobody needs to be told.
        let _ = self.say.send(command);
    }
}
