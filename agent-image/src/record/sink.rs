//! Where lanes put their windows.

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
pub struct WindowSink(mpsc::UnboundedSender<SinkItem>);

impl WindowSink {
    /// A sink and the end that the spool's task reads.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<SinkItem>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Hands a window over; empty ones are dropped. After the agent is gone there is nobody to tell.
    pub fn put(&self, window: Window) {
        if !window.is_empty() {
            let _ = self.0.send(SinkItem::Window(Box::new(window)));
        }
    }

    /// Resolves when everything put in before is in the spool.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(SinkItem::Flush(done)).is_ok() {
            let _ = wait.await;
        }
    }
}
