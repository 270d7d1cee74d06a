//! What the tests on a real cluster share: `kubectl` as users have it, a namespace of a test's own, a target
//! in it that counts, and LoadTests.
//!
//! The cluster is whatever KUBECONFIG names, with the operator of `tests/cluster/operator`.

mod audit;
mod helm;
mod kubectl;
mod load_test;
mod node;
mod plugin;
mod prometheus;
mod space;
mod target;

pub use audit::{Audit, Request};
pub use helm::{Helm, NoOperator, Release, chart, chart_program};
pub use kubectl::{Output, kubectl};
pub use load_test::LoadTest;
pub use node::{age, component, process_of, signal_process};
pub use plugin::{Page, Plugin};
pub use prometheus::{Prometheus, promtool_check};
pub use space::Space;
pub use target::Target;

/// Image of operator, broker and targets.
pub fn operator_image() -> String {
    std::env::var("LOADS_OPERATOR_IMAGE").unwrap_or_else(|_| "localhost/loads-operator:test".to_owned())
}

/// Image of agents.
pub fn agent_image() -> String {
    std::env::var("LOADS_AGENT_IMAGE").unwrap_or_else(|_| "localhost/loads-agent:test".to_owned())
}
