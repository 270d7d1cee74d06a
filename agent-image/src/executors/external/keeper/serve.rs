//! The keeper's process: the executor as it is without one, and what becomes of its runners when the agent
//! is gone.

use std::io;
use std::os::fd::AsFd;

use loads_wire::message::StopMode;
use loads_wire::plan::ExecutorPlan;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Duration, MissedTickBehavior, interval, timeout};

use super::super::External;
use super::words::{self, Order, Progress, Report, Trouble};
use crate::executor::{Check, Error, Executor};
use crate::record::{SinkItem, WindowSink};

/// What runners of an agent that is gone get to be ended and heard: above a runner's SIGTERM, SIGKILL and
/// the silence after both, below a successor's patience.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// How often the agent is told how far the step is.
const TICK: Duration = Duration::from_millis(20);

/// Keeps the runners of the agent that started this process, until that agent closes its pipe or is gone.
pub async fn keep_runners() -> Result<(), Error> {
    let what = "keep-runners is started by `loads agent`, with pipes to it as standard input and output";
    let (mut from_agent, mut to_agent) = pipes().map_err(Error::io(what))?;
    // Only the agent decides: signals to everybody must not end this process before the runners' last word.
    let deaf = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let (said, mut orders) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(order) = words::read::<Order>(&mut from_agent).await {
            if said.send(order).is_err() {
                return;
            }
        }
    });
    let (reports, mut waiting) = unbounded_channel::<Report>();
    let writer = tokio::spawn(async move {
        while let Some(report) = waiting.recv().await {
            // An agent that is gone needs no report: what it must know is in the cells.
            let _ = words::write(&mut to_agent, &report).await;
        }
    });
    let kept = keep(&mut orders, reports).await;
    // All that is left fits the pipe, or the agent reads; one that does neither is stopped.
    let _ = timeout(LIMIT, writer).await;
    drop(deaf);
    kept
}

fn pipes() -> io::Result<(pipe::Receiver, pipe::Sender)> {
    let input = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    Ok((input, output))
}

async fn keep(orders: &mut UnboundedReceiver<Order>, reports: UnboundedSender<Report>) -> Result<(), Error> {
    let Some(Order::Prepare(assignment)) = orders.recv().await else { return Ok(()) };
    let (sink, windows) = WindowSink::channel();
    let context = assignment.context(sink);
    let ExecutorPlan::External(options) = context.plan.executor.clone() else {
        return Err(Error::Configuration("keep-runners: the plan has no external runners".into()));
    };
    let mut executor = External::new(context, options);
    let prepared = executor.prepare().await;
    let _ = reports.send(Report::Prepared(prepared.map_err(Trouble::from)));
    let mut keeper = Serving { executor, windows, reports, step: 0, ending: None, going: false, told: None };
    keeper.serve(orders).await;
    let ended = timeout(LIMIT, keeper.executor.orphaned()).await;
    keeper.pass_windows();
    ended.unwrap_or_else(|_| {
        Err(Error::Io {
            what: "keep-runners: ending the runners of an agent that is gone".to_owned(),
            source: io::ErrorKind::TimedOut.into(),
        })
    })
}

struct Serving {
    executor: External,
    windows: UnboundedReceiver<SinkItem>,
    reports: UnboundedSender<Report>,
    step: u16,
    /// How the step is to end.
    ending: Option<StopMode>,
    going: bool,
    /// The progress that was told last: users, when the load began, and whether the step is finished.
    told: Option<(u32, Option<u64>, bool)>,
}

impl Serving {
    /// Until the agent closes its pipe.
    async fn serve(&mut self, orders: &mut UnboundedReceiver<Order>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                Some(item) = self.windows.recv() => self.pass(item),
                ended = self.executor.shutdown(self.ending.unwrap_or(StopMode::Drain)), if self.ending.is_some() => {
                    (self.ending, self.going) = (None, false);
                    self.pass_windows();
                    self.report(Report::Ended(self.step, ended.map_err(Trouble::from)));
                }
                _ = ticks.tick(), if self.going => self.tell_progress().await,
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            // Only the first order is one.
            Order::Prepare(_) => {}
            Order::Begin(order) => {
                (self.step, self.told) = (order.step, None);
                let begun = self.executor.startup(order).await;
                self.going = begun.is_ok();
                self.report(Report::Begun(self.step, begun.map_err(Trouble::from)));
            }
            Order::End(mode) => self.ending = Some(mode),
        }
    }

    async fn tell_progress(&mut self) {
        let checked = self.executor.check().await;
        let (users, began) = (self.executor.users(), self.executor.began());
        let finished = checked.map(|check| check == Check::Finished).map_err(Trouble::from);
        let now = finished.as_ref().ok().map(|finished| (users, began, *finished));
        if now.is_none() || now != self.told {
            // What can not go on is told once.
            self.going = now.is_some();
            self.told = now;
            self.report(Report::Progress(self.step, Progress { users, began, finished }));
        }
    }

    fn pass_windows(&mut self) {
        while let Ok(item) = self.windows.try_recv() {
            self.pass(item);
        }
    }

    fn pass(&mut self, item: SinkItem) {
        match item {
            SinkItem::Window(window) => self.report(Report::Window(window)),
            SinkItem::Flush(done) => drop(done.send(())),
        }
    }

    fn report(&self, report: Report) {
        // The writer lives as long as this process.
        let _ = self.reports.send(report);
    }
}
