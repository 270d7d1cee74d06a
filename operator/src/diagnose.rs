//! Why agents do not come: quotas stand in the Deployment's status and in the Job's events only, images and
//! nodes in the pods. Read on demand, never kept. `pods`, `broker` and `events` are pure.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{self, ContainerStatus, Event, PodStatus};
use kube::api::ListParams;
use kube::core::{ApiResource, NotUsed, Object};
use kube::{Api, ResourceExt};
use loads_api::LoadTest;
use loads_api::conditions::reason;

use crate::controller::{Context, Error};
use crate::names::{Names, of_run};
use crate::problem::Problem;

/// As many as tell the story.
const MOST: u32 = 50;
const MOST_PODS: u32 = 20;

/// A pod without what it was asked to be, which is most of it.
type Pod = Object<NotUsed, PodStatus>;

/// Looks at the pods of the run, at its broker's Deployment and at the events of its Job.
pub async fn diagnose(
    ctx: &Context,
    test: &LoadTest,
    names: &Names,
    of_broker: Option<&Deployment>,
) -> Result<Option<Problem>, Error> {
    let namespace = test.namespace().unwrap_or_default();
    let of_pods = ApiResource::erase::<v1::Pod>(&());
    let pods_api: Api<Pod> = Api::namespaced_with(ctx.client.clone(), &namespace, &of_pods);
    let of_run = ListParams::default().labels(&of_run(names.run_id())).limit(MOST_PODS);
    let found = pods_api.list(&of_run).await?;
    if let Some(problem) = pods(&found.items).or_else(|| of_broker.and_then(broker)) {
        return Ok(Some(problem));
    }
    let events_api: Api<Event> = Api::namespaced(ctx.client.clone(), &namespace);
    let of_job = format!("involvedObject.name={},type=Warning", names.agents());
    let found = events_api.list(&ListParams::default().fields(&of_job).limit(MOST)).await?;
    Ok(events(&found.items))
}

/// The gravest thing that pods say.
pub fn pods(pods: &[Pod]) -> Option<Problem> {
    let first = |look: fn(&Pod) -> Option<Problem>| pods.iter().find_map(look);
    first(image).or_else(|| first(crash)).or_else(|| ended(pods)).or_else(|| first(unschedulable))
}

/// What a Deployment says of a pod that could not even be made; events of it have only its ReplicaSet's name.
pub fn broker(broker: &Deployment) -> Option<Problem> {
    let conditions = broker.status.as_ref()?.conditions.as_ref()?;
    let failed = conditions.iter().find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    failed.message.as_deref().map(not_made)
}

/// What events of a Job say of pods that could not even be made.
pub fn events(events: &[Event]) -> Option<Problem> {
    let mut failed = events.iter().rev().filter(|e| e.reason.as_deref() == Some("FailedCreate"));
    failed.find_map(|event| event.message.as_deref()).map(not_made)
}

fn not_made(message: &str) -> Problem {
    let reason =
        if message.contains("exceeded quota") { reason::QUOTA_EXCEEDED } else { reason::CREATE_FAILED };
    Problem::passing(reason, format!("Pods can not be made: {message}"))
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    let all = status.flat_map(|s| [&s.init_container_statuses, &s.container_statuses]);
    all.flatten().flatten()
}

fn image(pod: &Pod) -> Option<Problem> {
    const KINDS: [&str; 4] = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];
    containers(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let kind = waiting.reason.as_deref().filter(|reason| KINDS.contains(reason))?;
        let message = format!(
            "Pod {:?} can not fetch image {:?} ({kind}): {}",
            pod.name_any(),
            container.image,
            waiting.message.as_deref().unwrap_or("no message")
        );
        Some(Problem::passing(reason::IMAGE_PULL_FAILED, message))
    })
}

fn crash(pod: &Pod) -> Option<Problem> {
    containers(pod).find_map(|container| {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        let loops = waiting.and_then(|w| w.reason.as_deref()) == Some("CrashLoopBackOff");
        let ended = [&container.state, &container.last_state]
            .into_iter()
            .flatten()
            .find_map(|state| state.terminated.as_ref())
            .filter(|ended| ended.exit_code != 0);
        let ended = ended.filter(|_| loops || container.restart_count > 2)?;
        let message = format!(
            "Container {:?} of pod {:?} ends again and again (exit code {}{}): look at `kubectl logs {} -c {} --previous`",
            container.name,
            pod.name_any(),
            ended.exit_code,
            ended.reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default(),
            pod.name_any(),
            container.name
        );
        Some(Problem::passing(reason::CRASH_LOOP, message))
    })
}

