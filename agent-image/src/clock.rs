//! The agent's clock: nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// Now, in nanoseconds of CLOCK_MONOTONIC; Python's `time.monotonic_ns()` reads the same clock.
pub fn now() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Now, in nanoseconds since the Unix epoch.
pub fn unix_now() -> u64 {
    read(ClockId::CLOCK_REALTIME)
}

fn read(clock: ClockId) -> u64 {
    // Both clocks exist on every Linux, so the error case can not be met; 0 keeps the caller total.
    clock_gettime(clock).map_or(0, |t| t.tv_sec() as u64 * SECOND + t.tv_nsec() as u64)
}
