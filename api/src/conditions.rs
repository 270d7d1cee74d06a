//! Every condition type and every reason that a LoadTest can show, in one place: both are API.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The spec can be run as it stands.
pub const ACCEPTED: &str = "Accepted";
/// As many agents are ready as the start needs.
pub const AGENTS_READY: &str = "AgentsReady";
/// Load is on.
pub const RUNNING: &str = "Running";
/// The verdict: Unknown until the end, then final.
pub const SUCCEEDED: &str = "Succeeded";
/// The run is over, whatever the verdict.
pub const FINISHED: &str = "Finished";
/// For tools that know no other condition: the run is over and passed.
pub const READY: &str = "Ready";
/// The operator is still at work on this object.
pub const RECONCILING: &str = "Reconciling";
/// Nothing will happen any more, and it is not a success.
pub const STALLED: &str = "Stalled";

/// All condition types with their status before the operator has seen the object.
pub const ALL: [(&str, ConditionStatus); 8] = [
    (ACCEPTED, ConditionStatus::Unknown),
    (AGENTS_READY, ConditionStatus::Unknown),
    (RUNNING, ConditionStatus::Unknown),
    (SUCCEEDED, ConditionStatus::Unknown),
    (FINISHED, ConditionStatus::False),
    (READY, ConditionStatus::Unknown),
    (RECONCILING, ConditionStatus::True),
    (STALLED, ConditionStatus::False),
];

/// Why a condition has its status.
pub mod reason {
    macro_rules! reasons {
        ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
            $($(#[doc = $doc])+ pub const $name: &str = $text;)+
            /// Every reason with the sentence that explains it.
            pub const ALL: &[(&str, &str)] = &[$(($text, concat!($($doc),+))),+];
        };
    }

    reasons! {
        /// No controller has seen the object yet.
        PENDING = "Pending";
        /// The spec was read and can be run.
        ACCEPTED = "Accepted";
        /// The spec contradicts itself in a way that only the operator can see.
        INVALID_SPEC = "InvalidSpec";
        /// A ConfigMap of the bundle does not exist.
        BUNDLE_NOT_FOUND = "BundleNotFound";
        /// A ConfigMap of the bundle lacks a key that the test names.
        BUNDLE_KEY_NOT_FOUND = "BundleKeyNotFound";
        /// The bundle's files can not be put together: a damaged archive, a path or link that leads out, a file brought twice.
        BUNDLE_INVALID = "BundleInvalid";
        /// The bundle is larger than agents take.
        BUNDLE_TOO_LARGE = "BundleTooLarge";
        /// A requirement of the test could not be installed.
        DEPENDENCY_FAILED = "DependencyFailed";
        /// An object of another owner has a name that this run needs.
        NAME_TAKEN = "NameTaken";
        /// The server under test is not on the operator's list of allowed targets.
        TARGET_NOT_ALLOWED = "TargetNotAllowed";
        /// The spec asks for more than the operator's administrator allows.
        OVER_LIMIT = "OverLimit";
        /// The operator could not make an object of the run.
        CREATE_FAILED = "CreateFailed";
        /// The namespace's quota does not admit the pods.
        QUOTA_EXCEEDED = "QuotaExceeded";
        /// Pods are starting.
        AGENTS_PENDING = "AgentsPending";
        /// No node takes the pods.
        UNSCHEDULABLE = "Unschedulable";
        /// An image can not be fetched.
        IMAGE_PULL_FAILED = "ImagePullFailed";
        /// A container ends again and again.
        CRASH_LOOP = "CrashLoop";
        /// Agents run and do not reach the broker, or the broker does not run yet.
        BROKER_PENDING = "BrokerPending";
        /// Enough agents are ready.
        AGENTS_READY = "AgentsReady";
        /// `suspend` holds the run.
        SUSPENDED = "Suspended";
        /// Load is on.
        RUNNING = "Running";
        /// The last requests and tests in flight are finishing.
        DRAINING = "Draining";
        /// The run is over.
        FINISHED = "Finished";
        /// Every test and criterion passed.
        PASSED = "Passed";
        /// Tests had errors or failures.
        TESTS_FAILED = "TestsFailed";
        /// A criterion was not met.
        CRITERIA_FAILED = "CriteriaFailed";
        /// The test could not be prepared on an agent.
        PREPARE_FAILED = "PrepareFailed";
        /// `stop` ended the run early.
        STOPPED = "Stopped";
        /// Too few agents were ready in time.
        START_TIMEOUT = "StartTimeout";
        /// An agent was lost, and `onAgentLoss` is `Fail`.
        AGENT_LOST = "AgentLost";
        /// Part of the load or of the result is missing.
        INCOMPLETE = "Incomplete";
        /// The broker was silent for longer than `brokerSilence`.
        BROKER_LOST = "BrokerLost";
        /// The run did not end within its time.
        DEADLINE_EXCEEDED = "DeadlineExceeded";
    }
}

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It can not be said yet.
    Unknown,
}

/// One aspect of the object's state, as in every Kubernetes API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Name of the aspect.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub type_: String,
    /// Whether it is so.
    pub status: ConditionStatus,
    /// `metadata.generation` that the status was judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    #[schemars(length(max = 64))]
    pub last_transition_time: Time,
    /// Why, in one word.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, for people: what, where, and what to do.
    #[schemars(length(max = 32_768))]
    pub message: String,
}

/// The conditions of an object that no controller has seen: tools that judge objects by their conditions
/// must not take it for finished.
pub fn initial() -> serde_json::Value {
    let conditions = ALL.map(|(type_, status)| {
        serde_json::json!({
            "type": type_,
            "status": status,
            "lastTransitionTime": "1970-01-01T00:00:00Z",
            "reason": reason::PENDING,
            "message": "Waiting for the operator",
        })
    });
    serde_json::json!({ "conditions": conditions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_conditions_are_conditions_and_say_not_finished() {
        let status: crate::LoadTestStatus = serde_json::from_value(initial()).unwrap();
        let of = |type_| status.condition(type_).map(|c| c.status).unwrap();
        assert_eq!(of(FINISHED), ConditionStatus::False);
        assert_eq!(of(SUCCEEDED), ConditionStatus::Unknown);
        assert_eq!(of(RECONCILING), ConditionStatus::True);
    }

    #[test]
    fn every_reason_is_one_camel_case_word_and_has_a_sentence() {
        let mut seen = std::collections::BTreeSet::new();
        for (reason, sentence) in reason::ALL {
            assert!(
                reason.chars().all(|c| c.is_ascii_alphanumeric())
                    && reason.starts_with(|c: char| c.is_ascii_uppercase())
            );
            assert!(sentence.trim().ends_with('.'), "{reason}");
            assert!(seen.insert(reason), "{reason} twice");
        }
    }
}
