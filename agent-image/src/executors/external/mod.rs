//! The `external` executor: a runner in any language, one process for each user and step, results over
//! ZeroMQ (docs/external-runners.md).
//!
//! What happens to a runner's message: `step` receives it, `tally` counts it. What happens to a runner:
//! `launch` starts it, `runner` watches it and says how it ended, `output` keeps what it printed. All of
//! this is in a process of its own where the agent has one (`keeper`).

mod keeper;
mod launch;
mod output;
mod runner;
mod step;
mod tally;

use std::path::Path;

use async_trait::async_trait;
use loads_transport::{Limits, Puller, raise_open_files};
use loads_wire::message::StopMode;
use loads_wire::plan::ExternalPlan;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::executor::{Check, Error, Executor, ExecutorContext, StepOrder};
use crate::record::{Cells, Recorder};
use crate::spool::{RUNNERS_CELLS, Unheard};
use launch::Launcher;
use step::{Halt, Progress, Step};

pub use keeper::keep_runners;

/// The executor: in a process of its own that `program` becomes by `keep-runners`, else in this one.
pub fn build(context: ExecutorContext, options: ExternalPlan, program: Option<&Path>) -> Box<dyn Executor> {
    match program {
        Some(program) => Box::new(keeper::Kept::new(context, program)),
        None => Box::new(External::new(context, options)),
    }
}

/// The `external` executor, its runners heard by this process.
pub struct External {
    context: ExecutorContext,
    options: ExternalPlan,
    launcher: Option<Launcher>,
    recorder: Option<Recorder>,
    current: Option<Current>,
}

/// The step that is going on.
struct Current {
    task: JoinHandle<Recorder>,
    stop: watch::Sender<Option<Halt>>,
    progress: watch::Receiver<Progress>,
    unheard: Unheard,
}

impl External {
    /// Does nothing yet: [`Executor::prepare`] looks for the command.
    pub fn new(context: ExecutorContext, options: ExternalPlan) -> Self {
        Self { context, options, launcher: None, recorder: None, current: None }
    }

    /// One endpoint for each step, so that a straggler's messages are never counted in another step.
    async fn bind(&self, step: u16) -> Result<Puller, Error> {
        let path = self.context.state_dir.join(format!("x{step}"));
        // A unix socket's path is at most 107 bytes long; where the folder is deeper, loopback serves.
        let endpoint = match path.to_str() {
            Some(path) if path.len() <= 107 => format!("ipc://{path}"),
            _ => "tcp://127.0.0.1:0".to_owned(),
        };
        // The other half of the open files is for the runners' output.
        let bound = Puller::bind(&endpoint, Limits::for_sockets(2)).await;
        bound.map_err(|e| Error::Configuration(format!("external executor: no socket for the runners: {e}")))
    }

    /// Cancel-safe: calling it again goes on with the end.
    async fn end(&mut self, how: Halt) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        // Sent also after a drain that was told before: the stronger word counts.
        let _ = current.stop.send(Some(how));
        let ended = (&mut current.task).await;
        let Some(Current { unheard, .. }) = self.current.take() else { return Ok(()) };
        self.recorder = Some(ended.map_err(|reason| Error::Io {
            what: "external executor: the step's task".to_owned(),
            source: std::io::Error::other(reason),
        })?);
        unheard.heard().map_err(Error::io("external executor: removing the mark of runners at work"))
    }

    /// The agent is gone: ends its runners, and counts what they told for its successor.
    async fn orphaned(&mut self) -> Result<(), Error> {
        self.end(Halt::Orphaned).await
    }
}

#[async_trait]
impl Executor for External {
    async fn prepare(&mut self) -> Result<(), Error> {
        raise_open_files();
        let launcher = Launcher::new(&self.context, &self.options)?;
        let cells = self.context.state_dir.join(RUNNERS_CELLS);
        let cells = Cells::open(&cells).map_err(Error::io(format!("mapping {}", cells.display())))?;
        self.recorder = Some(Recorder::new(self.context.sink.clone(), cells));
        self.launcher = Some(launcher);
        Ok(())
    }

    async fn startup(&mut self, order: StepOrder) -> Result<(), Error> {
        let unheard = Unheard::mark(&self.context.state_dir)
            .map_err(Error::io("external executor: marking that runners are at work"))?;
        let puller = self.bind(order.step).await?;
        let (Some(launcher), Some(recorder)) = (&self.launcher, self.recorder.take()) else {
            return Err(Error::Configuration(
                "external executor: not prepared, or its last step failed".into(),
            ));
        };
        let (stop, orders) = watch::channel(None);
        let (report, progress) = watch::channel(Progress::default());
        let run = Step::new(&self.context, order, launcher.clone(), puller, recorder).run(orders, report);
        self.current = Some(Current { task: tokio::spawn(run), stop, progress, unheard });
        Ok(())
    }

    async fn check(&mut self) -> Result<Check, Error> {
        let Some(current) = &self.current else { return Ok(Check::Finished) };
        let progress = current.progress.borrow();
        match &progress.fatal {
            Some(why) => Err(Error::Configuration(why.clone())),
            None if progress.finished => Ok(Check::Finished),
            None => Ok(Check::Running),
        }
    }

    async fn shutdown(&mut self, mode: StopMode) -> Result<(), Error> {
        self.end(mode.into()).await
    }

    async fn post_process(&mut self) -> Result<(), Error> {
        self.launcher = None;
        Ok(())
    }

    fn began(&self) -> Option<u64> {
        self.current.as_ref()?.progress.borrow().began
    }

    fn users(&self) -> u32 {
        self.current.as_ref().map_or(0, |current| current.progress.borrow().alive)
    }
}

#[cfg(test)]
mod tests;
