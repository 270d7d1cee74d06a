//! The `python` executor: worker processes of the `loads` package, many users in each.
//!
//! `worker` is one process and what it is told; `inbox` is what the processes say, on one ZeroMQ socket in
//! the external-runner protocol. A worker that dies is settled from its cells: its counts stay.

mod inbox;
mod worker;

use async_trait::async_trait;
use loads_transport::{Limits, Puller};
use loads_wire::ErrorKind;
use loads_wire::message::StopMode;
use loads_wire::plan::{Length, PythonPlan};
use loads_wire::window::ErrorSource;
use tokio::time::{Duration, Instant, sleep, timeout_at};

use crate::clock::{self, SECOND};
use crate::executor::{Check, Error, Executor, ExecutorContext, StepOrder};
use crate::record::{Cells, Recorder};
use inbox::Inbox;
use worker::{StepCommand, Worker};

/// What an interpreter gets to start, import the test and answer.
const START: Duration = Duration::from_mins(1);
/// What a worker gets beyond the drain time to say that its step is done.
const GRACE: Duration = Duration::from_secs(3);
/// Between two looks at what the workers said.
const LOOK: Duration = Duration::from_millis(10);

/// The `python` executor.
pub struct Python {
    context: ExecutorContext,
    options: PythonPlan,
    endpoint: String,
    inbox: Inbox,
    workers: Vec<Worker>,
    recorder: Option<Recorder>,
    order: Option<StepOrder>,
    started: u32,
}

impl Python {
    /// Does nothing yet; [`Executor::prepare`] starts the interpreters.
    pub fn new(context: ExecutorContext, options: PythonPlan) -> Self {
        let inbox = Inbox::new(context.sink.clone());
        let (workers, recorder, order) = (Vec::new(), None, None);
        Self { context, options, endpoint: String::new(), inbox, workers, recorder, order, started: 0 }
    }

    fn processes(&self) -> u32 {
        let most_users = self.context.plan.steps.iter().map(|step| step.users).max().unwrap_or(1);
        self.options.processes.unwrap_or(self.context.cores).clamp(1, most_users.max(1))
    }

    fn start(&mut self, process: u32, processes: u32) -> Result<Worker, Error> {
        self.started += 1;
        let mut worker = Worker::start(&self.context, &self.endpoint, process, self.started)?;
        worker.prepare(&self.context.plan, self.options.patching, processes);
        Ok(worker)
    }

