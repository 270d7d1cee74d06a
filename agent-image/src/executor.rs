//! How any load tool plugs in: five phases, and windows of what it did.
//!
//! The phases are Taurus': `prepare` ↔ `post_process` once a run, `startup` ↔ `shutdown` once a step, both
//! pairs always mirrored (whoever prepared is post-processed, also after an error), `check` in between.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use loads_wire::Plan;
use loads_wire::message::StopMode;
use loads_wire::plan::Length;
use serde::{Deserialize, Serialize};

use crate::record::WindowSink;

/// What every executor is given when it is made.
#[derive(Debug, Clone)]
pub struct ExecutorContext {
    /// What the run is to do.
    pub plan: Arc<Plan>,
    /// This agent's number, 0-based.
    pub index: u32,
    /// This agent's id in runner messages.
    pub agent_id: String,
    /// The test dir: where test code lies and where executors' processes run.
    pub work_dir: PathBuf,
    /// Cells, logs and sockets of this agent process.
    pub state_dir: PathBuf,
    /// The Python interpreter that has the run's dependencies.
    pub python: PathBuf,
    /// Folders to put on Python's path, in this order.
    pub python_path: Vec<PathBuf>,
    /// CPU cores that this agent's load may use (at least 1).
    pub cores: u32,
    /// Where windows go.
    pub sink: WindowSink,
}

/// One step, as this agent is to carry it out. Times are [`crate::clock::now`] nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOrder {
    /// 0-based.
    pub step: u16,
    /// Users of this agent; with a rate, the most executions in flight.
    pub users: u32,
    /// Hits for each user, or seconds.
    pub length: Length,
    /// The run's start instant T: windows count seconds from it.
    pub run_start: u64,
    /// When this step's load begins.
    pub start: u64,
    /// When it ends (duration steps).
    pub end: Option<u64>,
    /// Executions left to do in this step, where this process replaces a lost one; spread over the users.
    pub executions: Option<u64>,
}

/// What [`Executor::check`] saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The step's load goes on.
    Running,
    /// All of the step's load is finished.
    Finished,
}

/// Why an executor can not go on. The message says what, where, why and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The test, the bundle or the options are wrong: trying again can not help.
    #[error("{0}")]
    Configuration(String),
    /// Something of this machine failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, on what.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: names what was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A load tool. Adding one: docs/adding-an-executor.md.
#[async_trait]
pub trait Executor: Send {
    /// Once: read the options, open resources, start what takes long (interpreters, connections to them).
    async fn prepare(&mut self) -> Result<(), Error>;

    /// For each step, shortly before `order.start`: get everything going so that load begins at that instant.
    async fn startup(&mut self, order: StepOrder) -> Result<(), Error>;

    /// Polled about every 50 ms; returns at once.
    async fn check(&mut self) -> Result<Check, Error>;

    /// The step is over (finished, past its end, or stopped): let what is in flight finish within the drain
    /// time ([`StopMode::Drain`]) or cut it ([`StopMode::Now`]), and hand over the last windows of the step.
    /// Cancelling this future and calling it again with [`StopMode::Now`] must cut the drain short.
    async fn shutdown(&mut self, mode: StopMode) -> Result<(), Error>;

    /// Once, whatever happened: close what `prepare` opened.
    async fn post_process(&mut self) -> Result<(), Error>;

    /// When the step's first execution began, if the tool tells ([`crate::clock::now`] nanoseconds): the start
    /// skew is measured by it.
    fn began(&self) -> Option<u64> {
        None
    }

    /// Users (or executions) active now.
    fn users(&self) -> u32;
}
