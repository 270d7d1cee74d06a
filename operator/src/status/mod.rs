//! Step 5: what the LoadTest shows. `conditions` and `figures` are pure; one write, and only when something
//! changed.

mod conditions;
mod figures;
mod stories;
#[cfg(test)]
mod tests;
mod write;

use loads_api::LoadTest;
use loads_api::conditions::FINISHED;

pub use conditions::Situation;
pub use stories::stories;
pub use write::{Write, write};

/// Whether the run is over by the LoadTest's own word.
pub fn is_finished(test: &LoadTest) -> bool {
    test.status.as_ref().is_some_and(|status| status.is_true(FINISHED))
}
