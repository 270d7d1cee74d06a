//! The broker: who takes part, when load starts and ends, and what was measured.
//!
//! `roster` (agents, start, steps, losses), `dedupe` (what is counted already), `aggregate` (the merged figures)
//! and `criteria` (whether they pass) are pure: no clock, no socket; `metrics` writes the figures for Prometheus.
//! `store` is the SQLite file, and `service` joins them.
#![forbid(unsafe_code)]

pub mod aggregate;
pub mod criteria;
pub mod dedupe;
pub mod http;
pub mod metrics;
pub mod roster;
mod service;
pub mod store;

pub use service::{Broker, BrokerConfig, BrokerHandle, Endpoints, Error, RESULT_FILE, ServeConfig, serve};
