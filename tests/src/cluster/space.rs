//! A namespace of a test's own, gone with it.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::kubectl::{Output, kubectl};
use super::{LoadTest, Target};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The namespace.
pub struct Space {
    /// Its name.
    pub name: String,
}

impl Space {
    /// Makes one that enforces `restricted`. The words say which test's it is.
    pub fn new(test: &str) -> Self {
        Self::with_labels(
            test,
            "{pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}",
        )
    }

    /// Makes one that enforces nothing, as a new cluster's `default`.
    pub fn unrestricted(test: &str) -> Self {
        Self::with_labels(test, "{}")
    }

    fn with_labels(test: &str, labels: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{test}-{}-{number}", std::process::id());
        let manifest =
            format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {labels}\n");
        kubectl(&["apply", "-f", "-"], Some(&manifest)).ok();
        Self { name }
    }

    /// Runs kubectl in it.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        kubectl(&[&["-n", self.name.as_str()], args].concat(), None)
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &str) -> Output {
        kubectl(&["-n", &self.name, "apply", "-f", "-"], Some(manifests))
    }

    /// An object as it is, if it is.
    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "json"]);
        let text = found.ok();
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).ok())?
    }

    /// All objects of these kinds (comma-separated) with this label selector.
    pub fn list(&self, kinds: &str, selector: &str) -> Vec<Value> {
        let listed = self.kubectl(&["get", kinds, "-l", selector, "-o", "json"]).json();
        listed["items"].as_array().cloned().unwrap_or_default()
    }

    /// A target in it.
    pub fn target(&self) -> Target<'_> {
        Target::start(self)
    }

    /// Applies a LoadTest with these fields of the spec.
    pub fn load_test(&self, name: &str, spec: &str) -> LoadTest<'_> {
        let applied = self.apply(&LoadTest::manifest(name, spec));
        applied.ok();
        LoadTest::existing(self, name)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"], None);
    }
}
