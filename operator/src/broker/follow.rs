//! A task for each run: says the desired state at every change and once a second, keeps what the broker
//! answered, and wakes the controller when something is worth a look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::runtime::reflector::ObjectRef;
use loads_api::LoadTest;
use loads_wire::control::{Desired, Observed, Stage};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::client::{Address, Client, Error, Identity};

/// How often a broker is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the controller is woken when nothing but figures changed: statuses are written no faster.
const FIGURES: Duration = Duration::from_secs(5);
/// Without an answer for so long a broker counts as silent.
const SILENT: Duration = Duration::from_secs(5);

/// What is known of a broker.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Its last answer.
    pub observed: Option<Arc<Observed>>,
    /// The final result as the report keeps it.
    pub report: Option<Arc<str>>,
    /// How long it has not answered, if that is worth a mention; counted from the first question.
    pub silent: Option<Duration>,
    /// Why not.
    pub error: Option<Arc<str>>,
}

struct Following {
    address: Address,
    wanted: watch::Sender<Desired>,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

struct State {
    view: View,
    last_answer: Instant,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All runs whose brokers are followed.
pub struct Followers {
    runs: Mutex<HashMap<String, Following>>,
    identity: Arc<Identity>,
    wake: mpsc::UnboundedSender<ObjectRef<LoadTest>>,
}

impl Followers {
    /// Nobody is followed yet; `wake` hears of LoadTests to look at.
    pub fn new(identity: Arc<Identity>, wake: mpsc::UnboundedSender<ObjectRef<LoadTest>>) -> Self {
        Self { runs: Mutex::default(), identity, wake }
    }

    /// Goes on following, or begins to, with this wish; what is known so far.
    pub fn follow(&self, run_id: &str, test: &LoadTest, address: Address, desired: Desired) -> View {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.get(run_id).is_some_and(|following| following.address != address) {
            runs.remove(run_id);
        }
        let following = runs.entry(run_id.to_owned()).or_insert_with(|| self.start(test, address, desired));
        following.wanted.send_if_modified(|wanted| std::mem::replace(wanted, desired) != desired);
        let state = following.state.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = state.last_answer.elapsed();
        View { silent: (silence >= SILENT).then_some(silence), ..state.view.clone() }
    }

    /// Ends the task of a run that is over or gone.
    pub fn forget(&self, run_id: &str) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(run_id);
    }

    /// Ends the tasks of all runs but these.
    pub fn retain(&self, run_ids: &std::collections::HashSet<String>) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).retain(|run_id, _| run_ids.contains(run_id));
    }

    fn start(&self, test: &LoadTest, address: Address, desired: Desired) -> Following {
        let (wanted, wishes) = watch::channel(desired);
        let state = Arc::new(Mutex::new(State { view: View::default(), last_answer: Instant::now() }));
        let task = Task {
            client: Client::new(address.clone(), Arc::clone(&self.identity)),
            wishes,
            state: Arc::clone(&state),
            wake: self.wake.clone(),
            test: ObjectRef::from_obj(test),
        };
        Following { address, wanted, state, task: tokio::spawn(task.run()).abort_handle() }
    }
}

struct Task {
    client: Client,
    wishes: watch::Receiver<Desired>,
    state: Arc<Mutex<State>>,
    wake: mpsc::UnboundedSender<ObjectRef<LoadTest>>,
    test: ObjectRef<LoadTest>,
}

/// What of an answer is worth a look at once; the rest are figures.
type Worth = Option<(i64, u64, Stage, u16, u32, u32, bool)>;

impl Task {
    async fn run(mut self) {
        let (mut known, mut woken) = (None, Instant::now());
        loop {
            let desired = *self.wishes.borrow_and_update();
            let worth = self.ask(&desired).await;
            if worth != known || woken.elapsed() >= FIGURES {
                (known, woken) = (worth, Instant::now());
                if self.wake.send(self.test.clone()).is_err() {
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                changed = self.wishes.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn ask(&mut self, desired: &Desired) -> Worth {
        let answer = self.client.desire(desired).await;
        let report = match &answer {
            Ok(observed) if observed.done && self.known().report.is_none() => self.report().await,
            _ => None,
        };
        self.note(answer, report)
    }

    async fn report(&mut self) -> Option<Arc<str>> {
        self.client
            .report()
            .await
            .inspect_err(|error| tracing::warn!(%error, "a report could not be had"))
            .ok()
            .map(Arc::from)
    }

    fn known(&self) -> View {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).view.clone()
    }

    fn note(&self, answer: Result<Observed, Error>, report: Option<Arc<str>>) -> Worth {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(observed) => {
                let worth = (
                    observed.generation,
                    observed.epoch,
                    observed.stage,
                    observed.step,
                    observed.connected,
                    observed.ready,
                    observed.done,
                );
                state.view.observed = Some(Arc::new(observed));
                state.view.report = report.or(state.view.report.take());
                state.view.error = None;
                state.last_answer = Instant::now();
                Some(worth)
            }
            Err(error) => {
                tracing::debug!(%error, test = %self.test, "a broker did not answer");
                state.view.error = Some(error.to_string().into());
                None
            }
        }
    }
}
