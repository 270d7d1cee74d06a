//! What the API server has of each run, kept up to date by watches: full objects where their state matters,
//! metadata for the rest.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PodTemplateSpec, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{Lookup, ObjectRef, Store, store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use loads_api::LoadTest;
use serde::de::DeserializeOwned;

use crate::names::{self, LOADTEST, MANAGED};
use crate::telemetry::Metrics;

/// A stream of LoadTests to look at again.
pub type Wakes = BoxStream<'static, ObjectRef<LoadTest>>;

/// The stores of one watched namespace, or of all.
#[derive(Clone)]
pub struct Stores {
    /// Of the agents.
    pub jobs: Store<Job>,
    /// Of the brokers.
    pub deployments: Store<Deployment>,
    /// Of the brokers.
    pub services: Store<Service>,
    /// Plans, inline files, reports.
    pub config_maps: Store<PartialObjectMeta<ConfigMap>>,
    /// Of broker and agents.
    pub policies: Store<PartialObjectMeta<NetworkPolicy>>,
    /// Of the agents.
    pub budgets: Store<PartialObjectMeta<PodDisruptionBudget>>,
    /// Of the runs.
    pub accounts: Store<PartialObjectMeta<ServiceAccount>>,
}

impl Stores {
    /// Starts watching; the wakes come when a child changes, and must be polled for the stores to fill.
    pub fn watch(client: &Client, namespace: Option<&str>, metrics: &Arc<Metrics>) -> (Self, Wakes) {
        let mut wakes = (Vec::new(), Arc::clone(metrics));
        let stores = Self {
            // Pod templates are most of an object, and nobody reads them here.
            jobs: filled(client, namespace, &mut wakes, |job: &mut Job| {
                job.spec.iter_mut().for_each(|spec| spec.template = PodTemplateSpec::default());
            }),
            deployments: filled(client, namespace, &mut wakes, |broker: &mut Deployment| {
                broker.spec.iter_mut().for_each(|spec| spec.template = PodTemplateSpec::default());
            }),
            services: filled(client, namespace, &mut wakes, whole),
            config_maps: filled(client, namespace, &mut wakes, whole),
            policies: filled(client, namespace, &mut wakes, whole),
            budgets: filled(client, namespace, &mut wakes, whole),
            accounts: filled(client, namespace, &mut wakes, whole),
        };
        (stores, futures::stream::select_all(wakes.0).boxed())
    }

    /// Waits until each has been filled once: before that everything looks as if it were missing.
    pub async fn ready(&self) -> bool {
        let Self { jobs, deployments, services, config_maps, policies, budgets, accounts } = self;
        let all = tokio::try_join!(
            jobs.wait_until_ready(),
            deployments.wait_until_ready(),
            services.wait_until_ready(),
            config_maps.wait_until_ready(),
            policies.wait_until_ready(),
            budgets.wait_until_ready(),
            accounts.wait_until_ready(),
        );
        all.is_ok()
    }
}

/// All objects, or those of a namespace.
pub fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    namespace.map_or_else(|| Api::all(client.clone()), |name| Api::namespaced(client.clone(), name))
}

fn config() -> watcher::Config {
    watcher::Config::default().labels(MANAGED)
}

/// Takes nothing away.
pub fn whole<K>(_: &mut K) {}

/// A store of the objects without their managed fields and what `slim` takes away.
fn filled<K>(
    client: &Client,
    namespace: Option<&str>,
    (wakes, metrics): &mut (Vec<Wakes>, Arc<Metrics>),
    slim: fn(&mut K),
) -> Store<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (reader, events) = watched(client, namespace, config(), slim);
    wakes.push(owners(events, Arc::clone(metrics)));
    reader
}

/// A store, and the events that fill it while they are polled; without managed fields, which nobody reads.
pub fn watched<K>(
    client: &Client,
    namespace: Option<&str>,
    config: watcher::Config,
    slim: fn(&mut K),
) -> (Store<K>, impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static)
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (reader, writer) = store();
    let events = watcher(api::<K>(client, namespace), config).modify(move |object| {
        object.managed_fields_mut().clear();
        slim(object);
    });
    (reader, events.default_backoff().reflect(writer))
}

/// The LoadTests of the objects that changed.
fn owners<K>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    metrics: Arc<Metrics>,
) -> Wakes
where
    K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Send + Sync + 'static,
{
    metrics.watches(<K as Resource>::kind(&()).as_ref());
    let changed = events.touched_objects().filter_map(move |object| {
        let owner = match object {
            Ok(object) => load_test_of(object.meta()),
            Err(error) => {
                // Tried again by the watch itself; what persists shows in the metrics and here.
                metrics.watch_error(<K as Resource>::kind(&()).as_ref());
                tracing::warn!(%error, "a watch was interrupted");
                None
            }
        };
        std::future::ready(owner)
    });
    changed.boxed()
}

fn load_test_of(child: &ObjectMeta) -> Option<ObjectRef<LoadTest>> {
    let name = child.labels.as_ref()?.get(LOADTEST)?;
    Some(ObjectRef::new(name).within(child.namespace.as_deref()?))
}

/// The store's object of this name, if it is this very LoadTest's.
pub fn ours<K>(store: &Store<K>, test: &LoadTest, name: &str) -> Option<Arc<K>>
where
    K: Lookup<DynamicType = ()> + Resource + Clone + 'static,
{
    let object = store.get(&ObjectRef::<K>::new(name).within(test.metadata.namespace.as_deref()?))?;
    names::is_ours(test, object.meta()).then_some(object)
}

/// Whether [`ours`] is there.
pub fn has<K>(store: &Store<K>, test: &LoadTest, name: &str) -> bool
where
    K: Lookup<DynamicType = ()> + Resource + Clone + 'static,
{
    ours(store, test, name).is_some()
}
