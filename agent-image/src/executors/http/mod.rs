//! The native HTTP engine: one OS thread per core, each with an event loop, connections and a recorder of
//! its own; no channel, lock, allocation or task switch for a request. Options and figures: docs/http.md.

mod chunked;
mod connection;
mod control;
mod draw;
mod exchange;
mod failure;
mod http2;
mod lane;
mod load;
mod response;
mod scenario;
mod schedule;
mod tally;
mod target;
mod tls;
mod transport;
mod user;

use std::sync::Arc;

use async_trait::async_trait;
use loads_wire::message::StopMode;
use loads_wire::plan::HttpPlan;
use tokio::sync::oneshot;

use crate::clock::SECOND;
use crate::executor::{Check, Error, Executor, ExecutorContext, StepOrder};
use crate::record::{Cells, Recorder};
use control::{Command, LaneHandle, LaneState, Mailbox};
use lane::{Lane, Setting};
use scenario::Scenario;

/// The `http` executor.
#[derive(Debug)]
pub struct Http {
    context: ExecutorContext,
    options: HttpPlan,
    lanes: Vec<LaneHandle>,
}

impl Http {
    /// Does nothing yet: [`Executor::prepare`] opens what it needs.
    pub fn new(context: ExecutorContext, options: HttpPlan) -> Self {
        Self { context, options, lanes: Vec::new() }
    }

    fn setting(&self, scenario: Scenario) -> Result<Setting, Error> {
        let (plan, options) = (&self.context.plan, &self.options);
        let tls = if scenario.targets.iter().any(|target| target.tls) {
            let protocol: &[u8] = if options.http2 { b"h2" } else { b"http/1.1" };
            Some(tls::client_config(options.insecure_skip_verify, protocol)?)
        } else {
            None
        };
        Ok(Setting {
            lane: 0,
            lanes: self.context.cores.max(1),
            agent: self.context.index,
            agents: plan.agents.max(1),
            scenario: Arc::new(scenario),
            tls,
            connections: options.connections,
            rate: plan.rate,
            ramp_up: u64::from(plan.ramp_up_seconds) * SECOND,
            timeout: u64::from(options.timeout_seconds.max(1)) * SECOND,
            drain: u64::from(plan.drain_seconds) * SECOND,
        })
    }

    fn recorder(&self, lane: u32) -> Result<Recorder, Error> {
        let path = self.context.state_dir.join(format!("http-{lane}.cells"));
        let cells = Cells::open(&path).map_err(Error::io(format!("mapping {}", path.display())))?;
        Ok(Recorder::new(self.context.sink.clone(), cells))
    }

    fn spawn(&self, setting: Setting) -> Result<LaneHandle, Error> {
        let recorder = self.recorder(setting.lane)?;
        let state = Arc::new(LaneState::default());
        let name = format!("http-{}", setting.lane);
        let builder = std::thread::Builder::new().name(name);
        let failed = "starting an engine thread";
        if self.options.http2 {
            let (sender, commands) = tokio::sync::mpsc::unbounded_channel();
            let lane = http2::Lane::new(setting, recorder, Arc::clone(&state))
                .map_err(Error::io("making an engine thread's runtime"))?;
            let thread = builder.spawn(move || lane.run(commands)).map_err(Error::io(failed))?;
            return Ok(LaneHandle { mailbox: Mailbox::Runtime(sender), state, thread });
        }
        let (poll, waker) = lane::poll().map_err(Error::io("making an event queue"))?;
        let lane = Lane::new(setting, recorder, Arc::clone(&state), &poll)
            .map_err(Error::io("making an engine thread's timer"))?;
        let (sender, commands) = std::sync::mpsc::channel();
        let thread = builder.spawn(move || lane.run(poll, &commands)).map_err(Error::io(failed))?;
        Ok(LaneHandle { mailbox: Mailbox::Epoll(sender, waker), state, thread })
    }
}

#[async_trait]
impl Executor for Http {
    async fn prepare(&mut self) -> Result<(), Error> {
        let mut scenario = Scenario::new(&self.options, self.context.plan.server_url.as_deref())?;
        let allowed = self.context.plan.targets.clone();
        let resolving = tokio::task::spawn_blocking(move || {
            scenario.targets.iter_mut().for_each(|target| target.resolve(allowed.as_ref()));
            scenario
        });
        let resolved = resolving.await.map_err(|error| Error::Io {
            what: "resolving the servers' names".to_owned(),
            source: std::io::Error::other(error),
        })?;
        let setting = self.setting(resolved)?;
        for lane in 0..setting.lanes {
            let handle = self.spawn(Setting { lane, ..setting.clone() })?;
            self.lanes.push(handle);
        }
        Ok(())
    }

    async fn startup(&mut self, order: StepOrder) -> Result<(), Error> {
        for lane in &self.lanes {
            lane.state.set_finished(false);
            lane.mailbox.send(Command::Step(order));
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<Check, Error> {
        if let Some(lane) = self.lanes.iter().find(|lane| lane.thread.is_finished()) {
            let name = lane.thread.thread().name().unwrap_or_default().to_owned();
            let source = std::io::Error::other("its load is lost; the agent's log says why");
            return Err(Error::Io { what: format!("http executor: engine thread {name} ended"), source });
        }
        let finished = self.lanes.iter().all(|lane| lane.state.is_finished());
        Ok(if finished { Check::Finished } else { Check::Running })
    }

    async fn shutdown(&mut self, mode: StopMode) -> Result<(), Error> {
        let mut answers = Vec::new();
        for lane in &self.lanes {
            let (done, answer) = oneshot::channel();
            lane.mailbox.send(Command::Stop(mode, done));
            answers.push(answer);
        }
        for answer in answers {
            // A lane that is gone has nothing to hand over; `check` reports it.
            let _ = answer.await;
        }
        Ok(())
    }

    async fn post_process(&mut self) -> Result<(), Error> {
        let lanes = std::mem::take(&mut self.lanes);
        let joining = tokio::task::spawn_blocking(move || {
            for lane in &lanes {
                lane.mailbox.send(Command::Quit);
            }
            lanes.into_iter().all(|lane| lane.thread.join().is_ok())
        });
        match joining.await {
            Ok(true) => Ok(()),
            _ => Err(Error::Io {
                what: "http executor: ending the engine threads".to_owned(),
                source: std::io::Error::other("one of them had crashed; the agent's log says why"),
            }),
        }
    }

    fn users(&self) -> u32 {
        self.lanes.iter().map(|lane| lane.state.users()).sum()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.mailbox.send(Command::Quit);
        }
    }
}

#[cfg(test)]
mod tests;
