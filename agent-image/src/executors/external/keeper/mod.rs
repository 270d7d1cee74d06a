//! The keeper: a process beside the agent that starts the runners, hears them and counts.
//!
//! When the agent is killed, its standard input ends; it then ends the runners and counts what they have
//! told, to the last message, so that the agent's successor finds it in the cells. `serve` is that process,
//! `words` what it and the agent say to each other; here is the agent's side.

mod serve;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use async_trait::async_trait;
use loads_wire::message::StopMode;
use loads_wire::{Totals, Window};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};

use crate::executor::{Check, Error, Executor, ExecutorContext, StepOrder};
use crate::record::{Cells, WindowSink};
use crate::spool::{RUNNERS_CELLS, Unheard, gone_runners, undetailed_rest};
use words::{Assignment, Order, Outcome, Progress, Report};

pub use serve::keep_runners;

/// What the keeper gets to end, with a step still under way or without.
const LEAVE: Duration = Duration::from_secs(serve::LIMIT.as_secs() + 2);

/// The executor of an agent that has a keeper.
pub(super) struct Kept {
    context: ExecutorContext,
    program: PathBuf,
    keeper: Option<Keeper>,
}

struct Keeper {
    process: Child,
    /// Its end is the keeper's sign that the agent is gone, or done.
    orders: ChildStdin,
    heard: watch::Receiver<Heard>,
    reader: JoinHandle<()>,
    /// The step under way.
    step: Option<u16>,
}

/// What the keeper said last.
#[derive(Debug, Clone, Default)]
struct Heard {
    prepared: Option<Outcome>,
    begun: Option<(u16, Outcome)>,
    progress: Option<(u16, Progress)>,
    ended: Option<(u16, Outcome)>,
    gone: bool,
}

impl Kept {
    pub(super) fn new(context: ExecutorContext, program: &Path) -> Self {
        Self { context, program: program.to_owned(), keeper: None }
    }

    fn start(&self) -> Result<Keeper, Error> {
        let what = || format!("external executor: starting {} keep-runners", self.program.display());
        let mut command = Command::new(&self.program);
        // Its own group: what is meant for the agent (Ctrl-C, a kill of its group) must not end it too.
        command.arg("keep-runners").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(Error::io(what()))?;
        let (Some(orders), Some(reports)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::io(what())(io::ErrorKind::BrokenPipe.into()));
        };
        let (tell, heard) = watch::channel(Heard::default());
        let reader =
            tokio::spawn(read(reports, tell, self.context.sink.clone(), self.context.state_dir.clone()));
        Ok(Keeper { process, orders, heard, reader, step: None })
    }

    /// What was heard of the step under way.
    fn progress<T>(&self, look: impl Fn(&Progress) -> T) -> Option<T> {
        let keeper = self.keeper.as_ref()?;
        let heard = keeper.heard.borrow();
        heard
            .progress
            .as_ref()
            .filter(|(step, _)| Some(*step) == keeper.step)
            .map(|(_, progress)| look(progress))
    }

    fn keeper(&mut self) -> Result<&mut Keeper, Error> {
        self.keeper.as_mut().ok_or_else(|| Error::Configuration("external executor: not prepared".into()))
    }
}

impl Keeper {
    async fn say(&mut self, order: &Order) -> Result<(), Error> {
        match words::write(&mut self.orders, order).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().await),
        }
    }

    /// Waits for an answer.
    async fn answer(&mut self, find: impl Fn(&Heard) -> Option<Outcome>) -> Result<(), Error> {
        let found = match self.heard.wait_for(|heard| heard.gone || find(heard).is_some()).await {
            Ok(heard) => find(&heard),
            Err(_) => None,
        };
        match found {
            Some(outcome) => outcome.map_err(Error::from),
            None => Err(self.gone().await),
        }
    }

    async fn gone(&mut self) -> Error {
        let ended = timeout(Duration::from_secs(1), self.process.wait()).await;
        let how = ended
            .map_or_else(|_| "no answer".to_owned(), |s| s.map_or_else(|e| e.to_string(), |s| s.to_string()));
        Error::Io {
            what: "external executor: the process that keeps the runners ended, and they with it".to_owned(),
            source: io::Error::other(how),
        }
    }
}

