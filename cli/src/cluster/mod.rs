//! What of a run in a cluster can be reached from here: `connect` finds the cluster as kubectl does, `find` its
//! LoadTest, result and broker, `forward` speaks to the broker through the API server.

mod connect;
mod find;
mod forward;
pub mod page;
pub mod wait;

pub use connect::{Cluster, Options};
