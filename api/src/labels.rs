//! Labels and keys of a run's objects, for those who make them and those who look for them.

/// Label with the LoadTest's name.
pub const LOADTEST: &str = "loads.dev/loadtest";
/// Label with the run id.
pub const RUN: &str = "loads.dev/run";
/// Label that says whose object it is: [`BROKER`], [`AGENT`], or `run` for what is neither's.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The broker's component.
pub const BROKER: &str = "broker";
/// The agents' component.
pub const AGENT: &str = "agent";
/// Key of the result in the report ConfigMap: JSON as docs/results.md describes it.
pub const RESULT_KEY: &str = "result.json";
/// Port of the broker's pod with health, figures and the live page.
pub const HTTP_PORT: u16 = 8080;
