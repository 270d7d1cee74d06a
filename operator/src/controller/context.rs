//! What every reconcile has at hand.

use std::sync::Arc;

use kube::Client;
use kube::runtime::events::Recorder;
use tokio::sync::Semaphore;

use super::Memory;
use crate::broker::{Followers, Identity};
use crate::children::Stores;
use crate::config::Config;
use crate::telemetry::Metrics;

/// Shared by all reconciles of one watched namespace, or of all.
pub struct Context {
    /// To the API server.
    pub client: Client,
    /// The administrator's decisions.
    pub config: Arc<Config>,
    /// What the API server has.
    pub stores: Stores,
    /// Running brokers.
    pub followers: Followers,
    /// Who the operator is to brokers.
    pub identity: Arc<Identity>,
    /// Writes events.
    pub recorder: Recorder,
    /// Between two looks.
    pub memory: Memory,
    /// A place for each diagnosis that may go on: pods, as the API server tells of them, are large.
    pub diagnoses: Semaphore,
    /// Of the operator itself.
    pub metrics: Arc<Metrics>,
}
