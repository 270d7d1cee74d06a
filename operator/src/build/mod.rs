//! The objects of a run, each built by a pure function from the validated run.
//!
//! Children are made once and not changed by later releases of the operator, so that an upgrade never
//! disturbs a run; what may change in a run (number of agents, suspend, stop) goes to the broker, and the
//! number of agents to the Job besides.

mod agents;
mod broker;
mod configuration;
mod network;
mod pod;
pub mod report;

#[cfg(test)]
mod tests;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use loads_api::LoadTest;
use loads_wire::Plan;

use crate::bundle::Layout;
use crate::config::Config;
use crate::names::{self, Component, Names};

pub use agents::{budget_of, deadline_seconds};

/// Port of the broker's control socket.
pub const CONTROL_PORT: i32 = 7780;
/// Port of the broker's results socket.
pub const RESULTS_PORT: i32 = 7781;
/// Port of what anybody may read: health and figures.
pub const HTTP_PORT: i32 = loads_api::labels::HTTP_PORT as i32;
/// Port of the operator's requests, mutual TLS.
pub const OPERATOR_PORT: i32 = 8443;

/// A run that may begin: everything its objects are made from.
#[derive(Debug)]
pub struct Run<'a> {
    /// Whose run.
    pub test: &'a LoadTest,
    /// Names of its objects.
    pub names: Names,
    /// What broker and agents are to do.
    pub plan: Plan,
    /// Where its files come from.
    pub layout: Layout,
    /// The administrator's decisions.
    pub config: &'a Config,
    /// The certificate by which the broker knows the operator, PEM.
    pub operator_certificate: &'a str,
    /// Name of the Secret with the run's certificates.
    pub tls_secret: String,
}

/// All objects of a run but its certificates, plan and report, in the order in which they are made: what
/// others refer to first, and agents last, so that no load starts before everything else is there.
#[derive(Debug)]
pub struct Children {
    /// Without any right.
    pub service_account: ServiceAccount,
    /// Inline files.
    pub files: Option<ConfigMap>,
    /// Who may talk to the broker.
    pub broker_policy: NetworkPolicy,
    /// Whom agents may talk to.
    pub agents_policy: NetworkPolicy,
    /// The broker's address.
    pub service: Service,
    /// The broker.
    pub broker: Deployment,
    /// How many agents a drain may take at once.
    pub budget: PodDisruptionBudget,
    /// The agents.
    pub agents: Job,
}

impl Run<'_> {
    /// Builds everything that refers to certificates and plan by name.
    pub fn children(&self) -> Children {
        Children {
            service_account: self.service_account(),
            files: self.files(),
            broker_policy: self.broker_policy(),
            agents_policy: self.agents_policy(),
            service: self.service(),
            broker: self.broker(),
            budget: self.budget(),
            agents: self.agents(),
        }
    }

    /// Metadata of an object of the run.
    fn meta(&self, name: String, component: Component) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: self.test.metadata.namespace.clone(),
            labels: Some(self.names.labels(component)),
            owner_references: names::owner(self.test).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    fn service_account(&self) -> ServiceAccount {
        ServiceAccount {
            metadata: self.meta(self.names.service_account(), Component::Run),
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        }
    }
}
