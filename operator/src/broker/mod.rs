//! Running brokers: a small task for each run tells its broker what is wanted and hears how far it is, so
//! that no reconcile ever waits for a pod.

mod client;
mod follow;

pub use client::{Address, Identity};
pub use follow::{Followers, View};
