//! Why a LoadTest can not run: a reason of `loads_api::conditions` and a message that says what to do.

/// What stands in the way of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// One of `conditions::reason`.
    pub reason: &'static str,
    /// What, where, why, and what to do.
    pub message: String,
    /// Whether something besides the LoadTest itself could mend it, so that looking again makes sense.
    pub may_pass: bool,
}

impl Problem {
    /// Only another spec can mend this.
    pub fn of_spec(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), may_pass: false }
    }

    /// Another object, or time, can mend this.
    pub fn passing(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), may_pass: true }
    }
}
