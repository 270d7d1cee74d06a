//! Figures by second since T.
//!
//! A second's distribution is needed only while windows for it can still come. The newest few are kept
//! ready to add to, then three minutes' worth in the sparse form (a few KiB each), and of older ones only
//! the percentiles: a window that comes even later still adds its counts.

use std::collections::{BTreeMap, BTreeSet};

use loads_wire::result::SecondResult;
use loads_wire::{Histogram, Window};
use serde::{Deserialize, Serialize};

/// Seconds of which whole distributions are kept.
pub const DETAILED_SECONDS: usize = 180;
/// Seconds kept at all (more than a day); what comes after is in every other figure.
pub const MAX_SECONDS: usize = 100_000;
/// Seconds whose distributions are ready to add to.
const OPEN_SECONDS: usize = 3;

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Shape {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl From<&Histogram> for Shape {
    fn from(h: &Histogram) -> Self {
        let at = |q| h.quantile(q) as f64 / 1e3;
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: h.max() as f64 / 1e3 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Distribution {
    Open(Histogram),
    Sealed(#[serde(with = "sparse")] Vec<u8>, Shape),
    Collapsed(Shape),
}

/// Vec<u8> as MessagePack bytes, not as an array of numbers.
mod sparse {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Ok(serde_bytes::ByteBuf::deserialize(deserializer)?.into_vec())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Second {
    hits: u64,
    failed: u64,
    tests_started: u64,
    /// Most users of each (agent, lane): a lane may have several windows in a second (a step's end cuts it),
    /// and their users are the same ones. Summed up into `users` when the second is collapsed.
    lanes: BTreeMap<(u32, u32), u32>,
    users: u32,
    latency: Distribution,
}

/// The seconds of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    by_number: BTreeMap<u32, Second>,
    open: BTreeSet<u32>,
    sealed: BTreeSet<u32>,
}

impl Seconds {
    /// Adds a window of an agent.
    pub fn add(&mut self, index: u32, window: &Window) {
        let number = window.second;
        if !self.by_number.contains_key(&number) {
            if self.by_number.len() >= MAX_SECONDS {
                return;
            }
            self.open(number);
        }
        let Some(second) = self.by_number.get_mut(&number) else { return };
        second.hits += window.totals.hits;
        second.failed += window.totals.failed_before_send + window.totals.failed_after_send;
        second.tests_started += window.totals.started;
        let users = second.lanes.entry((index, window.lane)).or_default();
        *users = window.users.max(*users);
        second.merge(window);
        self.seal();
    }

    fn open(&mut self, number: u32) {
        let latency = Distribution::Open(Histogram::new());
        let new = Second { hits: 0, failed: 0, tests_started: 0, lanes: BTreeMap::new(), users: 0, latency };
        self.by_number.insert(number, new);
        self.open.insert(number);
    }

    /// Puts away what is too old to be added to often, then what is too old to be added to at all.
    fn seal(&mut self) {
        while self.open.len() > OPEN_SECONDS {
            let Some(oldest) = self.open.pop_first() else { return };
            if let Some(second) = self.by_number.get_mut(&oldest) {
                second.seal();
            }
            self.sealed.insert(oldest);
        }
        while self.sealed.len() > DETAILED_SECONDS {
            let Some(oldest) = self.sealed.pop_first() else { return };
            if let Some(second) = self.by_number.get_mut(&oldest) {
                second.latency = Distribution::Collapsed(second.shape());
                second.users = second.most_users();
                second.lanes.clear();
            }
        }
    }

    /// The last `limit` seconds; those in which nothing happened are there with zeros.
    pub fn result(&self, limit: usize) -> Vec<SecondResult> {
        let Some(last) = self.by_number.keys().next_back().copied() else { return Vec::new() };
        let limit = u32::try_from(limit.min(MAX_SECONDS)).unwrap_or(u32::MAX);
        let first = last.saturating_sub(limit - 1);
        (first..=last).map(|number| self.one(number)).collect()
    }

    /// All latencies of some seconds together, of those that are not too old to be told.
    pub fn latency(&self, seconds: std::ops::Range<u32>) -> Histogram {
        let mut all = Histogram::new();
        for second in self.by_number.range(seconds).map(|(_, second)| second) {
            match &second.latency {
                Distribution::Open(histogram) => all.merge(histogram),
                Distribution::Sealed(bytes, _) => {
                    // Written by `seal`, so always readable.
                    all.merge(&Histogram::from_bytes(bytes).unwrap_or_default());
                }
                Distribution::Collapsed(_) => {}
            }
        }
        all
    }

    /// Users active in a second.
    pub fn users(&self, number: u32) -> u32 {
        self.by_number.get(&number).map_or(0, Second::most_users)
    }

    fn one(&self, number: u32) -> SecondResult {
        let empty = SecondResult { second: number, ..SecondResult::default() };
        let Some(second) = self.by_number.get(&number) else { return empty };
        let shape = second.shape();
        SecondResult {
            hits: second.hits,
            failed: second.failed,
            tests_started: second.tests_started,
            users: second.most_users(),
            p50: shape.p50,
            p95: shape.p95,
            p99: shape.p99,
            max: shape.max,
            ..empty
        }
    }
}

impl Second {
    fn most_users(&self) -> u32 {
        self.users.max(self.lanes.values().sum())
    }

    fn shape(&self) -> Shape {
        match &self.latency {
            Distribution::Open(histogram) => histogram.into(),
            Distribution::Sealed(_, shape) | Distribution::Collapsed(shape) => *shape,
        }
    }

    fn seal(&mut self) {
        if let Distribution::Open(histogram) = &self.latency {
            self.latency = Distribution::Sealed(histogram.to_bytes(), histogram.into());
        }
    }

    fn merge(&mut self, window: &Window) {
        match &mut self.latency {
            Distribution::Open(histogram) => window.rows.iter().for_each(|row| histogram.merge(&row.latency)),
            Distribution::Sealed(bytes, _) => {
                // Written by `seal`, so always readable.
                let mut histogram = Histogram::from_bytes(bytes).unwrap_or_default();
                window.rows.iter().for_each(|row| histogram.merge(&row.latency));
                self.latency = Distribution::Open(histogram);
                self.seal();
            }
            Distribution::Collapsed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::Row;

    fn window(second: u32, nanos: u64) -> Window {
        let mut row = Row::default();
        row.latency.record(nanos);
        let mut window = Window { second, rows: vec![row], users: 4, ..Window::default() };
        window.totals.hits = 1;
        window
    }

    #[test]
    fn a_late_window_is_in_the_percentiles_while_the_second_is_detailed() {
        let mut seconds = Seconds::default();
        (0..100).for_each(|s| seconds.add(0, &window(s, 1_000)));
        seconds.add(0, &window(10, 9_000_000));
        let tenth = &seconds.result(1_000)[10];
        assert_eq!((tenth.hits, tenth.max), (2, 9_000.0));
    }

    #[test]
    fn a_window_later_than_that_adds_its_counts_and_memory_stays_bounded() {
        let mut seconds = Seconds::default();
        (0..1_000).for_each(|s| seconds.add(0, &window(s, 1_000)));
        seconds.add(0, &window(10, 9_000_000));
        let tenth = &seconds.result(10_000)[10];
        assert_eq!((tenth.hits, tenth.max), (2, 1.0));
        let detailed =
            seconds.by_number.values().filter(|s| !matches!(s.latency, Distribution::Collapsed(_)));
        assert_eq!(detailed.count(), DETAILED_SECONDS + OPEN_SECONDS);
    }

    #[test]
    fn seconds_without_windows_are_zero_not_missing() {
        let mut seconds = Seconds::default();
        seconds.add(0, &window(0, 1));
        seconds.add(0, &window(3, 1));
        let hits: Vec<u64> = seconds.result(10).iter().map(|s| s.hits).collect();
        assert_eq!(hits, [1, 0, 0, 1]);
        assert_eq!(seconds.result(2).len(), 2);
    }

    #[test]
    fn the_latencies_of_a_few_seconds_are_those_and_no_others() {
        let mut seconds = Seconds::default();
        (0..20).for_each(|s| seconds.add(0, &window(s, u64::from(s) + 1)));
        let some = seconds.latency(5..19);
        assert_eq!((some.count(), some.min(), some.max()), (14, 6, 19));
        assert_eq!(seconds.latency(100..200).count(), 0);
    }

    #[test]
    fn users_of_lanes_add_up_and_those_of_a_cut_second_do_not() {
        let mut seconds = Seconds::default();
        seconds.add(0, &window(0, 1));
        seconds.add(0, &Window { lane: 1, ..window(0, 1) });
        seconds.add(1, &window(0, 1));
        seconds.add(0, &Window { step: 1, users: 5, ..window(0, 1) });
        assert_eq!(seconds.result(1)[0].users, 4 + 4 + 5);
    }
}