    /// Waits until every worker that has not said so is ready.
    async fn all_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(failure) = self.inbox.failure() {
                return Err(Error::Configuration(failure));
            }
            let waiting = self.workers.iter_mut().find(|w| !self.inbox.is_ready(w.process()));
            let Some(worker) = waiting else { return Ok(()) };
            if let Some(how) = worker.ended() {
                // Its last message may still be on its way.
                if timeout_at(Instant::now() + LOOK * 20, self.inbox.changed()).await.is_ok() {
                    continue;
                }
                return Err(Error::Configuration(worker.died_early(how)));
            }
            if Instant::now() >= deadline {
                return Err(Error::Configuration(worker.hangs(START)));
            }
            let _ = timeout_at(Instant::now() + LOOK, self.inbox.changed()).await;
        }
    }

    /// Replaces workers that died in a former step.
    async fn revive(&mut self) -> Result<(), Error> {
        let processes = self.processes();
        for at in 0..self.workers.len() {
            let process = self.workers[at].process();
            if self.inbox.is_settled(process) {
                self.inbox.forget(process);
                self.workers[at] = self.start(process, processes)?;
            }
        }
        self.all_ready().await
    }

    /// A worker that ended on its own: an error of its own name, and its counts from the cells.
    async fn settle_dead(&mut self) -> Result<(), Error> {
        for at in 0..self.workers.len() {
            let process = self.workers[at].process();
            if self.inbox.is_settled(process) {
                continue;
            }
            let Some(how) = self.workers[at].ended() else { continue };
            if let (Some(recorder), Some(order)) = (&mut self.recorder, self.order) {
                recorder.begin_step(order.run_start, order.step, clock::now());
                let (kind, message) = self.workers[at].error(how);
                recorder.error(
                    ErrorKind::Other(kind.into()),
                    ErrorSource::Runner,
                    &self.context.plan.test,
                    &message,
                    "",
                );
                recorder.end_step(clock::now());
            }
            self.settle(at).await?;
        }
        Ok(())
    }

    /// What the cells counted and no window brought becomes the worker's last window.
    async fn settle(&mut self, at: usize) -> Result<(), Error> {
        let process = self.workers[at].process();
        self.inbox.quiet().await;
        let path = self.workers[at].cells();
        let cells = Cells::open(path).map_err(Error::io(format!("reading {}", path.display())))?;
        let second = self.order.map_or(0, |o| clock::now().saturating_sub(o.run_start) / SECOND) as u32;
        self.inbox.settle(process, &cells.totals(), second, self.order.map_or(0, |o| o.step));
        Ok(())
    }

    fn step_done(&self) -> bool {
        let step = self.order.map_or(0, |o| o.step);
        self.workers.iter().all(|w| self.inbox.is_done(w.process(), step))
    }

    async fn wait_done(&mut self, limit: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + limit;
        while !self.step_done() && Instant::now() < deadline {
            let _ = timeout_at(Instant::now() + LOOK, self.inbox.changed()).await;
            self.settle_dead().await?;
        }
        Ok(self.step_done())
    }

    /// Whoever still has not ended its step is killed; its counts stay.
    async fn kill_rest(&mut self) -> Result<(), Error> {
        let step = self.order.map_or(0, |o| o.step);
        for at in 0..self.workers.len() {
            if !self.inbox.is_done(self.workers[at].process(), step) {
                self.workers[at].kill().await;
                self.settle(at).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Executor for Python {
    async fn prepare(&mut self) -> Result<(), Error> {
        let state = &self.context.state_dir;
        let path = state.join("py");
        // A unix socket's path is at most 107 bytes long; where the folder is deeper, loopback serves.
        let endpoint = match path.to_str() {
            Some(path) if path.len() <= 107 => format!("ipc://{path}"),
            _ => "tcp://127.0.0.1:0".to_owned(),
        };
        let puller = Puller::bind(&endpoint, Limits::default())
            .await
            .map_err(|e| Error::Configuration(format!("python executor: no socket for its workers: {e}")))?;
        self.endpoint = puller.endpoint();
        self.inbox.listen(puller);
        let cells = state.join("python.cells");
        let cells = Cells::open(&cells).map_err(Error::io(format!("mapping {}", cells.display())))?;
        self.recorder = Some(Recorder::new(self.context.sink.clone(), cells));
        let processes = self.processes();
        for process in 0..processes {
            let worker = self.start(process, processes)?;
            self.workers.push(worker);
        }
        self.all_ready().await
    }

    async fn startup(&mut self, order: StepOrder) -> Result<(), Error> {
        self.order = Some(order);
        self.revive().await?;
        self.inbox.begin(order.step);
        let processes = self.workers.len() as u32;
        let plan = &self.context.plan;
        // A step that is taken up late was running before: its past arrivals are not made up for.
        let now = clock::now();
        let late = order.executions.is_none() && now > order.start + SECOND;
        for (share, worker) in (0..).zip(&mut self.workers) {
            let users: Vec<u32> = (share..order.users).step_by(processes as usize).collect();
            let (hits, arrivals) = match order.length {
                Length::Hits(hits) => {
                    (Some(hits), Some(u64::from(order.users) * u64::from(hits) * u64::from(plan.agents)))
                }
                Length::Seconds(_) => (None, None),
            };
            // Where executions are counted, a worker's users do them between them, whoever comes first.
            let hits = hits.filter(|_| order.executions.is_none());
            worker.step(&StepCommand {
                command: "step",
                step: order.step,
                run_start_ns: order.run_start,
                start_ns: order.start,
                end_ns: order.end,
                total_users: order.users,
                users,
                hits,
                executions: order.executions.map(|n| part(n, share, processes)),
                ramp_up_ns: u64::from(plan.ramp_up_seconds) * SECOND,
                agent: self.context.index,
                agents: plan.agents,
                rate: plan.rate,
                arrivals: plan.rate.and(arrivals),
                skip_before_ns: (plan.rate.is_some() && late).then_some(now),
                drain_ns: u64::from(plan.drain_seconds) * SECOND,
            });
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<Check, Error> {
        self.settle_dead().await?;
        Ok(if self.step_done() { Check::Finished } else { Check::Running })
    }

    async fn shutdown(&mut self, mode: StopMode) -> Result<(), Error> {
        let drain = Duration::from_secs(u64::from(self.context.plan.drain_seconds));
        let ends_itself = self.order.and_then(|o| o.end).is_some_and(|end| clock::now() >= end);
        let limit = match mode {
            StopMode::Drain => drain + GRACE,
            StopMode::Now => GRACE,
        };
        if !self.step_done() && (mode == StopMode::Now || !ends_itself) {
            self.workers.iter_mut().for_each(|worker| worker.stop(mode));
        }
        if !self.wait_done(limit).await? {
            self.kill_rest().await?;
        }
        Ok(())
    }

    async fn post_process(&mut self) -> Result<(), Error> {
        self.workers.iter_mut().for_each(Worker::quit);
        let deadline = Instant::now() + GRACE;
        for worker in &mut self.workers {
            while worker.ended().is_none() && Instant::now() < deadline {
                sleep(LOOK).await;
            }
            worker.kill().await;
        }
        Ok(())
    }

    /// As of the moment of asking: workers tell of executions only once a second, their cells at once.
    fn began(&self) -> Option<u64> {
        let started =
            |worker: &Worker| Cells::open(worker.cells()).is_ok_and(|cells| cells.totals().started > 0);
        self.workers.iter().any(started).then(clock::now)
    }

    fn users(&self) -> u32 {
        self.inbox.users()
    }
}

/// The `share`-th of `of` nearly equal parts of `n`.
fn part(n: u64, share: u32, of: u32) -> u64 {
    let (share, of) = (u64::from(share), u64::from(of));
    n / of + u64::from(share < n % of)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn the_parts_come_to_the_whole() {
        for n in [0, 1, 7, 100] {
            assert_eq!((0..3).map(|share| part(n, share, 3)).sum::<u64>(), n);
        }
    }
}
