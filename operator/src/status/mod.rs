//! Step 5: what the LoadTest shows. `conditions` and `figures` are pure; one write, and only when something
//! changed.

mod conditions;
mod figures;
mod stories;
#[cfg(test)]
mod tests;
mod write;

use loads_api::LoadTest;
use loads_api::conditions::{ConditionStatus, FINISHED};

pub use conditions::Situation;
pub use stories::stories;
pub use write::{Write, write};

/// Whether the run is over by the LoadTest's own word.
pub fn is_finished(test: &LoadTest) -> bool {
    is_true(test, FINISHED)
}

/// Whether a condition is True.
pub fn is_true(test: &LoadTest, type_: &str) -> bool {
    let conditions = test.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|c| c.type_ == type_ && c.status == ConditionStatus::True)
}
