//! Step 1: everything a decision needs, from the stores and from the broker's last answer; from the API
//! server only the bundle's ConfigMaps, one after the other. May use the client.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt};
use loads_api::LoadTest;
use loads_wire::control::Desired;

use crate::broker::{Address, View};
use crate::build::OPERATOR_PORT;
use crate::bundle::{self, Collector, Layout};
use crate::children::{has, ours};
use crate::controller::{Context, Error};
use crate::names::{CA_CERTIFICATE, Names, TLS_SECRET};
use crate::problem::Problem;

/// What there is of a run.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The agents.
    pub job: Option<Arc<Job>>,
    /// The broker.
    pub broker: Option<Arc<Deployment>>,
    /// The broker's Service is there.
    pub service: bool,
    /// The plan's Secret and authority, once the plan is there.
    pub tls: Option<Tls>,
    /// Every object that the run has from its first to its last moment is there.
    pub complete: bool,
    /// What the broker said.
    pub view: View,
}

impl Found {
    /// Whether there is a broker's address to ask at.
    pub fn is_followed(&self) -> bool {
        self.service && self.tls.is_some()
    }
}

/// What the plan's annotations say.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Name of the Secret.
    pub secret: String,
    /// PEM.
    pub ca: String,
}

/// Reads the stores, and tells the broker what is wanted of it.
pub fn found(ctx: &Context, test: &LoadTest, names: &Names) -> Found {
    let job = ours(&ctx.stores.jobs, test, &names.agents());
    let broker = ours(&ctx.stores.deployments, test, &names.broker());
    let service = ours(&ctx.stores.services, test, &names.broker());
    let plan = ours(&ctx.stores.config_maps, test, &names.plan());
    let tls = plan.and_then(|plan| {
        let annotation = |key: &str| plan.annotations().get(key).cloned();
        Some(Tls { secret: annotation(TLS_SECRET)?, ca: annotation(CA_CERTIFICATE)? })
    });
    let complete =
        job.is_some() && broker.is_some() && service.is_some() && tls.is_some() && rest(ctx, test, names);
    let mut found = Found { job, broker, service: service.is_some(), tls, complete, view: View::default() };
    if let (Some(service), Some(tls)) = (service, &found.tls) {
        let by_address = ctx.config.brokers_by_address;
        let host = if by_address {
            service.spec.as_ref().and_then(|spec| spec.cluster_ip.clone())
        } else {
            service.namespace().map(|namespace| format!("{}.{namespace}.svc", names.broker()))
        };
        if let Some(host) = host {
            let address = Address { host, port: OPERATOR_PORT as u16, ca: tls.ca.clone() };
            found.view = ctx.followers.follow(names.run_id(), test, address, desired(test));
        }
    }
    found
}

/// Whether the objects are there of which nothing but their being there matters.
fn rest(ctx: &Context, test: &LoadTest, names: &Names) -> bool {
    let stores = &ctx.stores;
    let files = test.spec.bundle.as_ref().is_some_and(|bundle| !bundle.files.is_empty());
    has(&stores.accounts, test, &names.service_account())
        && has(&stores.policies, test, &names.broker())
        && has(&stores.policies, test, &names.agents())
        && has(&stores.budgets, test, &names.agents())
        && (!files || has(&stores.config_maps, test, &names.files()))
}

/// What the broker is to do.
pub fn desired(test: &LoadTest) -> Desired {
    Desired {
        generation: test.metadata.generation.unwrap_or_default(),
        agents: test.spec.agents,
        suspend: test.spec.suspend,
        stop: test.spec.stop,
        result_stored: crate::status::is_finished(test),
    }
}

/// Reads the ConfigMaps of the bundle.
pub async fn layout(ctx: &Context, test: &LoadTest, names: &Names) -> Result<Result<Layout, Problem>, Error> {
    let Some(bundle) = &test.spec.bundle else { return Ok(Ok(Layout::default())) };
    let namespace = test.namespace().unwrap_or_default();
    let maps: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), &namespace);
    let mut all = Collector::default();
    if let Err(problem) = all.add_inline(&names.files(), bundle) {
        return Ok(Err(problem));
    }
    for include in &bundle.include_files {
        let Some(map) = maps.get_opt(&include.config_map).await? else {
            return Ok(Err(bundle::not_found(&include.config_map, &namespace)));
        };
        let archive = match all.add(include, &map) {
            Ok(archive) => archive,
            Err(problem) => return Ok(Err(problem)),
        };
        for (number, part) in archive.iter().flat_map(|archive| &archive.parts).enumerate() {
            let Some(map) = maps.get_opt(part).await? else {
                return Ok(Err(bundle::not_found(part, &namespace)));
            };
            if let Err(problem) = all.add_part(number, part, &map) {
                return Ok(Err(problem));
            }
        }
    }
    Ok(Ok(all.finish()))
}
