//! Runs the controller of one watched namespace, or of all.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::events::Recorder;
use kube::runtime::reflector::Store;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use loads_api::LoadTest;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::reconcile::reconcile;
use super::{Context, Error, Memory};
use crate::broker::{Followers, Identity};
use crate::children::{Stores, watched, whole};
use crate::config::Config;
use crate::telemetry::Metrics;

/// How often what is remembered of LoadTests that are gone is dropped.
const SWEEP: Duration = Duration::from_secs(30);
/// Between two looks at whether the stores are filled.
const FILL: Duration = Duration::from_secs(2);
/// LoadTests that are looked at at the same time. Each look has a connection to the API server, and a look of
/// 200 at once made it slower for all, and cost half a MiB each.
const LOOKS: u16 = 16;
/// Of them, those that find out why agents do not come.
const DIAGNOSES: usize = 2;

/// Everything that the controllers of several namespaces share.
#[derive(Clone)]
pub struct Shared {
    /// To the API server.
    pub client: Client,
    /// The administrator's decisions.
    pub config: Arc<Config>,
    /// Who the operator is to brokers.
    pub identity: Arc<Identity>,
    /// Writes events.
    pub recorder: Recorder,
    /// Of the operator itself.
    pub metrics: Arc<Metrics>,
}

/// Reconciles until `stop`; what is under way then is finished.
pub async fn run(
    shared: Shared,
    namespace: Option<&str>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let Shared { client, config, identity, recorder, metrics } = shared;
    let (wake, woken) = mpsc::unbounded_channel();
    let (stores, children) = Stores::watch(&client, namespace, &metrics);
    let (tests, changes) = watched::<LoadTest>(&client, namespace, watcher::Config::default(), whole);
    let controller = Controller::for_stream(changes.applied_objects(), tests.clone())
        .with_config(controller::Config::default().concurrency(LOOKS));
    metrics.tell_of(tests.clone());
    metrics.watches(LoadTest::kind(&()).as_ref());
    let followers = Followers::new(Arc::clone(&identity), wake);
    let memory = Memory::default();
    let diagnoses = Semaphore::new(DIAGNOSES);
    let ctx = Arc::new(Context {
        client,
        config,
        stores,
        followers,
        identity,
        recorder,
        memory,
        diagnoses,
        metrics,
    });
    let sweeper = tokio::spawn(sweep(tests, Arc::clone(&ctx)));
    let metrics = Arc::clone(&ctx.metrics);
    controller
        .reconcile_on(children)
        .reconcile_on(UnboundedReceiverStream::new(woken))
        .graceful_shutdown_on(stop)
        .run(look, again, ctx)
        .for_each(|looked| {
            if let Err(error) = looked {
                if matches!(error, controller::Error::QueueError(_)) {
                    metrics.watch_error(LoadTest::kind(&()).as_ref());
                }
                // Objects that went in between are no news.
                tracing::debug!(%error, "a look did not end well");
            }
            std::future::ready(())
        })
        .await;
    sweeper.abort();
}

async fn look(test: Arc<LoadTest>, ctx: Arc<Context>) -> Result<Action, Error> {
    // Before that every child looks as if it were missing. Not waited for without end: the stores fill no
    // more once the controller is told to stop.
    if tokio::time::timeout(FILL, ctx.stores.ready()).await != Ok(true) {
        return Ok(Action::requeue(FILL));
    }
    let _active = ctx.metrics.look();
    let looked = reconcile(test, Arc::clone(&ctx)).await;
    ctx.metrics.looked(&looked);
    looked
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn again(test: Arc<LoadTest>, error: &Error, ctx: Arc<Context>) -> Action {
    if error.is_outdated() {
        return Action::requeue(Duration::from_millis(200));
    }
    let wait = ctx.memory.failed(&test);
    tracing::warn!(%error, test = test.name_any(), namespace = test.namespace(), ?wait, "tried again");
    Action::requeue(wait)
}

async fn sweep(tests: Store<LoadTest>, ctx: Arc<Context>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let uids: HashSet<String> = tests.state().iter().filter_map(|test| test.uid()).collect();
        ctx.followers.retain(&uids);
        ctx.memory.retain(&uids);
    }
}
