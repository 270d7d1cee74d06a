//! The broker: a Deployment of one pod, and its Service.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, HTTPGetAction, PodSpec, PodTemplateSpec, Probe, Service, ServicePort,
    ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::configuration::{BROKER_KEYS, OPERATOR_KEY, PLAN_KEY};
use super::pod::{config_map, empty_dir, env, mount, resources, secret};
use super::{CONTROL_PORT, HTTP_PORT, OPERATOR_PORT, RESULTS_PORT, Run};
use crate::names::Component;

const PORTS: [(&str, i32); 4] =
    [("control", CONTROL_PORT), ("results", RESULTS_PORT), ("http", HTTP_PORT), ("operator", OPERATOR_PORT)];

/// For a Prometheus that finds pods by their annotations.
fn scraped(mut pod: PodTemplateSpec) -> PodTemplateSpec {
    let told =
        [("scrape", "true".to_owned()), ("port", HTTP_PORT.to_string()), ("path", "/metrics".to_owned())];
    let metadata = pod.metadata.get_or_insert_default();
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.extend(told.map(|(key, value)| (format!("prometheus.io/{key}"), value)));
    pod
}

impl Run<'_> {
    pub(super) fn service(&self) -> Service {
        let port = |(name, port): (&str, i32)| ServicePort {
            name: Some(name.to_owned()),
            port,
            target_port: Some(IntOrString::String(name.to_owned())),
            ..ServicePort::default()
        };
        Service {
            metadata: self.meta(self.names.broker(), Component::Broker),
            spec: Some(ServiceSpec {
                selector: Some(self.names.selector(Component::Broker)),
                ports: Some(PORTS.map(port).to_vec()),
                ..ServiceSpec::default()
            }),
            status: None,
        }
    }

    pub(super) fn broker(&self) -> Deployment {
        let template = self.test.spec.broker_template.clone().unwrap_or_default();
        let container = self.container(&template, self.broker_container());
        let pod = PodSpec {
            containers: vec![container],
            volumes: Some(vec![
                secret("tls", self.tls_secret.clone(), &BROKER_KEYS),
                config_map("plan", self.names.plan()),
                empty_dir("state", "2Gi"),
                empty_dir("tmp", "64Mi"),
            ]),
            termination_grace_period_seconds: Some(30),
            topology_spread_constraints: (!template.topology_spread_constraints.is_empty())
                .then(|| template.topology_spread_constraints.clone()),
            ..PodSpec::default()
        };
        Deployment {
            metadata: self.meta(self.names.broker(), Component::Broker),
            spec: Some(DeploymentSpec {
                replicas: Some(1),
                // Two brokers of one run would each hear half of it.
                strategy: Some(DeploymentStrategy {
                    type_: Some("Recreate".to_owned()),
                    rolling_update: None,
                }),
                selector: self.names.label_selector(Component::Broker),
                revision_history_limit: Some(0),
                template: scraped(self.pod(Component::Broker, &template, pod)),
                ..DeploymentSpec::default()
            }),
            status: None,
        }
    }

    fn broker_container(&self) -> Container {
        let arguments = [
            "broker".to_owned(),
            format!("--plan=/run/loads/plan/{PLAN_KEY}"),
            "--state-dir=/var/lib/loads".to_owned(),
            format!("--control=tcp://0.0.0.0:{CONTROL_PORT}"),
            format!("--results=tcp://0.0.0.0:{RESULTS_PORT}"),
            "--publish=ipc:///tmp/live".to_owned(),
            format!("--http=0.0.0.0:{HTTP_PORT}"),
            format!("--control-http=0.0.0.0:{OPERATOR_PORT}"),
            "--tls-dir=/run/loads/tls".to_owned(),
            format!("--operator-cert=/run/loads/plan/{OPERATOR_KEY}"),
            "--hold-result".to_owned(),
            format!("--namespace={}", self.test.metadata.namespace.as_deref().unwrap_or_default()),
            format!("--loadtest={}", self.test.metadata.name.as_deref().unwrap_or_default()),
        ];
        let port = |(name, port): (&str, i32)| ContainerPort {
            name: Some(name.to_owned()),
            container_port: port,
            ..ContainerPort::default()
        };
        let alive = Probe {
            http_get: Some(HTTPGetAction {
                path: Some("/healthz".to_owned()),
                port: IntOrString::String("http".to_owned()),
                ..HTTPGetAction::default()
            }),
            period_seconds: Some(10),
            timeout_seconds: Some(5),
            failure_threshold: Some(6),
            ..Probe::default()
        };
        Container {
            name: "broker".to_owned(),
            image: Some(self.config.broker_image.clone()),
            command: Some(vec!["/usr/local/bin/loads".to_owned()]),
            args: Some(arguments.to_vec()),
            env: Some(vec![env("LOADS_LOG", "info,zeromq=error"), env("TMPDIR", "/tmp")]),
            ports: Some(PORTS.map(port).to_vec()),
            volume_mounts: Some(vec![
                mount("tls", "/run/loads/tls", true),
                mount("plan", "/run/loads/plan", true),
                mount("state", "/var/lib/loads", false),
                mount("tmp", "/tmp", false),
            ]),
            // No readiness probe: it hides the broker from its agents for up to a second, the shortest period, and
            // they try again by themselves (docs/adr/0013-no-readiness-probe.md).
            liveness_probe: Some(alive),
            resources: Some(resources("50m", "256Mi", "2Gi")),
            ..Container::default()
        }
    }
}