#[async_trait]
impl Executor for Kept {
    async fn prepare(&mut self) -> Result<(), Error> {
        let assignment = Assignment::of(&self.context);
        let mut keeper = self.start()?;
        keeper.say(&Order::Prepare(Box::new(assignment))).await?;
        let prepared = keeper.answer(|heard| heard.prepared.clone()).await;
        self.keeper = Some(keeper);
        prepared
    }

    async fn startup(&mut self, order: StepOrder) -> Result<(), Error> {
        let keeper = self.keeper()?;
        keeper.step = Some(order.step);
        keeper.say(&Order::Begin(order)).await?;
        keeper.answer(|heard| heard.begun.clone().filter(|(step, _)| *step == order.step).map(|b| b.1)).await
    }

    async fn check(&mut self) -> Result<Check, Error> {
        let finished = self.progress(|progress| progress.finished.clone());
        let keeper = self.keeper()?;
        if keeper.step.is_none() {
            return Ok(Check::Finished);
        }
        let gone = keeper.heard.borrow().gone;
        match finished {
            _ if gone => Err(keeper.gone().await),
            Some(Err(trouble)) => Err(trouble.into()),
            Some(Ok(true)) => Ok(Check::Finished),
            _ => Ok(Check::Running),
        }
    }

    async fn shutdown(&mut self, mode: StopMode) -> Result<(), Error> {
        let keeper = self.keeper()?;
        let Some(current) = keeper.step else { return Ok(()) };
        keeper.say(&Order::End(mode)).await?;
        keeper.answer(|heard| heard.ended.clone().filter(|(step, _)| *step == current).map(|e| e.1)).await?;
        keeper.step = None;
        Ok(())
    }

    async fn post_process(&mut self) -> Result<(), Error> {
        let Some(Keeper { mut process, orders, reader, .. }) = self.keeper.take() else { return Ok(()) };
        drop(orders);
        if timeout(LEAVE, process.wait()).await.is_err() {
            tracing::warn!("the process that keeps the runners does not end: killed");
            let _ = process.kill().await;
        }
        // It has said its last word; whoever else holds its output (a runner can not) is not waited for.
        let _ = timeout(Duration::from_secs(1), reader).await;
        Ok(())
    }

    fn began(&self) -> Option<u64> {
        self.progress(|progress| progress.began)?
    }

    fn users(&self) -> u32 {
        self.progress(|progress| progress.users).unwrap_or(0)
    }
}

/// Takes the keeper's reports until its end, and then what only its cells know.
async fn read(mut from: ChildStdout, tell: watch::Sender<Heard>, sink: WindowSink, state_dir: PathBuf) {
    let (mut delivered, mut place) = (Totals::default(), (0, 0));
    while let Some(report) = words::read(&mut from).await {
        match report {
            Report::Window(window) => {
                delivered.add(&window.totals);
                place = (window.second, window.step);
                sink.put(*window);
            }
            Report::Prepared(outcome) => tell.send_modify(|heard| heard.prepared = Some(outcome)),
            Report::Begun(step, outcome) => tell.send_modify(|heard| heard.begun = Some((step, outcome))),
            Report::Progress(step, progress) => {
                tell.send_modify(|heard| heard.progress = Some((step, progress)));
            }
            Report::Ended(step, outcome) => tell.send_modify(|heard| heard.ended = Some((step, outcome))),
        }
    }
    match left(&state_dir, &delivered) {
        Ok(None) => {}
        Ok(Some(totals)) => {
            let (second, step) = place;
            sink.put(Window { second, step, totals, ..Window::default() });
        }
        Err(reason) => tracing::warn!(%reason, "what the keeper of the runners counted last can not be read"),
    }
    tell.send_modify(|heard| heard.gone = true);
}

/// What a keeper that is gone counted and did not deliver.
fn left(state_dir: &Path, delivered: &Totals) -> io::Result<Option<Totals>> {
    let unheard = Unheard::is_left(state_dir)?;
    let counted = Cells::open(&state_dir.join(RUNNERS_CELLS))?.totals();
    Ok(undetailed_rest(&gone_runners(counted, unheard), delivered))
}
