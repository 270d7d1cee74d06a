//! The distance between the broker's clock and this agent's, from heartbeat round trips.

/// Offset of the round trip that was the shortest: the one whose error (half of it) is smallest.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockOffset {
    best: Option<(u64, i128)>,
}

impl ClockOffset {
    /// A heartbeat left at `sent_at`, was answered when the broker's clock said `broker_now`, and the
    /// answer is here at `now` (all nanoseconds; `sent_at` and `now` of this agent's clock).
    pub fn round_trip(&mut self, sent_at: u64, broker_now: u64, now: u64) {
        let Some(rtt) = now.checked_sub(sent_at) else { return };
        if self.best.is_none_or(|(best, _)| rtt < best) {
            let middle = i128::from(sent_at) + i128::from(rtt / 2);
            self.best = Some((rtt, i128::from(broker_now) - middle));
        }
    }

    /// An instant of the broker's clock on this agent's. Before the first round trip, `unix_offset` (this
    /// machine's own wall clock minus its monotonic one) stands in.
    pub fn to_local(self, broker: u64, unix_offset: i128) -> u64 {
        let offset = self.best.map_or(unix_offset, |(_, offset)| offset);
        u64::try_from(i128::from(broker) - offset).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_decides() {
        let mut offset = ClockOffset::default();
        assert_eq!(offset.to_local(5_000, 1_000), 4_000);
        offset.round_trip(100, 10_100, 300); // 200 long, middle at 200: offset 9,900
        offset.round_trip(1_000, 10_905, 1_010); // 10 long, middle at 1,005: offset 9,900
        offset.round_trip(2_000, 99_999, 4_000);
        assert_eq!(offset.to_local(19_900, 0), 10_000);
    }
}
