//! From answers to the recorder, the same for every protocol version.

use std::sync::Arc;

use loads_wire::ErrorKind;
use loads_wire::window::ErrorSource;

use super::failure::Failure;
use super::scenario::Scenario;
use crate::record::{Cell, Hit, Recorder, SeriesId};

/// One answer whose headers arrived. Instants are [`crate::clock::now`] nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Index of the request in the scenario.
    pub request: usize,
    /// The final status.
    pub status: u16,
    /// When the request was due, or first written.
    pub began: u64,
    /// When the headers were there.
    pub headers_at: u64,
    /// When the last byte was there.
    pub now: u64,
    /// Body bytes.
    pub bytes: u64,
}

/// A lane's recorder, with the series it knows.
#[derive(Debug)]
pub struct Tally {
    /// For everything that is not an answer.
    pub recorder: Recorder,
    scenario: Arc<Scenario>,
    /// For each request, the statuses seen.
    series: Vec<Vec<(u16, SeriesId)>>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(recorder: Recorder, scenario: Arc<Scenario>) -> Self {
        Self { recorder, series: vec![Vec::new(); scenario.requests.len()], scenario }
    }

    /// The recorder looks names up only for the first answer of each status.
    #[inline]
    fn series_of(&mut self, request: usize, status: u16) -> SeriesId {
        if let Some((_, id)) = self.series[request].iter().find(|(known, _)| *known == status) {
            return *id;
        }
        let definition = &self.scenario.requests[request];
        let id = self.recorder.series(&definition.label, &definition.method, status);
        self.series[request].push((status, id));
        id
    }

    /// Counts an answer; gives what it means for the execution.
    #[inline]
    pub fn hit(&mut self, answer: Answer) -> Cell {
        let Answer { request, status, began, headers_at, now, bytes } = answer;
        let id = self.series_of(request, status);
        let expected = self.scenario.requests[request].expects(status);
        let latency = now.saturating_sub(began);
        let headers = headers_at.saturating_sub(began).min(latency);
        self.recorder.hit(id, Hit { now, latency, headers, bytes, unexpected: !expected });
        if expected {
            return Cell::Success;
        }
        let message = self.scenario.requests[request].unexpected(status);
        self.error(request, &Failure::new(ErrorKind::UnexpectedStatus, message));
        Cell::Failures
    }

    /// Counts an error of a request that is a hit all the same.
    pub fn error(&mut self, request: usize, failure: &Failure) {
        let label = &self.scenario.requests[request].label;
        self.recorder.error(failure.kind.clone(), ErrorSource::Request, label, &failure.message, "");
    }

    /// Counts a request without an answer.
    pub fn failed(&mut self, request: usize, failure: &Failure, sent: bool) {
        let label = &self.scenario.requests[request].label;
        self.recorder.failed(failure.kind.clone(), label, &failure.message, sent);
    }
}
