//! What happens to a LoadTest: looked at, judged, its objects made, its status written.

mod context;
mod error;
mod memory;
mod reconcile;
mod run;

pub use context::Context;
pub use error::Error;
pub use memory::Memory;
pub use run::{Shared, run};
