//! Figures by (label, method, status), bounded however many names a test makes up.

use std::collections::{BTreeMap, BTreeSet};

use loads_wire::metrics::Distribution;
use loads_wire::result::LabelResult;
use loads_wire::window::{MAX_LABELS, OTHER_LABEL};
use loads_wire::{Histogram, Row};
use serde::{Deserialize, Serialize};

/// Most rows; a test that uses 500 labels seldom has more than a few statuses for each.
const MAX_ROWS: usize = 4 * MAX_LABELS;
/// Labels that metrics tell apart: each costs some thirty series for as long as Prometheus keeps them.
pub const METRIC_LABELS: usize = 100;
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
    /// The first [`METRIC_LABELS`] that came. Not those with most hits: they change, and a counter must not.
    #[serde(default)]
    first: BTreeSet<String>,
}

/// Hits of one label, method and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// Name given by the test, else the URL, else `other`.
    pub label: String,
    /// HTTP method.
    pub method: String,
    /// HTTP status.
    pub status: u16,
    /// How many.
    pub hits: u64,
}

/// Times of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// As in [`Hits`].
    pub label: String,
    /// Hits with a status that the test did not expect.
    pub unexpected: u64,
    /// By upper bounds.
    pub distribution: Distribution,
    /// See [`super::QUANTILES`], in seconds.
    pub quantiles: Vec<f64>,
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
            if self.first.len() < METRIC_LABELS {
                self.first.insert(row.label.clone());
            }
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

    /// Labels that have no series of their own in metrics.
    pub fn without_series(&self) -> u64 {
        self.folded() + (self.names.len() - self.first.len()) as u64
    }

    /// Everything for metrics: the labels that came first by name, the others as `other`.
    pub fn measured(&self, edges: &[u64]) -> (Vec<Hits>, Vec<Times>) {
        let mut hits: BTreeMap<(&str, &str, u16), u64> = BTreeMap::new();
        let mut times: BTreeMap<&str, (u64, Histogram)> = BTreeMap::new();
        for (key, figures) in &self.rows {
            let label = if self.first.contains(&key.label) { &key.label } else { OTHER_LABEL };
            *hits.entry((label, &key.method, key.status)).or_default() += figures.latency.count();
            let (unexpected, latency) = times.entry(label).or_default();
            *unexpected += figures.unexpected;
            latency.merge(&figures.latency);
        }
        let hits = hits.into_iter().map(|((label, method, status), hits)| {
            let (label, method) = (label.to_owned(), method.to_owned());
            Hits { label, method, status, hits }
        });
        let times = times.into_iter().map(|(label, (unexpected, latency))| Times {
            label: label.to_owned(),
            unexpected,
            distribution: distribution(&latency, edges),
            quantiles: super::quantiles(&latency),
        });
        (hits.collect(), times.collect())
    }

    /// The rows with most hits first, at most `limit`.
    pub fn result(&self, limit: usize) -> Vec<LabelResult> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(key, figures)| (std::cmp::Reverse(figures.latency.count()), *key));
        rows.truncate(limit);
        rows.into_iter().map(|(key, figures)| labelled(key, figures)).collect()
    }
}

fn distribution(latency: &Histogram, edges: &[u64]) -> Distribution {
    let seconds = edges.iter().map(|nanos| *nanos as f64 / 1e9);
    Distribution {
        buckets: seconds.zip(latency.cumulative(edges)).collect(),
        count: latency.count(),
        sum: latency.sum() as f64 / 1e9,
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
    fn metrics_keep_the_labels_that_came_first_and_lose_no_hit() {
        let mut labels = Labels::default();
        for i in 0..MAX_LABELS + 7 {
            labels.add(&row(&format!("/{i}"), "GET", 200));
        }
        (0..9).for_each(|_| labels.add(&row("/400", "GET", 500)));
        let (hits, times) = labels.measured(&[500, 2_000]);
        assert_eq!(times.len(), METRIC_LABELS + 1);
        assert_eq!(labels.without_series(), (MAX_LABELS + 7 - METRIC_LABELS) as u64);
        assert_eq!(hits.iter().map(|hits| hits.hits).sum::<u64>(), MAX_LABELS as u64 + 7 + 9);
        let other = times.iter().find(|times| times.label == OTHER_LABEL).unwrap();
        assert_eq!(other.distribution.count, (MAX_LABELS + 7 - METRIC_LABELS + 9) as u64);
        assert_eq!(other.distribution.buckets, [(5e-7, 0), (2e-6, other.distribution.count)]);
        assert!(times.iter().any(|times| times.label == "/0") && !times.iter().any(|t| t.label == "/400"));
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
