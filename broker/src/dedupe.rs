//! Which windows are already counted: one contiguous number for each agent process.
//!
//! An agent numbers its windows 1, 2, 3, … in each epoch and sends them in order. So one number for each
//! (index, epoch) says everything, however often a window is resent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What to do with a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next one: count it.
    Next,
    /// Counted before: acknowledge again, count nothing.
    Known,
    /// Windows before it are missing: ignore it, the agent sends it again in order.
    Gap,
}

/// Highest contiguous sequence number of each (agent index, epoch).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dedupe {
    highest: BTreeMap<(u32, u64), u64>,
}

impl Dedupe {
    /// Judges a window and, when it is the next one, takes it as counted.
    pub fn arrive(&mut self, index: u32, epoch: u64, seq: u64) -> Arrival {
        let highest = self.highest.entry((index, epoch)).or_insert(0);
        if seq <= *highest {
            return Arrival::Known;
        }
        if seq != *highest + 1 {
            return Arrival::Gap;
        }
        *highest = seq;
        Arrival::Next
    }

    /// Takes everything up to `seq` as counted; never goes back.
    pub fn raise(&mut self, index: u32, epoch: u64, seq: u64) {
        let highest = self.highest.entry((index, epoch)).or_insert(0);
        *highest = seq.max(*highest);
    }

    /// Highest number counted without gaps, 0 for a process nothing is known of.
    pub fn highest(&self, index: u32, epoch: u64) -> u64 {
        self.highest.get(&(index, epoch)).copied().unwrap_or(0)
    }

    /// (epoch, highest number) of every process of an agent index, oldest first.
    pub fn of_index(&self, index: u32) -> Vec<(u64, u64)> {
        self.highest.range((index, 0)..=(index, u64::MAX)).map(|((_, epoch), seq)| (*epoch, *seq)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_next_window_is_new() {
        let mut dedupe = Dedupe::default();
        assert_eq!(dedupe.arrive(0, 1, 2), Arrival::Gap);
        assert_eq!(dedupe.arrive(0, 1, 1), Arrival::Next);
        assert_eq!(dedupe.arrive(0, 1, 1), Arrival::Known);
        assert_eq!(dedupe.arrive(0, 1, 2), Arrival::Next);
        assert_eq!(dedupe.highest(0, 1), 2);
    }

    #[test]
    fn epochs_and_agents_are_numbered_apart() {
        let mut dedupe = Dedupe::default();
        dedupe.arrive(0, 1, 1);
        dedupe.raise(0, 5, 9);
        dedupe.raise(0, 5, 3);
        assert_eq!(dedupe.of_index(0), [(1, 1), (5, 9)]);
        assert!(dedupe.of_index(1).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_resent_each_window_is_new_once(arrivals in prop::collection::vec(1u64..12, 0..200)) {
            let mut dedupe = Dedupe::default();
            let new: Vec<u64> =
                arrivals.into_iter().filter(|seq| dedupe.arrive(3, 1, *seq) == Arrival::Next).collect();
            let expected: Vec<u64> = (1..=dedupe.highest(3, 1)).collect();
            prop_assert_eq!(new, expected);
        }
    }
}
