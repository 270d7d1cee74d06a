//! The running broker: three sockets, a file and a clock around the pure core.

mod clock;
mod core;
mod decode;
mod handle;
mod serve;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loads_transport::{Incoming, Limits, PeerId, Publisher, Router, RouterReceiver, RouterSender, ServerTls};
use loads_wire::control::Observed;
use loads_wire::message::{Envelope, ToAgent};
use loads_wire::{Plan, RunResult};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use self::clock::Clock;
pub use self::core::LeftOut;
use self::core::{Action, Core};
pub use self::handle::BrokerHandle;
use self::handle::Request;
pub use self::serve::{RESULT_FILE, ServeConfig, serve};
use self::writer::Writer;
use crate::aggregate::Detail;
use crate::metrics::Figures;
use crate::store;

/// How often time limits are looked at and the live result is renewed.
const TICK: Duration = Duration::from_millis(250);
/// How often the live stream says something.
const PUBLISH: Duration = Duration::from_secs(1);
/// How old what watchers see is at most when a tick comes: so they hear of it every second at the latest.
const WATCHED: Duration = Duration::from_millis(700);
/// Figures for metrics are made anew after this: who asks more often gets the same ones.
const FIGURES: Duration = Duration::from_millis(250);
/// How long the broker waits for agents to leave, after the last word.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long it then waits for watchers to have been told.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Why a broker can not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket can not be bound, or broke.
    #[error(transparent)]
    Transport(#[from] loads_transport::Error),
    /// The state can not be kept.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The plan has a criterion that can not be judged.
    #[error("criterion {0}")]
    Criterion(#[from] loads_wire::criteria::CriterionError),
    /// HTTP can not be served.
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// The plan can not be read.
    #[error("plan {path} can not be read: {reason}; it is the JSON that `loads` writes for its brokers")]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of the state directory can not be written.
    #[error("{path} can not be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

/// What a broker needs.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// The run.
    pub plan: Plan,
    /// Where its state is kept.
    pub state_dir: PathBuf,
    /// Endpoint of the control socket.
    pub control: String,
    /// Endpoint of the results socket.
    pub results: String,
    /// Endpoint of the live stream.
    pub publish: String,
    /// Time between an order to begin and the beginning: longer than a message takes to the farthest agent.
    pub start_lead: Duration,
    /// Folder with `ca.crt`, `tls.crt` and `tls.key`: only agents with a certificate of that authority are heard on
    /// the control and results sockets. None: anybody is, for endpoints that only this machine reaches.
    pub tls_dir: Option<PathBuf>,
    /// Whether agents wait until the operator says that it keeps the result; the broker then serves on until
    /// it is told to end.
    pub hold_result: bool,
}

/// Where a broker really listens.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Endpoints {
    /// Control socket.
    pub control: String,
    /// Results socket.
    pub results: String,
    /// Live stream.
    pub publish: String,
}

/// A bound broker, ready to [`Broker::run`].
pub struct Broker {
    run: String,
    core: Core<PeerId>,
    writer: Writer,
    confirmed: mpsc::UnboundedReceiver<Result<u64, store::Error>>,
    control: RouterReceiver,
    results: RouterReceiver,
    to_control: mpsc::UnboundedSender<(PeerId, ToAgent)>,
    to_results: mpsc::UnboundedSender<(PeerId, ToAgent)>,
    publisher: Publisher,
    requests: mpsc::UnboundedReceiver<Request>,
    handle: BrokerHandle,
    live: watch::Sender<Arc<RunResult>>,
    /// Only kept up while somebody watches.
    watched: watch::Sender<Arc<Observed>>,
    watched_at: Instant,
    stored: watch::Sender<Option<Arc<RunResult>>>,
    /// Serves on after the end, until this process is told to go.
    stays: bool,
    clock: Clock,
    published: Instant,
    figures: Option<(Instant, Arc<Figures>)>,
}

