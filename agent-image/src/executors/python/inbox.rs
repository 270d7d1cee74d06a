//! What the worker processes say, and how far each is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loads_transport::Puller;
use loads_wire::external::{RunnerMessage, parse};
use loads_wire::{Totals, Window};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Duration, timeout};

use crate::record::WindowSink;
use crate::spool::undetailed_rest;

/// Silence after which nothing of an ended process is on its way any more.
const QUIET: Duration = Duration::from_millis(300);

#[derive(Debug, Default)]
struct Process {
    ready: bool,
    /// Steps it has ended, the last one's number plus one.
    steps_done: u32,
    delivered: Totals,
    users: u32,
    /// Its counts were taken from the cells: whatever comes later is in them.
    settled: bool,
}

#[derive(Debug, Default)]
struct State {
    processes: HashMap<u32, Process>,
    failure: Option<String>,
    bad: u64,
}

/// Reads the workers' socket in a task of its own; windows go straight to the sink.
pub struct Inbox {
    sink: WindowSink,
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
    task: Option<AbortHandle>,
}

impl Inbox {
    /// Hears nothing yet.
    pub fn new(sink: WindowSink) -> Self {
        Self { sink, state: Arc::default(), news: Arc::default(), task: None }
    }

    /// Begins to read.
    pub fn listen(&mut self, mut puller: Puller) {
        let (sink, state, news) = (self.sink.clone(), Arc::clone(&self.state), Arc::clone(&self.news));
        let task = tokio::spawn(async move {
            loop {
                let bytes = puller.recv().await;
                note(&mut lock(&state), &sink, &bytes);
                news.notify_waiters();
            }
        });
        self.task = Some(task.abort_handle());
    }

    /// Resolves with the next message.
    pub async fn changed(&self) {
        self.news.notified().await;
    }

    /// Resolves when nothing has come for a while.
    pub async fn quiet(&self) {
        while timeout(QUIET, self.news.notified()).await.is_ok() {}
    }

    /// Why the test can not run, if a worker said so.
    pub fn failure(&self) -> Option<String> {
        lock(&self.state).failure.clone()
    }

    /// Whether the worker can begin.
    pub fn is_ready(&self, process: u32) -> bool {
        lock(&self.state).processes.get(&process).is_some_and(|p| p.ready)
    }

    /// Whether the worker has ended this step, or is gone.
    pub fn is_done(&self, process: u32, step: u16) -> bool {
        let state = lock(&self.state);
        state.processes.get(&process).is_some_and(|p| p.settled || p.steps_done > u32::from(step))
    }

    /// A step begins (again, after a pause): no worker has ended it yet.
    pub fn begin(&self, step: u16) {
        for process in lock(&self.state).processes.values_mut() {
            process.steps_done = process.steps_done.min(u32::from(step));
        }
    }

    /// Whether the worker is gone and its counts are taken.
    pub fn is_settled(&self, process: u32) -> bool {
        lock(&self.state).processes.get(&process).is_some_and(|p| p.settled)
    }

    /// Another process takes over this number.
    pub fn forget(&self, process: u32) {
        lock(&self.state).processes.remove(&process);
    }

    /// Takes what the cells of a gone worker counted beyond its windows; once.
    pub fn settle(&self, process: u32, cells: &Totals, second: u32, step: u16) {
        let mut state = lock(&self.state);
        let entry = state.processes.entry(process).or_default();
        if entry.settled {
            return;
        }
        (entry.settled, entry.users) = (true, 0);
        if let Some(totals) = undetailed_rest(cells, &entry.delivered) {
            self.sink.put(Window { second, step, totals, ..Window::default() });
        }
    }

    /// Users active, as the newest windows say.
    pub fn users(&self) -> u32 {
        lock(&self.state).processes.values().map(|p| p.users).sum()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(state: &mut State, sink: &WindowSink, bytes: &[u8]) {
    let Ok(frame) = parse(bytes) else {
        state.bad += 1;
        tracing::warn!(bad = state.bad, "a message of a Python worker can not be read");
        return;
    };
    for message in frame.messages {
        match message {
            RunnerMessage::Ready { process } => state.processes.entry(process).or_default().ready = true,
            RunnerMessage::Failed { message, traceback, .. } => {
                let trace = if traceback.is_empty() { String::new() } else { format!("\n{traceback}") };
                state.failure.get_or_insert(format!("{message}{trace}"));
            }
            RunnerMessage::Window { process, mut window } => {
                window.lane = process;
                let entry = state.processes.entry(process).or_default();
                if !entry.settled {
                    entry.delivered.add(&window.totals);
                    entry.users = window.users;
                    sink.put(*window);
                }
            }
            RunnerMessage::StepDone { process, step } => {
                let entry = state.processes.entry(process).or_default();
                entry.steps_done = entry.steps_done.max(u32::from(step) + 1);
                entry.users = 0;
            }
            _ => tracing::debug!("a Python worker said something that only other runners say"),
        }
    }
}
