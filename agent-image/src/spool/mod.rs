//! Windows on disk until the broker has them, and after.
//!
//! `file` keeps every window of one process (epoch) of this agent, `outbox` decides which to send when,
//! `recovery` takes over what a killed process of the same index left behind, `unheard` says whether somebody
//! still counts for it.

mod file;
mod outbox;
mod recovery;
mod unheard;

pub use file::Spool;
pub use outbox::Outbox;
pub use recovery::{Former, RUNNERS_CELLS, gone_runners, recover, start_epoch, undetailed_rest};
pub use unheard::Unheard;
