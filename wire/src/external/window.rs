//! The window as the `loads` Python package writes it.

use serde::Deserialize;

use crate::window::{ErrorSample, ErrorSource};
use crate::{ErrorKind, Row, Totals, Window};

/// Above every honest count, and far enough below the largest number that sums of windows never reach it.
const MOST: u64 = 1 << 40;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JsonWindow {
    second: u32,
    step: u16,
    users: u32,
    totals: Totals,
    rows: Vec<JsonRow>,
    errors: Vec<JsonError>,
    counters: Vec<(String, u64)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JsonRow {
    label: String,
    method: String,
    status: u16,
    unexpected: u64,
    bytes: u64,
    headers_sum: u64,
    latency: JsonLatency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JsonLatency {
    sum: u64,
    min: u64,
    max: u64,
    buckets: Vec<(u64, u64)>,
}

#[derive(Debug, Deserialize)]
struct JsonError {
    kind: ErrorKind,
    source: ErrorSource,
    #[serde(default)]
    label: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    traceback: String,
    count: u64,
}

impl JsonWindow {
    /// The window; none if a count is beyond reason.
    pub(super) fn into_window(self) -> Option<Window> {
        let errors = self.errors.iter().map(|error| error.count);
        let counters = self.counters.iter().map(|(_, count)| *count);
        if !errors.chain(counters).chain([self.totals.largest()]).all(|count| count <= MOST) {
            return None;
        }
        Some(Window {
            seq: 0,
            lane: 0,
            second: self.second,
            step: self.step,
            totals: self.totals,
            rows: self.rows.into_iter().map(JsonRow::into_row).collect::<Option<_>>()?,
            errors: self.errors.into_iter().map(JsonError::into_sample).collect(),
            counters: self.counters,
            users: self.users,
        })
    }
}

impl JsonRow {
    fn into_row(self) -> Option<Row> {
        let hits = self.latency.buckets.iter().try_fold(0u64, |sum, (_, count)| sum.checked_add(*count))?;
        if [hits, self.unexpected, self.bytes >> 20].iter().any(|count| *count > MOST) {
            return None;
        }
        let mut row = Row {
            label: self.label,
            method: self.method,
            status: self.status,
            unexpected: self.unexpected,
            bytes: self.bytes,
            headers_sum: self.headers_sum.into(),
            ..Row::default()
        };
        let JsonLatency { sum, min, max, buckets } = self.latency;
        row.latency.absorb_buckets(buckets, sum.into(), min, max);
        Some(row)
    }
}

impl JsonError {
    fn into_sample(self) -> ErrorSample {
        let Self { kind, source, label, message, traceback, count } = self;
        ErrorSample { kind, source, label, message, traceback, count }
    }
}
