//! The life cycle itself, but for the load (`steps`).

use std::path::PathBuf;
use std::sync::Arc;

use loads_wire::Plan;
use loads_wire::message::AgentState;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep, timeout_at};

use super::inbox::{Inbox, Welcome};
use super::{AgentConfig, Error, Outcome, targets};
use crate::bundle;
use crate::clock::{self, SECOND};
use crate::executor::{Executor, ExecutorContext};
use crate::executors;
use crate::record::WindowSink;
use crate::session::{Command, Status};

/// How often a process that leaves looks whether it may.
const LOOK: Duration = Duration::from_millis(200);
/// What a process that is told to go keeps of its time for its exit, in seconds.
const EXIT: u64 = 2;

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
        let (mut failure, mut over) = (None, false);
        if let Some(welcome) = &welcome
            && !self.config.recover_only
        {
            match self.work(welcome).await {
                Ok(all_done) => over = all_done,
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = &failure {
            self.tell(Command::PrepareFailed(error.problem(), error.to_string()));
        }
        let ended = over || failure.is_some() || self.inbox.stopped_by_broker;
        self.leave(welcome.as_ref().map(|w| &w.plan), !ended).await;
        match failure {
            Some(error) => Err(error),
            None if self.inbox.settled => Ok(self.inbox.end.unwrap_or(Outcome::Left)),
            None => Ok(self.inbox.end.unwrap_or(Outcome::BrokerLost)),
        }
    }

    async fn welcome(&mut self) -> Result<Option<Welcome>, Error> {
        let deadline = Instant::now() + self.config.find_broker;
        if timeout_at(deadline, self.inbox.until(|i| i.welcome.is_some())).await.is_err() {
            let (endpoint, seconds) = (self.config.control.clone(), self.config.find_broker.as_secs());
            return Err(Error::NoBroker { endpoint, seconds });
        }
        Ok(self.inbox.welcome.clone())
    }

    /// Whether all steps are done.
    async fn work(&mut self, welcome: &Welcome) -> Result<bool, Error> {
        let plan = Arc::new(welcome.plan.clone());
        let config = Arc::clone(&self.config);
        let (work_dir, python_path) = tokio::select! {
            staged = stage(&config, &plan) => staged?,
            () = self.inbox.until(|_| false) => return Ok(false),
        };
        let mut executor = executors::build(ExecutorContext {
            plan,
            index: config.index,
            agent_id: format!("{}-{}", config.run, config.index),
            work_dir,
            state_dir: self.epoch_dir.clone(),
            python: config.python.clone(),
            python_path,
            cores: config.cores.max(1),
            sink: self.sink.clone(),
        })?;
        let done = match self.prepare(executor.as_mut()).await {
            Ok(()) => self.steps(welcome, executor.as_mut()).await,
            Err(error) => Err(error),
        };
        let closed = executor.post_process().await;
        let all_done = done?;
        closed?;
        Ok(all_done)
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

    /// Delivers everything and waits to be let go. A process that was told to go waits no longer than until
    /// the broker has everything, or its time is up; others, while the broker is silent, no longer than that
    /// may last.
    async fn leave(&mut self, plan: Option<&Plan>, unfinished: bool) {
        self.sink.flush().await;
        self.status.update(|s| s.state = AgentState::Draining);
        let goes = self.config.recover_only || self.inbox.told_to_go.is_some();
        self.tell(Command::Done { leaving: goes && unfinished });
        let patience = plan.map_or(10, |p| u64::from(p.broker_silence_seconds));
        let mut last_word = clock::now();
        while self.inbox.end.is_none() && !self.may_go() {
            tokio::select! {
                () = self.inbox.next() => {}
                () = sleep(LOOK) => {}
            }
            if !self.inbox.silent {
                last_word = clock::now();
            }
            if clock::now().saturating_sub(last_word) > patience * SECOND {
                return;
            }
        }
    }

    fn may_go(&self) -> bool {
        match self.inbox.told_to_go {
            Some(told) => {
                self.inbox.settled || told.elapsed() + Duration::from_secs(EXIT) >= self.config.grace
            }
            None => self.inbox.settled && self.config.recover_only,
        }
    }

    pub(super) fn tell(&self, command: Command) {
        // The session ends only after its last word to us: then nobody needs to be told.
        let _ = self.say.send(command);
    }
}

/// Everything that has to be right before an executor is made: the test dir, and Python's path.
async fn stage(config: &AgentConfig, plan: &Plan) -> Result<(PathBuf, Vec<PathBuf>), Error> {
    targets::check_server(plan).await?;
    let Some(mounted) = &config.bundle else {
        return Ok((config.work_dir.clone(), config.python_path.clone()));
    };
    let test_dir = bundle::stage(mounted, plan, &config.work_dir, &config.python).await?;
    let own = [mounted.deps_dir.clone(), test_dir.clone()];
    Ok((test_dir, own.into_iter().chain(config.python_path.iter().cloned()).collect()))
}
