//! How many requests came, by path and status; exact, and cheap enough to be no part of what is measured.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Distinct paths that are told apart; requests to further ones are counted under [`OTHER`].
const MOST_PATHS: usize = 1000;
/// Longer paths are counted under [`OTHER`]: together with [`MOST_PATHS`] this bounds the memory.
const LONGEST_PATH: usize = 512;
/// Name of the paths that are not told apart. No path can be called so: paths start with a slash.
pub const OTHER: &str = "(other)";
/// Status of a request whose client left before the answer; nginx's number for it.
pub const CLIENT_LEFT: u16 = 499;

/// The figures behind `/counts`.
#[derive(Debug, Default)]
pub struct Counts {
    // A mutex, not atomics: total and parts change together, and an uncontended lock costs 20 ns.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    total: u64,
    web_sockets: u64,
    by_path: HashMap<Box<str>, BTreeMap<u16, u64>>,
}

/// What `/counts` shows; total = Σ by path + in flight.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Requests whose headers arrived, web socket upgrades and `/counts` itself not among them.
    pub total: u64,
    /// Of these, how many are not answered yet.
    pub in_flight: u64,
    /// Web socket connections made.
    pub web_sockets: u64,
    /// Answered requests by path and status.
    pub by_path: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl Counts {
    /// A request's headers arrived.
    pub fn received(&self) {
        self.lock().total += 1;
    }

    /// A request that was [`Counts::received`] is answered, or its client left.
    pub fn answered(&self, path: &str, status: u16) {
        let mut inner = self.lock();
        let known = inner.by_path.contains_key(path);
        let room = inner.by_path.len() < MOST_PATHS && path.len() <= LONGEST_PATH;
        let name = if known || room { path } else { OTHER };
        let statuses = match inner.by_path.get_mut(name) {
            Some(statuses) => statuses,
            None => inner.by_path.entry(name.into()).or_default(),
        };
        *statuses.entry(status).or_default() += 1;
    }

    /// A request that was [`Counts::received`] turned out to open a web socket: it counts there alone.
    pub fn upgraded(&self) {
        let mut inner = self.lock();
        inner.total -= 1;
        inner.web_sockets += 1;
    }

    /// The figures of this instant.
    pub fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        let by_path: BTreeMap<_, _> =
            inner.by_path.iter().map(|(path, statuses)| (path.to_string(), statuses.clone())).collect();
        let answered: u64 = by_path.values().flat_map(BTreeMap::values).sum();
        Snapshot {
            total: inner.total,
            in_flight: inner.total - answered,
            web_sockets: inner.web_sockets,
            by_path,
        }
    }

    /// Nothing below can panic while it holds the lock; a poisoned one would still hold true figures.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_paths_than_the_limit_are_counted_together_and_known_ones_still_apart() {
        let counts = Counts::default();
        for n in 0..MOST_PATHS + 500 {
            counts.received();
            counts.answered(&format!("/{n}"), 404);
        }
        counts.received();
        counts.answered("/0", 200);
        let shown = counts.snapshot();
        assert_eq!(shown.total, 1501);
        assert_eq!(shown.by_path.len(), MOST_PATHS + 1);
        assert_eq!(shown.by_path[OTHER], BTreeMap::from([(404, 500)]));
        assert_eq!(shown.by_path["/0"], BTreeMap::from([(200, 1), (404, 1)]));
        assert_eq!(shown.in_flight, 0);
    }

    #[test]
    fn a_path_too_long_to_keep_is_counted_with_the_others() {
        let counts = Counts::default();
        counts.received();
        counts.answered(&format!("/{}", "a".repeat(LONGEST_PATH)), 404);
        assert_eq!(counts.snapshot().by_path, BTreeMap::from([(OTHER.into(), BTreeMap::from([(404, 1)]))]));
    }

    #[test]
    fn total_is_what_was_answered_and_what_is_in_flight_whatever_the_threads_do() {
        let counts = Counts::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..10_000 {
                        counts.received();
                        if n % 10 == 0 {
                            counts.upgraded();
                        } else {
                            counts.answered(if n % 2 == 0 { "/even" } else { "/odd" }, 200);
                        }
                    }
                });
            }
        });
        counts.received();
        let shown = counts.snapshot();
        assert_eq!((shown.total, shown.in_flight, shown.web_sockets), (36_001, 1, 4_000));
        assert_eq!(shown.by_path["/even"], BTreeMap::from([(200, 16_000)]));
        assert_eq!(shown.by_path["/odd"], BTreeMap::from([(200, 20_000)]));
    }
}
