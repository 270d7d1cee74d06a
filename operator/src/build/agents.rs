//! The agents: an Indexed Job, and a budget against drains.
//!
//! An agent exits 0 only after the broker's bye and 143 on SIGTERM, so that a Job never takes an evicted
//! agent for a complete one. The keeper, a native sidecar, outlives an agent that is killed and delivers
//! what it had counted.

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, TopologySpreadConstraint};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use loads_wire::Plan;
use loads_wire::plan::OnAgentLoss;

use super::configuration::AGENT_KEYS;
use super::pod::{empty_dir, env, mount, resources, secret};
use super::{CONTROL_PORT, RESULTS_PORT, Run};
use crate::config::Config;
use crate::names::Component;

/// An agent's exit code for a test that can not run: another process of it could not either.
const CONFIGURATION_ERROR: i32 = 2;
/// What delivering takes after the drain, in seconds.
const DELIVERY: u32 = 20;
/// Seconds beyond every other limit after which Kubernetes ends a run whose operator is gone.
const SLACK: u64 = 180;
const CONTAINER: &str = "agent";

/// After so long the Job ends by itself, in seconds: the wait for agents, the load, and the drains.
pub fn deadline_seconds(plan: &Plan, config: &Config) -> u64 {
    let load = plan.timetable_seconds().unwrap_or(config.max_duration.as_secs());
    let drains = u64::from(plan.drain_seconds) * (plan.steps.len() as u64 + 1);
    u64::from(plan.start_timeout_seconds) + load + drains + SLACK
}

/// How many agents a drain of nodes must leave: all but one, so that nodes can still be drained.
pub fn budget_of(agents: u32) -> i32 {
    i32::try_from(agents.saturating_sub(1).max(1)).unwrap_or(i32::MAX)
}