/// Agents' containers are not restarted: each end leaves a pod that fails once its keeper has ended too, and the Job
/// makes another after that.
fn ended(pods: &[Pod]) -> Option<Problem> {
    // The keeper beside the agent ends well, and comes first.
    let code = |pod: &Pod| {
        let mut ended = containers(pod).filter_map(|c| c.state.as_ref()?.terminated.clone());
        ended.find(|ended| ended.exit_code != 0)
    };
    let all: Vec<_> = pods.iter().filter_map(|pod| Some((pod.name_any(), code(pod)?))).collect();
    let (name, last) = all.last().filter(|_| all.len() > 1)?;
    let message = format!(
        "{} agents ended before the run could start, one with exit code {}{}: look at `kubectl logs {name} -c agent`",
        all.len(),
        last.exit_code,
        last.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default(),
    );
    Some(Problem::passing(reason::CRASH_LOOP, message))
}

fn unschedulable(pod: &Pod) -> Option<Problem> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    let message =
        format!("No node takes pod {:?}: {}", pod.name_any(), scheduled.message.clone().unwrap_or_default());
    Some(Problem::passing(reason::UNSCHEDULABLE, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: &serde_json::Value) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": "a-0"}, "spec": {"containers": []}, "status": status}),
        )
        .unwrap()
    }

    fn container(state: &serde_json::Value) -> serde_json::Value {
        json!({"name": "agent", "image": "x:1", "imageID": "", "ready": false, "restartCount": 0, "state": state})
    }

    #[test]
    fn an_image_that_can_not_be_fetched_is_named_with_the_registrys_words() {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}});
        let problem = pods(&[pod(&json!({"containerStatuses": [container(&waiting)]}))]).unwrap();
        assert_eq!(problem.reason, reason::IMAGE_PULL_FAILED);
        assert!(problem.message.contains("x:1") && problem.message.contains("no such host"), "{problem}");
    }

    #[test]
    fn a_pod_without_a_node_says_the_schedulers_words() {
        let status = json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]});
        let problem = pods(&[pod(&status)]).unwrap();
        assert_eq!((problem.reason, problem.message.contains("0/3 nodes")), (reason::UNSCHEDULABLE, true));
    }

    #[test]
    fn agents_that_end_one_after_the_other_are_named_and_a_single_one_is_not() {
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let well = json!({"terminated": {"exitCode": 0}});
        let failed = || {
            pod(&json!({"phase": "Failed", "initContainerStatuses": [container(&well)],
                "containerStatuses": [container(&killed)]}))
        };
        assert_eq!(pods(&[failed()]), None);
        let problem = pods(&[failed(), failed()]).unwrap();
        assert_eq!(problem.reason, reason::CRASH_LOOP);
        assert!(problem.message.contains("137 (OOMKilled)"), "{problem}");
    }

    #[test]
    fn a_container_that_starts_is_no_problem() {
        let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
        assert_eq!(pods(&[pod(&json!({"containerStatuses": [container(&waiting)]}))]), None);
    }

    #[test]
    fn a_quota_is_told_from_other_refusals() {
        let event = |message: &str| -> Event {
            serde_json::from_value(
                json!({"metadata": {}, "involvedObject": {}, "reason": "FailedCreate", "message": message}),
            )
            .unwrap()
        };
        assert_eq!(
            events(&[event("pods \"a\" is forbidden: exceeded quota: q")]).unwrap().reason,
            reason::QUOTA_EXCEEDED
        );
        assert_eq!(events(&[event("violates PodSecurity")]).unwrap().reason, reason::CREATE_FAILED);
    }

    #[test]
    fn a_broker_for_which_a_quota_has_no_room_is_told_by_its_deployment() {
        let deployment = |status: &str| -> Deployment {
            let message = "pods \"b-1\" is forbidden: exceeded quota: few";
            let failure = json!({"type": "ReplicaFailure", "status": status, "message": message});
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": [failure]}})).unwrap()
        };
        assert_eq!(broker(&deployment("True")).unwrap().reason, reason::QUOTA_EXCEEDED);
        assert_eq!(broker(&deployment("False")), None);
    }
}
