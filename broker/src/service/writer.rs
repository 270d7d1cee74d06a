//! The thread that writes the store, so that SQLite never blocks the runtime.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::store::{Error, Record, Store};

/// Jobs that go into one transaction at most.
const GROUP: usize = 1_024;

/// Records that belong together, and the number under which their commit is confirmed.
#[derive(Debug, PartialEq)]
pub struct Job {
    /// Grows with every job.
    pub token: u64,
    /// To be kept.
    pub records: Vec<Record>,
}

/// The way to the writing thread, which ends when this is dropped.
pub struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    /// Starts the thread. It confirms the highest committed token, or says why nothing can be kept any more.
    pub fn start(store: Store) -> (Self, UnboundedReceiver<Result<u64, Error>>) {
        let (jobs, queue) = channel();
        let (confirm, confirmed) = unbounded_channel();
        std::thread::spawn(move || write(store, &queue, &confirm));
        (Self { jobs }, confirmed)
    }

    /// Queues records; they are committed in the order of the calls.
    pub fn keep(&self, job: Job) -> Result<(), Error> {
        self.jobs.send(job).map_err(|_| Error::Closed)
    }
}

/// Opens the store of a run off the runtime.
pub async fn open(dir: &Path, run: &str) -> Result<Store, Error> {
    let (dir, run) = (dir.to_owned(), run.to_owned());
    tokio::task::spawn_blocking(move || Store::open(&dir, &run)).await.map_err(|_| Error::Closed)?
}

/// Commits what is queued, all at once: while one transaction is written the next group gathers, so a
/// window waits for one commit at most and a flood costs few.
fn write(mut store: Store, queue: &Receiver<Job>, confirm: &UnboundedSender<Result<u64, Error>>) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            let Ok(next) = queue.try_recv() else { break };
            group.push(next);
        }
        let token = group.iter().map(|job| job.token).max().unwrap_or(0);
        let kept = store.keep(group.iter().flat_map(|job| &job.records)).map(|()| token);
        let failed = kept.is_err();
        if confirm.send(kept).is_err() || failed {
            return;
        }
    }
}
