//! Names and labels of everything that belongs to a run: one place for those who make, find and delete.
//!
//! Every name ends in the first six characters of the LoadTest's uid, so that a new LoadTest of the same
//! name never meets what an old one left behind (`kubectl delete --cascade=orphan`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use kube::{Resource, ResourceExt};
use loads_api::LoadTest;
use loads_api::labels::{AGENT, BROKER};
pub use loads_api::labels::{COMPONENT, LOADTEST, RUN};

/// Field manager, event reporter and `managed-by` of everything the operator writes.
pub const OPERATOR: &str = "loads-operator";
/// Selects all children of all runs.
pub const MANAGED: &str = "app.kubernetes.io/managed-by=loads-operator";
/// Annotation of the plan: the Secret with the run's certificates.
pub const TLS_SECRET: &str = "loads.dev/tls-secret";
/// Annotation of the plan: the certificate that signed the broker's, PEM.
pub const CA_CERTIFICATE: &str = "loads.dev/ca-certificate";

/// Whose object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The broker's.
    Broker,
    /// The agents'.
    Agent,
    /// The run's.
    Run,
}

impl Component {
    fn name(self) -> &'static str {
        match self {
            Self::Broker => BROKER,
            Self::Agent => AGENT,
            Self::Run => "run",
        }
    }
}

/// Names of a run's children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    test: String,
    suffix: String,
    run: String,
}

impl Names {
    /// Those of this LoadTest; none before the API server gave it a uid.
    pub fn of(test: &LoadTest) -> Option<Self> {
        let run = test.uid()?;
        let suffix = run.chars().filter(char::is_ascii_alphanumeric).take(6).collect();
        Some(Self { test: test.name_any(), suffix, run })
    }

    fn child(&self, what: &str) -> String {
        format!("{}-{what}-{}", self.test, self.suffix)
    }

    /// The run id: the LoadTest's uid, for a LoadTest is one run.
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// ServiceAccount of broker and agents.
    pub fn service_account(&self) -> String {
        self.child("run")
    }

    /// ConfigMap with the plan.
    pub fn plan(&self) -> String {
        self.child("plan")
    }

    /// ConfigMap with the inline files.
    pub fn files(&self) -> String {
        self.child("files")
    }

    /// ConfigMap with the result.
    pub fn report(&self) -> String {
        self.child("report")
    }

    /// Deployment, Service and NetworkPolicy of the broker.
    pub fn broker(&self) -> String {
        self.child("broker")
    }

    /// Job, NetworkPolicy and PodDisruptionBudget of the agents.
    pub fn agents(&self) -> String {
        self.child("agents")
    }

    /// Secret with the certificates whose authority has this fingerprint.
    pub fn certificates(&self, fingerprint: &str) -> String {
        self.child(&fingerprint[..fingerprint.len().min(8)])
    }

    /// Labels by which the pods of a component are found.
    pub fn selector(&self, component: Component) -> BTreeMap<String, String> {
        [(RUN, self.run.as_str()), (COMPONENT, component.name())]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// The same as a LabelSelector.
    pub fn label_selector(&self, component: Component) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector(component)), ..LabelSelector::default() }
    }

    /// All labels of an object.
    pub fn labels(&self, component: Component) -> BTreeMap<String, String> {
        let mut labels = self.selector(component);
        labels.extend(
            [
                (LOADTEST, self.test.as_str()),
                ("app.kubernetes.io/name", "loads"),
                ("app.kubernetes.io/instance", &self.test),
                ("app.kubernetes.io/part-of", "loads"),
                ("app.kubernetes.io/managed-by", OPERATOR),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        labels
    }
}

/// Selects everything of one run, as a query.
pub fn of_run(run_id: &str) -> String {
    format!("{RUN}={run_id}")
}

/// Makes an object the LoadTest's own. Without blockOwnerDeletion: setting that needs a right on
/// finalizers that the operator does not ask for.
pub fn owner(test: &LoadTest) -> Option<OwnerReference> {
    test.controller_owner_ref(&())
}

/// Whether the object belongs to this very LoadTest, and not to a former one of its name.
pub fn is_ours(test: &LoadTest, meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> bool {
    let mut owners = meta.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && Some(&owner.uid) == test.metadata.uid.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::load_test;

    #[test]
    fn the_longest_allowed_name_leaves_room_for_the_index_of_ten_thousand_agents() {
        let mut test = load_test("");
        test.metadata.name = Some("a".repeat(40));
        let host = format!("{}-9999", Names::of(&test).unwrap().agents());
        assert!(host.len() <= 63, "{host}");
    }

    #[test]
    fn two_load_tests_of_one_name_share_no_child_name() {
        let (one, mut other) = (load_test(""), load_test(""));
        other.metadata.uid = Some("ffff7777-0000".into());
        assert_ne!(Names::of(&one).unwrap().agents(), Names::of(&other).unwrap().agents());
    }

    #[test]
    fn the_owner_reference_asks_for_no_right_on_finalizers() {
        assert_eq!(owner(&load_test("")).unwrap().block_owner_deletion, None);
    }
}
