//! Finds a LoadTest, its kept result and its broker's pod.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::ListParams;
use loads_api::conditions::{ACCEPTED, AGENTS_READY, FINISHED, SUCCEEDED};
use loads_api::labels::{BROKER, COMPONENT, LOADTEST, RESULT_KEY, RUN};
use loads_api::{LoadTest, LoadTestStatus};
use loads_wire::RunResult;

use super::Cluster;
use crate::exit::Exit;

impl Cluster {
    /// The LoadTest of this name.
    pub async fn load_test(&self, name: &str) -> Result<LoadTest, Exit> {
        let found = self.api::<LoadTest>().get_opt(name).await.map_err(|e| asking("LoadTests", &e))?;
        found.ok_or_else(|| {
            Exit::usage(format!(
                "there is no LoadTest {name:?} in namespace {}; `kubectl get loadtests -A` lists all",
                self.namespace
            ))
        })
    }

    /// The result of a run: what was kept of it if it is over, else what its broker says now.
    pub async fn result(&self, name: &str) -> Result<RunResult, Exit> {
        let test = self.load_test(name).await?;
        if let Some(kept) = self.kept(&test).await? {
            return Ok(kept);
        }
        let Some(pod) = self.broker(&test).await? else {
            return Err(Exit::error(format!(
                "LoadTest {name:?} has no result and no broker that runs: {}",
                state(test.status.as_ref())
            )));
        };
        self.summary(&pod).await
    }

    /// The result in the run's ConfigMap, once it is there.
    pub async fn kept(&self, test: &LoadTest) -> Result<Option<RunResult>, Exit> {
        let Some(run) = run_of(test) else { return Ok(None) };
        let of_run = ListParams::default().labels(&format!("{RUN}={run},{LOADTEST}={}", test.name_any()));
        let maps = self.api::<ConfigMap>().list(&of_run).await.map_err(|e| asking("ConfigMaps", &e))?;
        let json = maps.items.iter().find_map(|map| map.data.as_ref()?.get(RESULT_KEY));
        json.map(|json| serde_json::from_str(json)).transpose().map_err(|e| {
            Exit::error(format!("the kept result of LoadTest {:?} can not be read: {e}", test.name_any()))
        })
    }

    /// Name of the broker's pod, if one runs.
    pub async fn broker(&self, test: &LoadTest) -> Result<Option<String>, Exit> {
        let Some(run) = run_of(test) else { return Ok(None) };
        let of_run = ListParams::default().labels(&format!("{RUN}={run},{COMPONENT}={BROKER}"));
        let pods = self.api::<Pod>().list(&of_run).await.map_err(|e| asking("Pods", &e))?;
        Ok(pods.items.iter().find(|pod| is_ready(pod)).map(ResourceExt::name_any))
    }
}

/// Where a run is, in the operator's words.
pub fn state(status: Option<&LoadTestStatus>) -> String {
    let said = |type_: &str| {
        let condition = status?.condition(type_)?;
        Some(format!("{} ({})", condition.message, condition.reason))
    };
    let is = |type_: &str| status.is_some_and(|status| status.is_true(type_));
    let type_ = match () {
        () if is(FINISHED) => SUCCEEDED,
        () if is(ACCEPTED) => AGENTS_READY,
        () => ACCEPTED,
    };
    said(type_).unwrap_or_else(|| "no operator has looked at it yet".to_owned())
}

/// Why the API server gave no answer.
pub fn asking(what: &str, error: &kube::Error) -> Exit {
    let said = match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    Exit::error(format!("the API server does not give {what}: {said}"))
}

fn run_of(test: &LoadTest) -> Option<&str> {
    test.status.as_ref()?.run_id.as_deref()
}

fn is_ready(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let mut conditions = status.conditions.iter().flatten();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(conditions: &serde_json::Value) -> LoadTestStatus {
        serde_json::from_value(json!({"conditions": conditions})).unwrap()
    }

    fn condition(type_: &str, status: &str, message: &str) -> serde_json::Value {
        json!({"type": type_, "status": status, "reason": "Because", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn the_state_of_a_run_is_told_by_the_condition_that_matters_now() {
        assert!(state(None).contains("no operator"));
        let refused = status(&json!([condition("Accepted", "False", "no such file")]));
        assert_eq!(state(Some(&refused)), "no such file (Because)");
        let waiting =
            status(&json!([condition("Accepted", "True", ""), condition("AgentsReady", "False", "quota")]));
        assert_eq!(state(Some(&waiting)), "quota (Because)");
        let over = status(&json!([
            condition("Accepted", "True", ""),
            condition("Finished", "True", ""),
            condition("Succeeded", "False", "late")
        ]));
        assert_eq!(state(Some(&over)), "late (Because)");
    }

    #[test]
    fn a_pod_that_is_leaving_or_not_ready_is_no_broker_to_ask() {
        let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let pod = |meta, status| serde_json::from_value(json!({"metadata": meta, "status": status})).unwrap();
        assert!(is_ready(&pod(json!({}), ready.clone())));
        assert!(!is_ready(&pod(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}), ready)));
        assert!(!is_ready(&pod(json!({}), json!({}))));
    }
}
