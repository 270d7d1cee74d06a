//! Figures by (label, method, status), bounded however many names a test makes up.

use std::collections::{BTreeMap, BTreeSet};

use loads_wire::result::LabelResult;
use loads_wire::window::{MAX_LABELS, OTHER_LABEL};
use loads_wire::{Histogram, Row};
use serde::{Deserialize, Serialize};

/// Most rows; a test that uses 500 labels seldom has more than a few statuses for each.
const MAX_ROWS: usize = 4 * MAX_LABELS;
/// Folded labels that are told apart when counting them (8 bytes each).
const MAX_FOLDED: usize = 100_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    label: String,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Figures {
    unexpected: u64,
    bytes: u64,
    latency: Histogram,
}

/// Rows by (label, method, status). The first [`MAX_LABELS`] labels of a run keep their names, later ones
/// are counted under `other`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    names: BTreeSet<String>,
    rows: BTreeMap<Key, Figures>,
    /// Hashes of the labels that were folded: only their number is of interest.
    folded: BTreeSet<u64>,
}

impl Labels {
    /// Adds a window's row.
    pub fn add(&mut self, row: &Row) {
        let key = self.key(row);
        let figures = self.rows.entry(key).or_default();
        figures.unexpected += row.unexpected;
        figures.bytes += row.bytes;
        figures.latency.merge(&row.latency);
    }

    fn key(&mut self, row: &Row) -> Key {
        let other = || Key { label: OTHER_LABEL.to_owned(), method: row.method.clone(), status: row.status };
        if !self.names.contains(&row.label) {
            if self.names.len() >= MAX_LABELS {
                if self.folded.len() < MAX_FOLDED {
                    self.folded.insert(fnv1a(row.label.as_bytes()));
                }
                return self.within_bounds(other());
            }
            self.names.insert(row.label.clone());
        }
        let key = Key { label: row.label.clone(), ..other() };
        self.within_bounds(key)
    }

    /// A runner may invent methods and statuses as well: past the limit only real HTTP statuses are told apart.
    fn within_bounds(&self, key: Key) -> Key {
        if self.rows.len() < MAX_ROWS || self.rows.contains_key(&key) {
            return key;
        }
        let status = if (100..600).contains(&key.status) { key.status } else { 0 };
        Key { label: OTHER_LABEL.to_owned(), method: OTHER_LABEL.to_owned(), status }
    }

    /// How many labels were folded (from 100,000 on: at least so many).
    pub fn folded(&self) -> u64 {
        self.folded.len() as u64
    }

    /// The rows with most hits first, at most `limit`.
    pub fn result(&self, limit: usize) -> Vec<LabelResult> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(key, figures)| (std::cmp::Reverse(figures.latency.count()), *key));
        rows.truncate(limit);
        rows.into_iter().map(|(key, figures)| labelled(key, figures)).collect()
    }
}

fn labelled(key: &Key, figures: &Figures) -> LabelResult {
    LabelResult {
        label: key.label.clone(),
        method: key.method.clone(),
        status: key.status,
        hits: figures.latency.count(),
        unexpected: figures.unexpected,
        bytes: figures.bytes,
        latency_microseconds: (&figures.latency).into(),
    }
}

/// FNV-1a: the same on every machine and in every release, unlike the standard library's hasher, so that a
/// snapshot can be read by another build.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, method: &str, status: u16) -> Row {
        let mut row = Row { label: label.into(), method: method.into(), status, ..Row::default() };
        row.latency.record(1_000);
        row
    }

    #[test]
    fn labels_past_the_limit_are_counted_under_other_and_numbered() {
        let mut labels = Labels::default();
        for i in 0..MAX_LABELS + 7 {
            labels.add(&row(&format!("/{i}"), "GET", 200));
            labels.add(&row(&format!("/{i}"), "GET", 200));
        }
        let rows = labels.result(usize::MAX);
        assert_eq!(labels.folded(), 7);
        assert_eq!(rows.len(), MAX_LABELS + 1);
        assert_eq!((rows[0].label.as_str(), rows[0].hits), (OTHER_LABEL, 14));
        assert_eq!(rows.iter().map(|r| r.hits).sum::<u64>(), 2 * (MAX_LABELS as u64 + 7));
    }

    #[test]
    fn invented_methods_and_statuses_do_not_make_rows_without_end() {
        let mut labels = Labels::default();
        for status in 0..u16::try_from(3 * MAX_ROWS).unwrap() {
            labels.add(&row("/", &format!("M{}", status % 50), status));
        }
        let rows = labels.result(usize::MAX);
        assert!(rows.len() <= MAX_ROWS + 501, "{} rows", rows.len());
        assert_eq!(rows.iter().map(|r| r.hits).sum::<u64>(), 3 * MAX_ROWS as u64);
    }
}