impl Run<'_> {
    pub(super) fn agents(&self) -> Job {
        let agents = i32::try_from(self.plan.agents).unwrap_or(i32::MAX);
        let (retries_per_index, policy) = retry(self.plan.on_agent_loss);
        Job {
            metadata: self.meta(self.names.agents(), Component::Agent),
            spec: Some(JobSpec {
                completion_mode: Some("Indexed".to_owned()),
                completions: Some(agents),
                parallelism: Some(agents),
                backoff_limit_per_index: retries_per_index,
                pod_failure_policy: Some(policy),
                pod_replacement_policy: Some("Failed".to_owned()),
                active_deadline_seconds: i64::try_from(deadline_seconds(&self.plan, self.config)).ok(),
                template: self.pod(
                    Component::Agent,
                    &self.test.spec.agent_template.clone().unwrap_or_default(),
                    self.agent_pod(),
                ),
                ..JobSpec::default()
            }),
            status: None,
        }
    }

    pub(super) fn budget(&self) -> PodDisruptionBudget {
        PodDisruptionBudget {
            metadata: self.meta(self.names.agents(), Component::Agent),
            spec: Some(PodDisruptionBudgetSpec {
                // Of a Job's pods only an integer is understood.
                min_available: Some(IntOrString::Int(budget_of(self.plan.agents))),
                selector: Some(self.names.label_selector(Component::Agent)),
                unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
                max_unavailable: None,
            }),
            status: None,
        }
    }

    fn agent_pod(&self) -> PodSpec {
        let template = self.test.spec.agent_template.clone().unwrap_or_default();
        let volumes = vec![
            secret("tls", self.tls_secret.clone(), &AGENT_KEYS),
            self.bundle_volume("bundle"),
            empty_dir("state", "1Gi"),
            empty_dir("work", "1Gi"),
            empty_dir("tmp", "256Mi"),
        ];
        let spread = if template.topology_spread_constraints.is_empty() {
            vec![self.over_nodes()]
        } else {
            template.topology_spread_constraints.clone()
        };
        PodSpec {
            init_containers: Some(vec![self.keeper(&template)]),
            containers: vec![self.container(&template, self.agent())],
            volumes: Some(volumes),
            restart_policy: Some("Never".to_owned()),
            termination_grace_period_seconds: Some(i64::from(self.grace()) + 5),
            topology_spread_constraints: Some(spread),
            ..PodSpec::default()
        }
    }

    /// From SIGTERM to the agent's exit, in seconds.
    fn grace(&self) -> u32 {
        self.plan.drain_seconds + DELIVERY
    }

    /// Over the nodes if they have room: agents on one node share its network.
    fn over_nodes(&self) -> TopologySpreadConstraint {
        TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(self.names.label_selector(Component::Agent)),
            ..TopologySpreadConstraint::default()
        }
    }

    fn environment(&self) -> Vec<EnvVar> {
        // The shortest name is the one that a pod's resolver finds first.
        let broker = self.names.broker();
        vec![
            env("LOADS_RUN_ID", self.names.run_id()),
            env("LOADS_CONTROL", format!("tcp://{broker}:{CONTROL_PORT}")),
            env("LOADS_RESULTS", format!("tcp://{broker}:{RESULTS_PORT}")),
            env("LOADS_TLS_DIR", "/run/loads/tls"),
            env("LOADS_STATE_DIR", "/var/lib/loads"),
            env("LOADS_GRACE", self.grace().to_string()),
            env("LOADS_LOG", "info,zeromq=error"),
            env("TMPDIR", "/tmp"),
            env("HOME", "/tmp"),
        ]
    }

    fn agent(&self) -> Container {
        let mut variables = self.environment();
        variables.extend([
            env("LOADS_BUNDLE_DIR", "/run/loads/bundle"),
            env("LOADS_WORK_DIR", "/work"),
            env("LOADS_FIND_BROKER", self.plan.start_timeout_seconds.to_string()),
        ]);
        variables.extend(self.config.pip_index.as_ref().map(|index| env("LOADS_PIP_INDEX", index.as_str())));
        let mounts = vec![
            mount("tls", "/run/loads/tls", true),
            mount("bundle", "/run/loads/bundle", true),
            mount("state", "/var/lib/loads", false),
            mount("work", "/work", false),
            mount("tmp", "/tmp", false),
        ];
        Container {
            name: CONTAINER.to_owned(),
            image: Some(self.config.agent_image.clone()),
            command: Some(vec!["/usr/local/bin/loads".to_owned()]),
            args: Some(vec!["agent".to_owned()]),
            env: Some(variables),
            volume_mounts: Some(mounts),
            resources: Some(resources("50m", "512Mi", "2Gi")),
            ..Container::default()
        }
    }

    /// Beside the agent, in the same image, so that a node fetches one only.
    fn keeper(&self, template: &loads_api::template::PodTemplate) -> Container {
        let image = template.image.clone().unwrap_or_else(|| self.config.agent_image.clone());
        Container {
            name: "keeper".to_owned(),
            image: Some(image),
            image_pull_policy: Some(self.config.image_pull_policy.name()),
            command: Some(vec!["/usr/local/bin/loads".to_owned()]),
            args: Some(vec!["keeper".to_owned()]),
            env: Some(self.environment()),
            volume_mounts: Some(vec![
                mount("tls", "/run/loads/tls", true),
                mount("state", "/var/lib/loads", false),
                mount("tmp", "/tmp", false),
            ]),
            restart_policy: Some("Always".to_owned()),
            security_context: Some(super::pod::security()),
            resources: Some(resources("1m", "48Mi", "64Mi")),
            ..Container::default()
        }
    }
}

/// What Kubernetes does when an agent's pod fails; frozen with the Job.
///
/// Under `Replace` no limit by index: with one, the Job controller keeps a failed pod until its successor is
/// there, which never comes in a namespace that is being deleted, and the namespace waits for its pods
/// (docs/adr/0010). Lost agents are ignored by the policy instead, and so never used up.
fn retry(on_loss: OnAgentLoss) -> (Option<i32>, PodFailurePolicy) {
    let exit = |operator: &str, values: Vec<i32>| PodFailurePolicyOnExitCodesRequirement {
        container_name: Some(CONTAINER.to_owned()),
        operator: operator.to_owned(),
        values,
    };
    let wrong = |action: &str| PodFailurePolicyRule {
        action: action.to_owned(),
        on_exit_codes: Some(exit("In", vec![CONFIGURATION_ERROR])),
        ..PodFailurePolicyRule::default()
    };
    let disrupted = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
        ..PodFailurePolicyRule::default()
    };
    let died = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_exit_codes: Some(exit("NotIn", vec![0, CONFIGURATION_ERROR])),
        ..PodFailurePolicyRule::default()
    };
    let (retries, rules) = match on_loss {
        OnAgentLoss::Replace => (None, vec![wrong("FailJob"), disrupted, died]),
        // The broker decides what a loss means; the Job only must not start anybody in the place.
        OnAgentLoss::Continue | OnAgentLoss::Fail => (Some(0), vec![wrong("FailIndex")]),
    };
    (retries, PodFailurePolicy { rules })
}
