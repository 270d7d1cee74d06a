//! How others talk to a broker of this process.

use std::sync::Arc;

use loads_wire::RunResult;
use loads_wire::control::{Desired, Observed};
use loads_wire::message::StopMode;
use tokio::sync::{mpsc, oneshot, watch};

use crate::metrics::Figures;

/// What a handle asks of its broker.
pub(super) enum Request {
    Stop(StopMode),
    AgentLost(u32, String),
    Desire(Desired, oneshot::Sender<Observed>),
    Figures(oneshot::Sender<Arc<Figures>>),
    Watch(oneshot::Sender<watch::Receiver<Arc<Observed>>>),
}

/// Talks to a broker of this process.
#[derive(Clone)]
pub struct BrokerHandle {
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) live: watch::Receiver<Arc<RunResult>>,
    pub(super) stored: watch::Receiver<Option<Arc<RunResult>>>,
}

impl BrokerHandle {
    /// Ends the load.
    pub fn stop(&self, mode: StopMode) {
        // A broker that is gone has nothing left to stop.
        let _ = self.requests.send(Request::Stop(mode));
    }

    /// Tells that an agent's process ended, and how (`exit code 1`, `killed by signal 9`). One that
    /// delivered everything is not taken for lost.
    pub fn agent_lost(&self, index: u32, how: &str) {
        let _ = self.requests.send(Request::AgentLost(index, how.to_owned()));
    }

    /// The figures so far, long lists cut; renewed at most four times a second.
    pub fn watch(&self) -> watch::Receiver<Arc<RunResult>> {
        self.live.clone()
    }

    /// Takes up what the operator wants and says where the run is; none from a broker that is gone.
    pub async fn desire(&self, wish: Desired) -> Option<Observed> {
        let (answer, observed) = oneshot::channel();
        self.requests.send(Request::Desire(wish, answer)).ok()?;
        observed.await.ok()
    }

    /// Figures for metrics; none from a broker that is gone.
    pub async fn figures(&self) -> Option<Arc<Figures>> {
        let (answer, figures) = oneshot::channel();
        self.requests.send(Request::Figures(answer)).ok()?;
        figures.await.ok()
    }

    /// Where the run is, with all that the live page shows; renewed once a second. None from a broker that is
    /// gone.
    pub async fn watch_run(&self) -> Option<watch::Receiver<Arc<Observed>>> {
        let (answer, watched) = oneshot::channel();
        self.requests.send(Request::Watch(answer)).ok()?;
        watched.await.ok()
    }

    /// The whole final result, once it is stored.
    pub fn stored(&self) -> watch::Receiver<Option<Arc<RunResult>>> {
        self.stored.clone()
    }

    /// The newest of [`BrokerHandle::watch`].
    pub fn snapshot(&self) -> Arc<RunResult> {
        Arc::clone(&self.live.borrow())
    }
}
