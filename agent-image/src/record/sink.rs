//! Where lanes put their windows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loads_wire::Window;
use tokio::sync::{mpsc, oneshot};

/// What goes to the spool's task.
#[derive(Debug)]
pub enum SinkItem {
    /// A sealed window; its sequence number is given when it is spooled.
    Window(Box<Window>),
    /// Answered when everything put in before is in the spool.
    Flush(oneshot::Sender<()>),
}

/// A lane's way to the spool. Once a second for each lane, so the queue needs no bound.
#[derive(Debug, Clone)]
pub struct WindowSink {
    items: mpsc::UnboundedSender<SinkItem>,
    started: Arc<Mutex<BTreeMap<u16, u64>>>,
}

impl WindowSink {
    /// A sink and the end that the spool's task reads.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<SinkItem>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { items: sender, started: Arc::default() }, receiver)
    }

    /// Test executions of this step that the windows put in so far tell of.
    pub fn started(&self, step: u16) -> u64 {
        self.tally().get(&step).copied().unwrap_or(0)
    }

    fn tally(&self) -> MutexGuard<'_, BTreeMap<u16, u64>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a window over; empty ones are dropped. After the agent is gone there is nobody to tell.
    pub fn put(&self, window: Window) {
        if !window.is_empty() {
            *self.tally().entry(window.step).or_default() += window.totals.started;
            let _ = self.items.send(SinkItem::Window(Box::new(window)));
        }
    }

    /// Resolves when everything put in before is in the spool.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.items.send(SinkItem::Flush(done)).is_ok() {
            let _ = wait.await;
        }
    }
}
