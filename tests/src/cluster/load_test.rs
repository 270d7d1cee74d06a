//! A LoadTest on the cluster, by its status.

use serde_json::Value;

use super::Space;
use crate::wait::slowly;

/// One in a namespace.
pub struct LoadTest<'a> {
    space: &'a Space,
    /// Its name.
    pub name: String,
}

impl<'a> LoadTest<'a> {
    /// YAML with these lines as the spec.
    pub fn manifest(name: &str, spec: &str) -> String {
        let spec = format!("  {}\n", spec.trim().replace('\n', "\n  "));
        format!("apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: {name}}}\nspec:\n{spec}")
    }

    /// One that is there.
    pub fn existing(space: &'a Space, name: &str) -> Self {
        Self { space, name: name.to_owned() }
    }

    /// `loadtest/NAME`.
    pub fn reference(&self) -> String {
        format!("loadtest/{}", self.name)
    }

    /// The object.
    ///
    /// # Panics
    /// When it is gone.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn object(&self) -> Value {
        self.space.get("loadtest", &self.name).expect("the LoadTest is there")
    }

    /// Its status.
    pub fn status(&self) -> Value {
        self.object()["status"].clone()
    }

    /// (status, reason, message) of a condition.
    pub fn condition(&self, type_: &str) -> (String, String, String) {
        let status = self.status();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|c| c["type"] == type_).unwrap_or_default();
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// Waits for a condition's status and reason (any, when empty).
    pub fn wait(&self, type_: &str, status: &str, reason: &str) -> (String, String, String) {
        slowly(&format!("{} {type_}={status} {reason}; now {}", self.name, self.status()), || {
            let now = self.condition(type_);
            (now.0 == status && (reason.is_empty() || now.1 == reason)).then_some(now)
        })
    }

    /// Waits until it is over; its verdict's reason and message.
    ///
    /// # Panics
    /// When it is not over in time.
    pub fn finished(&self) -> (String, String) {
        let limit = "--timeout=180s";
        let waited = self.space.kubectl(&["wait", "--for=condition=Finished", &self.reference(), limit]);
        assert!(waited.code == 0, "{}: {}", waited.stderr, self.status());
        let (_, reason, message) = self.condition("Succeeded");
        (reason, message)
    }

    /// A figure of `.status.results`.
    pub fn result(&self, field: &str) -> u64 {
        self.status()["results"][field].as_u64().unwrap_or_default()
    }

    /// Changes fields of the spec.
    pub fn change(&self, spec: &str) {
        let patch = format!("{{\"spec\":{spec}}}");
        self.space.kubectl(&["patch", &self.reference(), "--type=merge", "-p", &patch]).ok();
    }

    /// Selects everything of its run.
    pub fn selector(&self) -> String {
        format!("loads.dev/loadtest={}", self.name)
    }

    /// Names of the run's pods of a component.
    pub fn pods(&self, component: &str) -> Vec<String> {
        let selector = format!("{},app.kubernetes.io/component={component}", self.selector());
        let pods = self.space.list("pods", &selector);
        pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned)).collect()
    }

    /// The whole result as the report keeps it.
    pub fn report(&self) -> Value {
        let maps = self.space.list("configmaps", &self.selector());
        let text = maps.iter().find_map(|map| map["data"]["result.json"].as_str());
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}
