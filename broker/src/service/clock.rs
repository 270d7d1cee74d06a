//! The broker's clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch that never go back while this process lives.
pub struct Clock {
    base: u64,
    since: Instant,
}

impl Clock {
    /// Takes the machine's time now, once.
    pub fn new() -> Self {
        let base = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base: u64::try_from(base.as_nanos()).unwrap_or(u64::MAX), since: Instant::now() }
    }

    /// This instant.
    pub fn now(&self) -> u64 {
        self.base.saturating_add(u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
