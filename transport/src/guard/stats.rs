//! What the filter did to strangers, counted.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Connections of one bound socket by fate, since it was bound.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Debug, Default)]
        pub(crate) struct Stats { $(pub(crate) $name: AtomicU64,)* }

        impl Stats {
            pub(crate) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counts! {
    /// Accepted at all.
    accepted,
    /// Accepting failed (file limit, mostly).
    accept_errors,
    /// Came through the handshake.
    admitted,
    /// Had no certificate of the run (where TLS is on), were no ZMTP 3 NULL peer of a fitting type, or closed
    /// within the handshake.
    bad_handshakes,
    /// Did not finish the handshake in time.
    slow_handshakes,
    /// Dropped within the handshake for a newer connection.
    evicted_pending,
    /// Dropped before their first message for a newer connection.
    evicted_silent,
    /// Turned away because all connections were taken.
    turned_away,
    /// Dropped for a message over the size limit.
    oversized,
    /// Dropped for breaking the protocol after the handshake.
    violations,
    /// Dropped for not taking what was written to them.
    stalled,
    /// Heartbeats answered.
    pings,
}

pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
