//! Windows on disk until the broker has them, and after.
//!
//! `file` keeps every window of one process (epoch) of this agent, `outbox` decides which to send when,
//! `claim` says whose the folder is and what of it is delivered, `recovery` takes over what a killed process
//! of the same index left behind, `unheard` says whether somebody still counts for it.

mod claim;
mod file;
mod outbox;
mod recovery;
mod unheard;

pub use claim::{Claim, claim, is_delivered, note_delivered};
pub use file::Spool;
pub use outbox::Outbox;
pub use recovery::{Former, RUNNERS_CELLS, gone_runners, recover, start_epoch, undetailed_rest};
pub use unheard::Unheard;
