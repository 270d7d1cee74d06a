//! Who may talk to whom, for clusters whose network enforces it.

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use loads_wire::target::{REFUSED_ALWAYS, network};

use super::{CONTROL_PORT, HTTP_PORT, OPERATOR_PORT, RESULTS_PORT, Run};
use crate::names::Component;

impl Run<'_> {
    pub(super) fn broker_policy(&self) -> NetworkPolicy {
        let ingress = vec![
            from(vec![pods(self.names.label_selector(Component::Agent))], &[CONTROL_PORT, RESULTS_PORT]),
            from(vec![self.operator()], &[OPERATOR_PORT]),
            // Prometheus and port-forwarding users, wherever they are.
            NetworkPolicyIngressRule { from: None, ports: Some(vec![tcp(HTTP_PORT)]) },
        ];
        // The broker begins no conversation.
        self.policy(self.names.broker(), Component::Broker, ingress, Vec::new())
    }

    pub(super) fn agents_policy(&self) -> NetworkPolicy {
        let mut egress = vec![
            to(
                vec![pods(self.names.label_selector(Component::Broker))],
                vec![tcp(CONTROL_PORT), tcp(RESULTS_PORT)],
            ),
            NetworkPolicyEgressRule { to: None, ports: Some(vec![tcp(53), udp(53), tcp(5353), udp(5353)]) },
        ];
        egress.extend(self.targets());
        self.policy(self.names.agents(), Component::Agent, Vec::new(), egress)
    }

    /// Everything but what is never allowed; only the listed networks where the list has nothing but
    /// networks. Names can not be said in a NetworkPolicy: for them the agents judge alone.
    fn targets(&self) -> Vec<NetworkPolicyEgressRule> {
        let allow = &self.config.allow_targets;
        let networks: Vec<String> = allow.iter().filter_map(|entry| cidr(entry)).collect();
        if !allow.is_empty() && networks.len() == allow.len() {
            let peers = networks.into_iter().map(|cidr| block(cidr, None)).collect();
            return vec![NetworkPolicyEgressRule { to: Some(peers), ports: None }];
        }
        let (v6, v4): (Vec<_>, Vec<_>) =
            REFUSED_ALWAYS.iter().map(ToString::to_string).partition(|network| network.contains(':'));
        let peers = vec![
            block("0.0.0.0/0".to_owned(), Some(v4)),
            block("::/0".to_owned(), Some(v6)),
            // Some networks do not take a pod for an address.
            NetworkPolicyPeer { namespace_selector: Some(LabelSelector::default()), ..Default::default() },
        ];
        vec![NetworkPolicyEgressRule { to: Some(peers), ports: None }]
    }

    fn operator(&self) -> NetworkPolicyPeer {
        let label = |key: &str, value: &str| LabelSelector {
            match_labels: Some([(key.to_owned(), value.to_owned())].into()),
            ..LabelSelector::default()
        };
        NetworkPolicyPeer {
            namespace_selector: Some(label("kubernetes.io/metadata.name", &self.config.namespace)),
            pod_selector: Some(label("app.kubernetes.io/name", crate::names::OPERATOR)),
            ip_block: None,
        }
    }

    fn policy(
        &self,
        name: String,
        component: Component,
        ingress: Vec<NetworkPolicyIngressRule>,
        egress: Vec<NetworkPolicyEgressRule>,
    ) -> NetworkPolicy {
        NetworkPolicy {
            metadata: self.meta(name, component),
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(self.names.label_selector(component)),
                policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
                ingress: Some(ingress),
                egress: Some(egress),
            }),
        }
    }
}

/// An entry of the allow-list as a CIDR; none for names.
fn cidr(entry: &str) -> Option<String> {
    network(entry).map(|(base, bits)| format!("{base}/{bits}"))
}

fn block(cidr: String, except: Option<Vec<String>>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr, except }), ..NetworkPolicyPeer::default() }
}

fn pods(selector: LabelSelector) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(selector), ..NetworkPolicyPeer::default() }
}

fn from(peers: Vec<NetworkPolicyPeer>, ports: &[i32]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: Some(peers), ports: Some(ports.iter().map(|port| tcp(*port)).collect()) }
}

fn to(peers: Vec<NetworkPolicyPeer>, ports: Vec<NetworkPolicyPort>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { to: Some(peers), ports: Some(ports) }
}

fn tcp(port: i32) -> NetworkPolicyPort {
    NetworkPolicyPort { port: Some(IntOrString::Int(port)), protocol: Some("TCP".to_owned()), end_port: None }
}

fn udp(port: i32) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some("UDP".to_owned()), ..tcp(port) }
}