impl Broker {
    /// Opens the state, with whatever a former process left there, then the sockets.
    pub async fn bind(config: BrokerConfig) -> Result<Self, Error> {
        let clock = Clock::new();
        let run = config.plan.run_id.clone();
        let store = writer::open(&config.state_dir, &run).await?;
        let lead = u64::try_from(config.start_lead.as_nanos()).unwrap_or(u64::MAX);
        let core = Core::open(config.plan, lead, config.hold_result, clock.now(), &store)?;
        let (writer, confirmed) = Writer::start(store);
        let tls = config.tls_dir.as_deref().map(ServerTls::from_dir).transpose()?;
        let (to_control, control) = bind(&config.control, &run, tls.clone()).await?;
        let (to_results, results) = bind(&config.results, &run, tls).await?;
        let publisher = Publisher::bind(&config.publish, Limits::default()).await?;
        let (live, figures) = watch::channel(Arc::new(core.result(clock.now(), Detail::Live)));
        let (watched, _) = watch::channel(Arc::new(core.observed(clock.now(), Detail::Full)));
        let (stored, final_result) = watch::channel(core.finished().cloned());
        let (send, requests) = mpsc::unbounded_channel();
        let handle = BrokerHandle { requests: send, live: figures, stored: final_result };
        Ok(Self {
            run,
            core,
            writer,
            confirmed,
            control,
            results,
            to_control,
            to_results,
            publisher,
            requests,
            handle,
            live,
            watched,
            watched_at: Instant::now(),
            stored,
            stays: config.hold_result,
            clock,
            published: Instant::now(),
            figures: None,
        })
    }

