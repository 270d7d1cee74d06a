//! Step 4: makes what is missing, in order, and carries over what may change in a run. Uses the client.
//!
//! Children are created, never applied: an object that somebody else owns under a child's name is refused by
//! the API server instead of being taken over (`kubectl delete --cascade=orphan` leaves such behind).

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::runtime::reflector::{Lookup, Store};
use kube::{Api, Resource, ResourceExt};
use loads_api::LoadTest;
use loads_api::conditions::reason;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::build::{Children, Run, budget_of};
use crate::certificates::RunCertificates;
use crate::children::{has, ours};
use crate::controller::{Context, Error};
use crate::dereference::Found;
use crate::names::{self, Names, OPERATOR};
use crate::problem::Problem;

/// Makes the Secret and the plan that names it. A crash in between makes another pair later, under another
/// name; this one goes with the LoadTest.
pub async fn make_plan(ctx: &Context, run: &Run<'_>, made: &RunCertificates) -> Result<(), Error> {
    let namespace = namespace_of(run.test);
    let secrets: Api<Secret> = Api::namespaced(ctx.client.clone(), &namespace);
    let secret = run.certificates(made);
    let refused = |error| Error::making("Secret", &secret.name_any(), error);
    secrets.create(&post(), &secret).await.map_err(refused)?;
    let plan = run.plan_map(made).map_err(|e| Error::Internal(e.to_string()))?;
    create(ctx, run.test, &plan).await
}

/// Makes the children that are not there.
pub async fn make_children(ctx: &Context, test: &LoadTest, children: Children) -> Result<(), Error> {
    let Children { service_account, files, broker_policy, agents_policy, service, broker, budget, agents } =
        children;
    let stores = &ctx.stores;
    make(ctx, test, &stores.accounts, &service_account).await?;
    if let Some(files) = files {
        make(ctx, test, &stores.config_maps, &files).await?;
    }
    make(ctx, test, &stores.policies, &broker_policy).await?;
    make(ctx, test, &stores.policies, &agents_policy).await?;
    make(ctx, test, &stores.services, &service).await?;
    make(ctx, test, &stores.deployments, &broker).await?;
    make(ctx, test, &stores.budgets, &budget).await?;
    make(ctx, test, &stores.jobs, &agents).await
}

async fn make<K, S>(ctx: &Context, test: &LoadTest, store: &Store<S>, child: &K) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Debug + Serialize + DeserializeOwned,
    S: Lookup<DynamicType = ()> + Resource + Clone + 'static,
{
    let name = child.name_any();
    let kind = K::kind(&()).into_owned();
    if has(store, test, &name) || ctx.memory.was_made(test, &kind, &name) {
        return Ok(());
    }
    create(ctx, test, child).await?;
    ctx.memory.made(test, kind, name);
    Ok(())
}

/// Creates; what is there already must be this LoadTest's.
pub async fn create<K>(ctx: &Context, test: &LoadTest, child: &K) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    let (name, namespace) = (child.name_any(), namespace_of(test));
    let api: Api<K> = Api::namespaced(ctx.client.clone(), &namespace);
    match api.create(&post(), child).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            // By list, a right that the watches need anyhow.
            let only = ListParams::default().fields(&format!("metadata.name={name}"));
            match api.list_metadata(&only).await?.items.first() {
                Some(object) if !names::is_ours(test, object.meta()) => {
                    let kind = K::kind(&()).into_owned();
                    let message = format!(
                        "{kind} {name:?} is in the way: it belongs to somebody else, and is not touched. Delete it, or make the LoadTest anew"
                    );
                    Err(Error::Problem(Problem::passing(reason::NAME_TAKEN, message)))
                }
                _ => Ok(()),
            }
        }
        Err(error) => Err(Error::making(&K::kind(&()), &name, error)),
    }
}

/// Named, because `Lookup` has a method of the same name.
fn namespace_of(test: &LoadTest) -> String {
    ResourceExt::namespace(test).unwrap_or_default()
}

fn post() -> PostParams {
    PostParams { field_manager: Some(OPERATOR.to_owned()), ..PostParams::default() }
}

