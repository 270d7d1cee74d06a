//! When load is due: users of a closed model, arrivals of an open one. Pure arithmetic on nanoseconds.

use crate::clock::SECOND;

/// When user `user` of agent `agent` starts, after the step's start: users of all agents, interleaved, are
/// spread evenly over the ramp-up.
pub fn user_start(user: u32, users: u32, agent: u32, agents: u32, ramp_up: u64) -> u64 {
    let place = u128::from(user) * u128::from(agents) + u128::from(agent);
    let places = (u128::from(users) * u128::from(agents)).max(1);
    (place * u128::from(ramp_up) / places) as u64
}

/// Executions of user `user` when `total` of them are spread over `users`.
pub fn share(total: u64, user: u32, users: u32) -> u64 {
    let users = u64::from(users.max(1));
    total / users + u64::from(u64::from(user) < total % users)
}

/// How arrivals of the whole run are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrivals {
    /// Arrivals per second over all agents.
    pub rate: u32,
    /// Nanoseconds over which the rate rises linearly from 0.
    pub ramp_up: u64,
}

impl Arrivals {
    /// When global arrival `k` (0, 1, 2, …) is due, in nanoseconds after the step's start.
    pub fn due(&self, k: u64) -> u64 {
        let rate = u128::from(self.rate.max(1));
        let ramp = u128::from(self.ramp_up);
        let second = u128::from(SECOND);
        // While the rate rises, arrivals so far are rate × t² / (2 × ramp).
        if u128::from(k) * 2 * second <= rate * ramp {
            let squared = 2 * ramp * u128::from(k) * second / rate;
            return squared.isqrt() as u64;
        }
        (u128::from(k) * second / rate + ramp / 2) as u64
    }
}

/// One lane's part of the arrivals: every `stride`-th, from `first` on.
#[derive(Debug, Clone, Copy)]
pub struct LaneArrivals {
    arrivals: Arrivals,
    next: u64,
    stride: u64,
    /// Global arrivals end below this.
    end: u64,
}

impl LaneArrivals {
    /// The arrivals `first`, `first + stride`, … below `end` (`u64::MAX`: without end).
    pub fn new(arrivals: Arrivals, first: u64, stride: u64, end: u64) -> Self {
        Self { arrivals, next: first, stride: stride.max(1), end }
    }

    /// The next one: its global number and when it is due after the step's start; none after the last.
    pub fn peek(&self) -> Option<(u64, u64)> {
        (self.next < self.end).then(|| (self.next, self.arrivals.due(self.next)))
    }

    /// Goes on to the one after.
    pub fn advance(&mut self) {
        self.next = self.next.saturating_add(self.stride);
    }

    /// Leaves out what was due before `instant`: those of a process that was not there yet.
    pub fn skip_before(&mut self, instant: u64) {
        let mut low = 0;
        let mut high = (self.end.min(1 << 48).saturating_sub(self.next)).div_ceil(self.stride);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.arrivals.due(self.next + middle * self.stride) < instant {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.next += low * self.stride;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_all_agents_start_evenly_over_the_ramp_up() {
        let mut starts: Vec<u64> =
            (0..2).flat_map(|agent| (0..5).map(move |user| user_start(user, 5, agent, 2, 1_000))).collect();
        starts.sort_unstable();
        assert_eq!(starts, (0..10).map(|n| n * 100).collect::<Vec<_>>());
        assert_eq!(user_start(3, 5, 1, 2, 0), 0, "without ramp-up all start at once");
    }

    #[test]
    fn shares_add_up_to_the_total() {
        for (total, users) in [(10, 3), (2, 5), (0, 4), (12, 4)] {
            assert_eq!((0..users).map(|user| share(total, user, users)).sum::<u64>(), total);
        }
    }

    #[test]
    fn arrivals_are_evenly_spaced() {
        let arrivals = Arrivals { rate: 500, ramp_up: 0 };
        assert_eq!((0..4).map(|k| arrivals.due(k)).collect::<Vec<_>>(), [0, 2_000_000, 4_000_000, 6_000_000]);
        assert_eq!(arrivals.due(500 * 86_400), 86_400 * SECOND, "exact after a day");
    }

    #[test]
    fn a_rising_rate_reaches_half_of_its_arrivals_and_goes_on_without_a_jump() {
        let arrivals = Arrivals { rate: 100, ramp_up: 10 * SECOND };
        // 100/s × 10 s / 2 = 500 arrivals in the ramp.
        assert_eq!(arrivals.due(500), 10 * SECOND);
        assert_eq!(arrivals.due(600), 11 * SECOND);
        assert_eq!(arrivals.due(125), 5 * SECOND, "a quarter of them after half of the time");
        assert!((1..700).all(|k| arrivals.due(k) > arrivals.due(k - 1)));
    }

    #[test]
    fn lanes_of_all_agents_share_the_arrivals_without_gap_or_double() {
        let (agents, lanes, total) = (3u64, 2u64, 100);
        let mut seen = Vec::new();
        for agent in 0..agents {
            for lane in 0..lanes {
                let arrivals = Arrivals { rate: 10, ramp_up: 0 };
                let mut part = LaneArrivals::new(arrivals, agent + agents * lane, agents * lanes, total);
                while let Some((k, _)) = part.peek() {
                    seen.push(k);
                    part.advance();
                }
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..total).collect::<Vec<_>>());
    }

    #[test]
    fn who_joins_late_takes_no_arrival_of_the_past() {
        let mut part = LaneArrivals::new(Arrivals { rate: 10, ramp_up: 0 }, 1, 2, u64::MAX);
        part.skip_before(3 * SECOND);
        assert_eq!(part.peek(), Some((31, 3 * SECOND + SECOND / 10)));
        part.skip_before(0);
        assert_eq!(part.peek().map(|(k, _)| k), Some(31), "never back");
    }
}
