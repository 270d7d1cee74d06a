//! What the operator says of itself: logs, metrics, health.

mod http;
mod log;
mod metrics;
mod runs;
mod table;
#[cfg(test)]
mod tests;

pub use http::{Health, serve};
pub use log::init as init_log;
pub use metrics::Metrics;
