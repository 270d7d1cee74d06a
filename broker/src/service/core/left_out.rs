//! Messages that are not for this broker.

use loads_wire::message::{Error as WireError, ToAgent};

/// Messages that were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Of another version.
    pub version: u64,
    /// Of another run.
    pub run: u64,
    /// Not readable at all.
    pub garbage: u64,
    /// Windows that were refused.
    pub windows: u64,
}

impl LeftOut {
    /// Counts a message that is not for this broker; strangers who can be answered are told why.
    pub(super) fn leave_out(&mut self, error: &WireError) -> Option<ToAgent> {
        match error {
            WireError::Version(_) => self.version += 1,
            WireError::Run(_) => self.run += 1,
            WireError::Decode(_) | WireError::Encode(_) => {
                self.garbage += 1;
                tracing::warn!(%error, "a message was left out");
                return None;
            }
        }
        Some(ToAgent::Refused { reason: error.to_string(), superseded: false })
    }
}