    /// The addresses to connect to, with real ports.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            control: self.control.endpoint(),
            results: self.results.endpoint(),
            publish: self.publisher.endpoint(),
        }
    }

    /// A way to talk to this broker while it runs.
    pub fn handle(&self) -> BrokerHandle {
        self.handle.clone()
    }

    /// Leads the run to its end: returns the stored result after the agents left. One that holds the result
    /// never returns: it serves until it is dropped, and may be dropped at any time.
    pub async fn run(mut self) -> Result<RunResult, Error> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Agents of a run that a former process ended still have to come and hear it.
        let resumed = self.core.finished().is_some();
        let mut leave_at = None;
        loop {
            let now = self.clock.now();
            // Results come last: a flood of them delays neither a stop nor a heartbeat.
            let actions = tokio::select! {
                biased;
                incoming = self.control.recv_event() => match incoming? {
                    Incoming::Message(peer, bytes) => self.core.on_control(self.clock.now(), peer, &bytes),
                    Incoming::Gone(peer) => {
                        self.core.on_gone(peer);
                        Vec::new()
                    }
                },
                Some(request) = self.requests.recv() => self.on_request(now, request),
                Some(token) = self.confirmed.recv() => self.core.confirmed(self.clock.now(), token?),
                _ = tick.tick() => self.on_tick().await,
                incoming = self.results.recv() => {
                    let (peer, bytes) = incoming?;
                    self.core.on_results(peer, &bytes)
                }
            };
            self.act(actions)?;
            self.store_result();
            if let Some(result) = self.core.finished().filter(|_| self.core.released() && !self.stays) {
                let leave_at = *leave_at.get_or_insert_with(|| Instant::now() + FAREWELL);
                let all_left = !self.core.has_peers() && !resumed;
                if all_left || Instant::now() >= leave_at {
                    let result = (**result).clone();
                    tracing::info!(left_out = ?self.core.left_out(), "run is over");
                    self.show().await;
                    // Whoever watches gets the last word before this process may go.
                    let _ = timeout(LAST_LOOK, self.watched.closed()).await;
                    return Ok(result);
                }
            }
        }
    }

    /// Tells those who wait for the final result.
    fn store_result(&self) {
        if let Some(result) = self.core.finished().filter(|_| self.stored.borrow().is_none()) {
            self.live.send_replace(Arc::clone(result));
            let last = self.core.observed(self.clock.now(), Detail::Full);
            self.watched.send_replace(Arc::new(last));
            self.stored.send_replace(Some(Arc::clone(result)));
        }
    }

    fn on_request(&mut self, now: u64, request: Request) -> Vec<Action<PeerId>> {
        match request {
            Request::Stop(mode) => self.core.stop(now, mode),
            Request::AgentLost(index, how) => self.core.agent_lost(now, index, &how),
            Request::Desire(wish, answer) => {
                let actions = self.core.desire(now, wish);
                // Who asked may have gone meanwhile; what it wanted holds all the same.
                let _ = answer.send(self.core.observed(now, Detail::Live));
                actions
            }
            Request::Figures(answer) => {
                let _ = answer.send(self.figures(now));
                Vec::new()
            }
            Request::Watch(answer) => {
                self.renew_watched();
                let _ = answer.send(self.watched.subscribe());
                Vec::new()
            }
        }
    }

    fn figures(&mut self, now: u64) -> Arc<Figures> {
        match &self.figures {
            Some((made, figures)) if made.elapsed() < FIGURES => Arc::clone(figures),
            _ => {
                let figures = Arc::new(self.core.figures(now));
                self.figures = Some((Instant::now(), Arc::clone(&figures)));
                figures
            }
        }
    }

    async fn on_tick(&mut self) -> Vec<Action<PeerId>> {
        let actions = self.core.tick(self.clock.now());
        if self.watched.receiver_count() > 0 {
            self.renew_watched();
        }
        if self.published.elapsed() >= PUBLISH {
            self.published = Instant::now();
            self.show().await;
        } else {
            self.live.send_replace(Arc::new(self.core.result(self.clock.now(), Detail::Live)));
        }
        actions
    }

    /// Renews the live result, and tells the stream.
    async fn show(&mut self) {
        let summary = self.core.summary(self.clock.now());
        if let ToAgent::Summary { result, .. } = &summary {
            self.live.send_replace(Arc::new((**result).clone()));
        }
        if let Ok(bytes) = Envelope::new(&self.run, 0, 0, summary).encode() {
            // Nobody listens, or not well enough: the stream promises nothing.
            let _ = self.publisher.publish(bytes).await;
        }
    }

    fn renew_watched(&mut self) {
        if self.watched_at.elapsed() < WATCHED {
            return;
        }
        self.watched_at = Instant::now();
        // The last word is said by `store_result`, and not again: it may be large.
        if self.stored.borrow().is_none() {
            let now = self.core.observed(self.clock.now(), Detail::Watched);
            self.watched.send_replace(Arc::new(now));
        }
    }

    fn act(&mut self, actions: Vec<Action<PeerId>>) -> Result<(), Error> {
        for action in actions {
            match action {
                // The senders end with this broker, not before.
                Action::Control(peer, message) => drop(self.to_control.send((peer, message))),
                Action::Results(peer, message) => drop(self.to_results.send((peer, message))),
                Action::Keep(job) => self.writer.keep(job)?,
            }
        }
        Ok(())
    }
}

/// Binds a router whose answers are sent by a task of their own: a peer that does not read must not hold
/// up the broker.
async fn bind(
    endpoint: &str,
    run: &str,
    tls: Option<ServerTls>,
) -> Result<(mpsc::UnboundedSender<(PeerId, ToAgent)>, RouterReceiver), Error> {
    let (sender, receiver) = Router::bind_tls(endpoint, Limits::default(), tls).await?.split();
    let (queue, answers) = mpsc::unbounded_channel();
    tokio::spawn(send_all(run.to_owned(), sender, answers));
    Ok((queue, receiver))
}

async fn send_all(
    run: String,
    sender: RouterSender,
    mut answers: mpsc::UnboundedReceiver<(PeerId, ToAgent)>,
) {
    while let Some((peer, message)) = answers.recv().await {
        match Envelope::new(&run, 0, 0, message).encode() {
            // A peer that is gone comes back and is told what it missed.
            Ok(bytes) => drop(sender.send(&peer, bytes).await),
            Err(error) => tracing::error!(%error, "an answer could not be sent"),
        }
    }
}
