//! What the pods of broker and agents share: Pod Security `restricted`, volumes, the LoadTest's own fields.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapProjection, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar,
    KeyToPath, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, ProjectedVolumeSource,
    ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Toleration, Volume,
    VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use loads_api::template::PodTemplate;

use super::Run;
use crate::names::Component;

/// User and group of every container; no name of either is needed in an image.
const USER: i64 = 65_532;
/// Seconds that a pod stays on a node that is gone: Kubernetes' own 300 would outlast the agents' patience
/// with a silent broker.
const GONE_NODE_SECONDS: i64 = 30;

pub(super) fn env(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.into()), ..EnvVar::default() }
}

pub(super) fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

pub(super) fn empty_dir(name: &str, limit: &str) -> Volume {
    let source = EmptyDirVolumeSource { size_limit: Some(Quantity(limit.to_owned())), ..Default::default() };
    Volume { name: name.to_owned(), empty_dir: Some(source), ..Volume::default() }
}

pub(super) fn secret(name: &str, secret: String, keys: &[(&str, &str)]) -> Volume {
    let source = SecretVolumeSource {
        secret_name: Some(secret),
        items: Some(keys.iter().map(|(key, path)| item(key, path)).collect()),
        // The group reads: the user is not root.
        default_mode: Some(0o440),
        ..SecretVolumeSource::default()
    };
    Volume { name: name.to_owned(), secret: Some(source), ..Volume::default() }
}

pub(super) fn config_map(name: &str, config_map: String) -> Volume {
    let source = ConfigMapVolumeSource { name: config_map, ..ConfigMapVolumeSource::default() };
    Volume { name: name.to_owned(), config_map: Some(source), ..Volume::default() }
}

fn item(key: &str, path: &str) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path: path.to_owned(), mode: None }
}

/// Requests and limits: memory and disk the same in both, so that a pod is never killed for what it was
/// promised; no limit on the CPU, which would falsify latencies.
pub(super) fn resources(cpu: &str, memory: &str, disk: &str) -> ResourceRequirements {
    let quantities = |list: &[(&str, &str)]| -> Option<BTreeMap<String, Quantity>> {
        Some(list.iter().map(|(name, value)| ((*name).to_owned(), Quantity((*value).to_owned()))).collect())
    };
    ResourceRequirements {
        requests: quantities(&[("cpu", cpu), ("memory", memory), ("ephemeral-storage", disk)]),
        limits: quantities(&[("memory", memory), ("ephemeral-storage", disk)]),
        ..ResourceRequirements::default()
    }
}

pub(super) fn security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        ..SecurityContext::default()
    }
}

impl Run<'_> {
    /// A projected volume with every file of the bundle; empty when there is none.
    pub(super) fn bundle_volume(&self, name: &str) -> Volume {
        if self.layout.sources.is_empty() {
            return empty_dir(name, "1Mi");
        }
        let sources = self.layout.sources.iter().map(|source| VolumeProjection {
            config_map: Some(ConfigMapProjection {
                name: source.config_map.clone(),
                items: Some(source.items.iter().map(|(key, path)| item(key, path)).collect()),
                optional: None,
            }),
            ..VolumeProjection::default()
        });
        let source = ProjectedVolumeSource { sources: Some(sources.collect()), default_mode: Some(0o444) };
        Volume { name: name.to_owned(), projected: Some(source), ..Volume::default() }
    }

    /// The LoadTest's own fields over the container's defaults.
    pub(super) fn container(&self, template: &PodTemplate, mut container: Container) -> Container {
        container.image_pull_policy = Some(self.config.image_pull_policy.name());
        container.security_context = Some(security());
        if let Some(image) = &template.image {
            container.image = Some(image.clone());
        }
        if let Some(resources) = &template.resources {
            container.resources = Some(resources.clone());
        }
        // The operator's own last: they are set whatever the LoadTest says.
        let own = container.env.take().unwrap_or_default();
        container.env = Some(template.env.iter().cloned().chain(own).collect());
        container.env_from = (!template.env_from.is_empty()).then(|| template.env_from.clone());
        container
    }

    /// A pod of the run.
    pub(super) fn pod(&self, component: Component, template: &PodTemplate, spec: PodSpec) -> PodTemplateSpec {
        let mut labels = template.labels.clone();
        labels.extend(self.names.labels(component));
        let mut annotations = template.annotations.clone();
        // An autoscaler that moves a pod in a run changes what is measured.
        annotations.extend(
            [
                ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
                ("karpenter.sh/do-not-disrupt", "true"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let optional = |names: &[LocalObjectReference]| (!names.is_empty()).then(|| names.to_vec());
        let mut tolerations = template.tolerations.clone();
        tolerations.extend(["not-ready", "unreachable"].map(gone_node));
        PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(labels),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec {
                service_account_name: Some(self.names.service_account()),
                automount_service_account_token: Some(false),
                enable_service_links: Some(false),
                security_context: Some(PodSecurityContext {
                    run_as_non_root: Some(true),
                    run_as_user: Some(USER),
                    run_as_group: Some(USER),
                    fs_group: Some(USER),
                    seccomp_profile: Some(SeccompProfile {
                        type_: "RuntimeDefault".to_owned(),
                        localhost_profile: None,
                    }),
                    ..PodSecurityContext::default()
                }),
                image_pull_secrets: optional(&template.image_pull_secrets),
                node_selector: (!template.node_selector.is_empty()).then(|| template.node_selector.clone()),
                affinity: template.affinity.clone(),
                priority_class_name: template.priority_class_name.clone(),
                tolerations: Some(tolerations),
                ..spec
            }),
        }
    }
}

fn gone_node(condition: &str) -> Toleration {
    Toleration {
        key: Some(format!("node.kubernetes.io/{condition}")),
        operator: Some("Exists".to_owned()),
        effect: Some("NoExecute".to_owned()),
        toleration_seconds: Some(GONE_NODE_SECONDS),
        value: None,
    }
}
