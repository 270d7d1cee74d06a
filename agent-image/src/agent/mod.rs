//! The life of an agent process: recover, register, prepare, steps, deliver, leave.

mod inbox;
mod life;
mod steps;
mod targets;
mod timetable;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loads_transport::ClientTls;
use loads_wire::message::{Problem, StopMode};
use loads_wire::target::Refusal;
use tokio::sync::watch;

use crate::bundle::{self, Mounted};
use crate::clock;
use crate::executor::Error as ExecutorError;
use crate::record::WindowSink;
use crate::session::{Delivery, Session, SessionConfig, Status};
use crate::spool::{self, Former};

/// Where an agent works and whom it serves.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Run id.
    pub run: String,
    /// This agent's number, 0-based.
    pub index: u32,
    /// Endpoint of the broker's control socket.
    pub control: String,
    /// Endpoint of the broker's results socket.
    pub results: String,
    /// Folder of this agent index: spools and cells of all its processes.
    pub state_dir: PathBuf,
    /// Where test code lies and executors' processes run.
    pub work_dir: PathBuf,
    /// The Python interpreter that has the run's dependencies.
    pub python: PathBuf,
    /// Folders to put on Python's path.
    pub python_path: Vec<PathBuf>,
    /// Cores that the load may use (at least 1).
    pub cores: u32,
    /// Whether this agent reports the process' CPU time (one agent of a process does).
    pub reports_cpu: bool,
    /// The program that becomes the keeper of runners in other languages by `keep-runners`, where they are
    /// to be heard to the end even if this process is killed; none: this process hears them.
    pub keeper: Option<PathBuf>,
    /// Send no load: deliver what former processes of this index left, and leave.
    pub recover_only: bool,
    /// Where the bundle is mounted; none: `work_dir` holds the test as it is.
    pub bundle: Option<Mounted>,
    /// How the broker is reached over a network.
    pub tls: Option<ClientTls>,
    /// How long to look for the broker at first.
    pub find_broker: Duration,
    /// From the order to go to the exit, at most.
    pub grace: Duration,
}

impl AgentConfig {
    /// For [`AgentConfig::find_broker`].
    pub const FIND_BROKER: Duration = Duration::from_mins(1);
    /// For [`AgentConfig::grace`]: below the 30 s that Kubernetes gives by default.
    pub const GRACE: Duration = Duration::from_secs(25);
}

/// How an agent's life ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is delivered and the broker said bye.
    Delivered,
    /// Told to go by its supervisor, and everything is delivered; the run may go on.
    Left,
    /// The broker was silent for too long; undelivered windows are in the spool.
    BrokerLost,
    /// The broker sent this process away.
    Refused {
        /// Why.
        reason: String,
        /// Whether a newer process of this index took over.
        superseded: bool,
    },
}

/// Why an agent could not live at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state folder can not be used.
    #[error(
        "the agent's state folder {path} can not be used: {source}; choose a writable one with --state-dir"
    )]
    State {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The endpoints can not be used.
    #[error(transparent)]
    Transport(#[from] loads_transport::Error),
    /// The broker was never reached.
    #[error("no broker answered at {endpoint} within {seconds} s: is it running, and is the address right?")]
    NoBroker {
        /// Where.
        endpoint: String,
        /// How long.
        seconds: u64,
    },
    /// The executor can not do what the plan says.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The test dir can not be filled.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// Load may not go to the server under test.
    #[error("serverURL {url} is refused: {refusal}")]
    Target {
        /// As given.
        url: String,
        /// Why.
        refusal: Refusal,
    },
}

impl Error {
    /// Whether another process of this agent would meet the same: the test or its surroundings are wrong.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Executor(error) => matches!(error, ExecutorError::Configuration(_)),
            // A full disk may be another node's matter no more.
            Self::Bundle(error) => !matches!(error, bundle::Error::Write { .. }),
            Self::Target { .. } => true,
            Self::State { .. } | Self::Transport(_) | Self::NoBroker { .. } => false,
        }
    }

    /// What part of preparing this is about.
    fn problem(&self) -> Problem {
        match self {
            Self::Bundle(error) => error.problem(),
            Self::Target { .. } => Problem::Target,
            _ => Problem::Test,
        }
    }
}

/// Lives one agent's life. `stop` may change from none to drain to now at any time: the order to go.
pub async fn run(config: AgentConfig, stop: watch::Receiver<Option<StopMode>>) -> Result<Outcome, Error> {
    let state = |source| Error::State { path: config.state_dir.clone(), source };
    let _claim = spool::claim(&config.state_dir).map_err(state)?;
    let formers = spool::recover(&config.state_dir).map_err(state)?;
    let epoch = epoch(&config, &formers);
    let (epoch_dir, own) = spool::start_epoch(&config.state_dir, epoch).map_err(state)?;
    let (sink, items) = WindowSink::channel();
    let status = Status::new();
    let session = SessionConfig {
        run: config.run.clone(),
        index: config.index,
        epoch,
        control: config.control.clone(),
        results: config.results.clone(),
        cores: config.cores,
        reports_cpu: config.reports_cpu,
        tls: config.tls.clone(),
        recover_only: config.recover_only,
    };
    let delivery = Delivery::new(formers, epoch, own);
    let (say, hear) = Session::start(session, status.clone(), delivery, items)?;
    let inbox = inbox::Inbox::new(hear, stop);
    let config = Arc::new(config);
    let life = life::Life { config: Arc::clone(&config), epoch_dir, sink, status, say, inbox };
    let outcome = life.live().await;
    if matches!(outcome, Ok(Outcome::Delivered | Outcome::Left)) {
        spool::note_delivered(&config.state_dir, epoch)
            .map_err(|source| Error::State { path: config.state_dir.clone(), source })?;
    }
    outcome
}

/// A process that takes the load over comes after all others. One that only delivers comes right after those
/// whose windows it has, so that it never fences a successor that is at work somewhere else.
fn epoch(config: &AgentConfig, formers: &[Former]) -> u64 {
    match formers.iter().map(|former| former.epoch).max() {
        Some(newest) if config.recover_only => newest + 1,
        _ => clock::unix_now(),
    }
}

/// A plan for tests, of one agent.
#[cfg(test)]
pub(crate) fn test_plan(steps: Vec<loads_wire::plan::Step>) -> loads_wire::Plan {
    use loads_wire::plan::{ExecutorPlan, ExternalPlan, OnAgentLoss};
    loads_wire::Plan {
        run_id: "r".into(),
        test: "t".into(),
        executor: ExecutorPlan::External(ExternalPlan { command: vec!["true".into()] }),
        server_url: None,
        agents: 1,
        min_agents: 1,
        steps,
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 60,
        broker_silence_seconds: 60,
        drain_seconds: 10,
        on_agent_loss: OnAgentLoss::Replace,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}
