//! The agent: prepares a bundle, drives an executor through the steps of a run, and delivers what it
//! counted to the broker, each window exactly once.
//!
//! What happens to a hit: an executor (`executors`) records it (`record`), the second's window goes into
//! the spool (`spool`) and from there to the broker (`session`), until the broker says it has it.

pub mod agent;
pub mod bundle;
pub mod clock;
pub mod executor;
pub mod executors;
pub mod keeper;
pub mod record;
pub mod session;
pub mod spool;