/// Carries over what may change in a run: the number of agents, and what somebody changed by hand.
pub async fn keep_up(ctx: &Context, test: &LoadTest, names: &Names, found: &Found) -> Result<(), Error> {
    let namespace = namespace_of(test);
    let agents = i32::try_from(test.spec.agents).unwrap_or(i32::MAX);
    if let Some(spec) = found.job.as_ref().and_then(|job| job.spec.as_ref()) {
        let jobs: Api<Job> = Api::namespaced(ctx.client.clone(), &namespace);
        if spec.completions != Some(agents) || spec.parallelism != Some(agents) {
            let change = json!({"spec": {"completions": agents, "parallelism": agents}});
            patch(&jobs, &names.agents(), change).await?;
            let budgets: Api<PodDisruptionBudget> = Api::namespaced(ctx.client.clone(), &namespace);
            let change = json!({"spec": {"minAvailable": budget_of(test.spec.agents)}});
            patch(&budgets, &names.agents(), change).await?;
        }
        let must_end = test.spec.stop && found.view.silent.is_some();
        if must_end && spec.suspend != Some(true) {
            // Nobody else can end the load now: agents get SIGTERM.
            patch(&jobs, &names.agents(), json!({"spec": {"suspend": true}})).await?;
        }
    }
    if let Some(broker) = &found.broker
        && broker.spec.as_ref().is_some_and(|spec| spec.replicas != Some(1))
    {
        let deployments: Api<Deployment> = Api::namespaced(ctx.client.clone(), &namespace);
        patch(&deployments, &names.broker(), json!({"spec": {"replicas": 1}})).await?;
    }
    Ok(())
}

async fn patch<K: Clone + Debug + DeserializeOwned>(
    api: &Api<K>,
    name: &str,
    change: serde_json::Value,
) -> Result<(), Error> {
    let params = PatchParams { field_manager: Some(OPERATOR.to_owned()), ..PatchParams::default() };
    api.patch(name, &params, &Patch::Merge(change)).await?;
    Ok(())
}

/// Deletes the agents at once: their load ends.
pub async fn remove_agents(ctx: &Context, test: &LoadTest, names: &Names) -> Result<(), Error> {
    remove(ctx, test, &ctx.stores.jobs, &names.agents()).await
}

/// Deletes everything but the report and the Secret, which leave with the LoadTest.
pub async fn remove_children(ctx: &Context, test: &LoadTest, names: &Names) -> Result<(), Error> {
    let stores = &ctx.stores;
    remove_agents(ctx, test, names).await?;
    remove(ctx, test, &stores.deployments, &names.broker()).await?;
    remove(ctx, test, &stores.services, &names.broker()).await?;
    remove(ctx, test, &stores.budgets, &names.agents()).await?;
    remove(ctx, test, &stores.policies, &names.broker()).await?;
    remove(ctx, test, &stores.policies, &names.agents()).await?;
    remove(ctx, test, &stores.config_maps, &names.plan()).await?;
    remove(ctx, test, &stores.config_maps, &names.files()).await?;
    remove(ctx, test, &stores.accounts, &names.service_account()).await
}

async fn remove<S>(ctx: &Context, test: &LoadTest, store: &Store<S>, name: &str) -> Result<(), Error>
where
    S: Lookup<DynamicType = ()> + Resource<DynamicType = ()> + Removable + Clone + 'static,
{
    match ours(store, test, name) {
        Some(object) if object.meta().deletion_timestamp.is_none() => {
            let api: Api<S::Whole> = Api::namespaced(ctx.client.clone(), &namespace_of(test));
            delete(&api, name).await
        }
        _ => Ok(()),
    }
}

/// What a store's objects are of: themselves, or those whose metadata they are.
pub trait Removable {
    /// The whole object.
    type Whole: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned;
}

impl Removable for Job {
    type Whole = Self;
}

impl Removable for Deployment {
    type Whole = Self;
}

impl Removable for k8s_openapi::api::core::v1::Service {
    type Whole = Self;
}

impl<K> Removable for kube::core::PartialObjectMeta<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    type Whole = K;
}

/// The only delete: says Background, for without it a Job's running pods would stay for ever.
pub async fn delete<K>(api: &Api<K>, name: &str) -> Result<(), Error>
where
    K: Clone + Debug + DeserializeOwned,
{
    let params =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}
