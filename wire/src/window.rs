//! What one agent counted in one second of one step: the unit that travels, is committed and acknowledged.

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, Histogram};

/// Label under which everything past the label limit is counted.
pub const OTHER_LABEL: &str = "other";
/// Labels of a run before further ones are folded into [`OTHER_LABEL`].
pub const MAX_LABELS: usize = 500;
/// Distinct error messages that a window carries; further ones are counted under their kind alone.
pub const MAX_ERROR_SAMPLES: usize = 20;

/// Counts of one (agent, epoch, sequence number). Self-contained: labels travel by name, so that a broker
/// that lost its memory reads any window (docs/adr/0003).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// 1, 2, 3, … without gaps within one agent epoch.
    pub seq: u64,
    /// Whole seconds since the run's start instant T, of the completion of what is counted here.
    pub second: u32,
    /// Step in which what is counted here began.
    pub step: u16,
    /// Which of the agent's lanes (engine threads, worker processes) counted this.
    pub lane: u32,
    /// Additive counts.
    pub totals: Totals,
    /// Answered requests by (label, method, status).
    pub rows: Vec<Row>,
    /// Failed requests and tests, by kind and message.
    pub errors: Vec<ErrorSample>,
    /// The test's own counters.
    pub counters: Vec<(String, u64)>,
    /// Most users active at once in this window.
    pub users: u32,
}

/// Additive counts; definitions in docs/figures.md.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Requests whose first byte was written.
    pub sent: u64,
    /// Answers whose status line and headers arrived.
    pub hits: u64,
    /// Sent, but failed before the headers arrived.
    pub failed_after_send: u64,
    /// Refused, DNS, TLS …: never sent.
    pub failed_before_send: u64,
    /// Sent, and cut by us before an answer came.
    pub unanswered: u64,
    /// Requests sent once more because a kept connection was stale.
    pub retries: u64,
    /// Hits of a killed process whose label and latency are lost: counted in `hits`, in no row.
    pub undetailed: u64,
    /// Test executions begun.
    pub started: u64,
    /// Test executions that passed.
    pub success: u64,
    /// Test executions ended by an unexpected exception.
    pub errors: u64,
    /// Test executions ended by a failed assertion.
    pub failures: u64,
    /// Test executions that skipped themselves.
    pub skipped: u64,
    /// Test executions cut by the end of their step or of the run.
    pub interrupted: u64,
    /// Arrivals (open model) that waited for a free user.
    pub delayed: u64,
    /// Messages of runners that came after their second was sealed.
    pub late: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Web sockets opened.
    pub sockets_opened: u64,
    /// Web sockets closed.
    pub sockets_closed: u64,
    /// Bytes received through web sockets.
    pub socket_bytes: u64,
    /// Runner messages that could not be read.
    pub bad_messages: u64,
    /// Agent processes that were killed together with whoever heard their runners: what runners told last is
    /// lost.
    pub unheard: u64,
}

/// Calls `$body` once for each additive field, so that no sum can forget one.
macro_rules! each_total {
    ($apply:ident) => {
        $apply!(
            sent,
            hits,
            failed_after_send,
            failed_before_send,
            unanswered,
            retries,
            undetailed,
            started,
            success,
            errors,
            failures,
            skipped,
            interrupted,
            delayed,
            late,
            bytes,
            sockets_opened,
            sockets_closed,
            socket_bytes,
            bad_messages,
            unheard
        )
    };
}

impl Totals {
    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        macro_rules! add { ($($field:ident),*) => { $( self.$field += other.$field; )* } }
        each_total!(add);
    }

    /// What is in `self` beyond `other`, nowhere below zero.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        macro_rules! rest { ($($field:ident),*) => { $( rest.$field = self.$field.saturating_sub(other.$field); )* } }
        each_total!(rest);
        rest
    }

    /// The largest single count.
    pub fn largest(&self) -> u64 {
        macro_rules! largest { ($($field:ident),*) => { [$( self.$field ),*].into_iter().max().unwrap_or(0) } }
        each_total!(largest)
    }

    /// Executions that ended, however they did.
    pub fn finished(&self) -> u64 {
        self.success + self.errors + self.failures + self.skipped + self.interrupted
    }
}

/// Answered requests of one label, method and status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The name that the test gave, else the URL without query, fragment and user info.
    pub label: String,
    /// HTTP method.
    pub method: String,
    /// HTTP status.
    pub status: u16,
    /// Of these, how many had a status that the test did not expect.
    pub unexpected: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Sum of the times to the headers, in nanoseconds.
    pub headers_sum: u128,
    /// Time to the last byte, in nanoseconds; its count is the number of hits of this row.
    pub latency: Histogram,
}

/// Equal errors, counted, with one example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSample {
    /// The name under which this is counted.
    pub kind: ErrorKind,
    /// Whether a request failed, a test errored, or a test's assertion failed.
    pub source: ErrorSource,
    /// URL label or test name.
    pub label: String,
    /// The message in one line.
    pub message: String,
    /// Stack trace, empty where there is none.
    pub traceback: String,
    /// How many.
    pub count: u64,
}

/// Where an error was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorSource {
    /// A request got no full answer, or one with an unexpected status.
    Request,
    /// A test ended by an exception.
    TestError,
    /// A test's assertion failed.
    TestFailure,
    /// A runner process misbehaved (exit code, signal, time-out, garbage).
    Runner,
}

impl Window {
    /// Whether nothing at all is counted here.
    pub fn is_empty(&self) -> bool {
        self.totals == Totals::default()
            && self.rows.is_empty()
            && self.errors.is_empty()
            && self.counters.is_empty()
            && self.users == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_and_subtracting_totals_forgets_no_field() {
        let mut ones: Totals = serde_json::from_value(
            serde_json::to_value(Totals::default())
                .unwrap()
                .as_object()
                .unwrap()
                .keys()
                .map(|k| (k.clone(), serde_json::json!(1)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        )
        .unwrap();
        let same = ones;
        ones.add(&same);
        assert!(serde_json::to_value(ones).unwrap().as_object().unwrap().values().all(|v| v == 2));
        assert_eq!(ones.beyond(&same), same);
    }
}
