//! A demo server in a pod, which knows to the request what it was sent.

use serde_json::Value;

use super::{Space, kubectl, operator_image};
use crate::wait::slowly;

/// Gone with its namespace.
pub struct Target<'a> {
    space: &'a Space,
}

impl<'a> Target<'a> {
    pub(super) fn start(space: &'a Space) -> Self {
        space.apply(&MANIFEST.replace("IMAGE", &operator_image())).ok();
        space.kubectl(&["rollout", "status", "deployment/target", "--timeout=120s"]).ok();
        let target = Self { space };
        // Endpoints follow the pod's readiness a moment later.
        slowly("the target answers", || target.ask());
        target
    }

    /// Its URL inside the cluster.
    pub fn url(&self) -> String {
        format!("http://target.{}.svc:8080", self.space.name)
    }

    /// What `/counts` says.
    pub fn counts(&self) -> Value {
        slowly("the target's counts", || self.ask())
    }

    /// Requests it got.
    pub fn total(&self) -> u64 {
        self.counts()["total"].as_u64().unwrap_or_default()
    }

    /// Waits until it got more than this.
    pub fn wait_for_more_than(&self, requests: u64) -> u64 {
        slowly("hits at the target", || Some(self.total()).filter(|total| *total > requests))
    }

    fn ask(&self) -> Option<Value> {
        let path = format!("/api/v1/namespaces/{}/services/target:8080/proxy/counts", self.space.name);
        let answer = kubectl(&["get", "--raw", &path], None);
        (answer.code == 0).then(|| serde_json::from_str(&answer.stdout).ok())?
    }
}

const MANIFEST: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: target}
spec:
  selector: {matchLabels: {app: target}}
  template:
    metadata: {labels: {app: target}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      terminationGracePeriodSeconds: 1
      containers:
        - name: target
          image: IMAGE
          command: [/usr/local/bin/loads, demo-server, --listen, "0.0.0.0:8080"]
          ports: [{containerPort: 8080}]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {name: target}
spec: {selector: {app: target}, ports: [{port: 8080}]}
"#;
