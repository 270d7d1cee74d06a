//! What a criterion's subject is figured from: sums that can be added, of one label or of all.

use std::collections::BTreeMap;

use loads_wire::criteria::{Measure, Subject};
use loads_wire::window::ErrorSource;
use loads_wire::{Criterion, ErrorKind, Histogram, Window};
use serde::{Deserialize, Serialize};

/// Sums over the requests of one label (or of all) in one second (or in all).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    hits: u64,
    /// Requests that failed without an answer.
    no_answer: u64,
    failed: u64,
    bytes: u64,
    headers_sum: u128,
    statuses: BTreeMap<u16, u64>,
    latency: Histogram,
    /// Times that came before [`Figures::pack`], in the sparse form.
    #[serde(with = "serde_bytes")]
    packed: Vec<u8>,
}

impl Figures {
    /// Adds what a window has of the requests that `of` asks for.
    pub fn add(&mut self, of: &Criterion, window: &Window) {
        let (mut hits, mut bytes) = (0, 0);
        for row in window.rows.iter().filter(|row| of.is_of(&row.label)) {
            hits += row.latency.count();
            bytes += row.bytes;
            self.headers_sum += row.headers_sum;
            *self.statuses.entry(row.status).or_default() += row.latency.count();
            self.latency.merge(&row.latency);
        }
        let all = failed(window, |_| true);
        let own = failed(window, |label| of.is_of(label));
        let no_answer = window.totals.failed_before_send + window.totals.failed_after_send;
        self.failed += own.all;
        if of.label.is_none() {
            // A killed process' last hits are in the totals and in no row.
            self.hits += window.totals.hits;
            self.bytes += window.totals.bytes;
            self.no_answer += no_answer;
        } else {
            self.hits += hits;
            self.bytes += bytes;
            // The window says how many had no answer, not under which label: the errors that may be such share them.
            let share = u128::from(own.unclear) * u128::from(no_answer) / u128::from(all.unclear.max(1));
            self.no_answer += u64::try_from(share).unwrap_or(u64::MAX).min(own.unclear);
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.no_answer += other.no_answer;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.headers_sum += other.headers_sum;
        for (status, hits) in &other.statuses {
            *self.statuses.entry(*status).or_default() += hits;
        }
        self.latency.merge(&other.latency);
        if !other.packed.is_empty() {
            // Written by `pack`, so always readable.
            self.latency.merge(&Histogram::from_bytes(&other.packed).unwrap_or_default());
        }
    }

    /// Puts the times away in a few hundred bytes: nothing much will be added.
    pub fn pack(&mut self) {
        if self.latency.count() == 0 {
            return;
        }
        let mut all = Self::default();
        all.merge(self);
        (self.packed, self.latency) = (all.latency.to_bytes(), Histogram::new());
    }

    /// The subject's value over `seconds` seconds in the unit of [`Criterion::unit`]; none of nothing.
    pub fn measure(&self, subject: &Subject, seconds: f64) -> Option<f64> {
        let times = |nanos: f64| (self.latency.count() > 0).then_some(nanos / 1e9);
        let part = |n: u64, measure: &Measure| match measure {
            Measure::Count => Some(n as f64),
            Measure::Share => {
                (self.requests() > 0).then(|| n.min(self.requests()) as f64 / self.requests() as f64)
            }
        };
        match subject {
            Subject::MeanTime => times(self.latency.mean()),
            Subject::MeanHeaders => times(self.headers_sum as f64 / self.latency.count().max(1) as f64),
            Subject::Deviation => times(self.latency.deviation()),
            Subject::Percentile(percent) => times(self.latency.quantile(percent / 100.0) as f64),
            Subject::Hits => Some(self.hits as f64),
            Subject::Succeeded(measure) => part(self.requests().saturating_sub(self.failed), measure),
            Subject::Failed(measure) => part(self.failed, measure),
            Subject::Status(pattern, measure) => {
                let covered = self.statuses.iter().filter(|(status, _)| pattern.covers(**status));
                part(covered.map(|(_, hits)| hits).sum(), measure)
            }
            Subject::Bytes => Some(self.bytes as f64 / seconds),
            // Not of requests: `Seconds` knows.
            Subject::Users => None,
        }
    }

    fn requests(&self) -> u64 {
        self.hits + self.no_answer
    }
}

/// Errors of requests in a window.
#[derive(Default)]
struct Errors {
    all: u64,
    /// Of these, those that may be of requests without an answer: a body that broke off is an error of a hit.
    unclear: u64,
}

fn failed(window: &Window, is_of: impl Fn(&str) -> bool) -> Errors {
    let requests = window.errors.iter().filter(|e| e.source == ErrorSource::Request && is_of(&e.label));
    requests.fold(Errors::default(), |sum, error| Errors {
        all: sum.all + error.count,
        unclear: sum.unclear + if error.kind == ErrorKind::UnexpectedStatus { 0 } else { error.count },
    })
}
