//! What runners say, counted.

use std::borrow::Cow;

use loads_wire::ErrorKind;
use loads_wire::external::{Exception, HitMessage, RunnerMessage, parse};
use loads_wire::window::ErrorSource;

use super::runner::End;
use crate::clock::{self, SECOND};
use crate::executor::StepOrder;
use crate::record::{Cell, Hit, Recorder};

/// Most characters of a message, of a label, and of a stack trace.
const MESSAGE: usize = 500;
const LABEL: usize = 1000;
const TRACE: usize = 4000;
/// A hit that says it ended this many seconds before it was heard is late.
const LATE: f64 = 2.0;

/// Counts the messages of one step.
#[derive(Debug)]
pub(super) struct Tally {
    recorder: Recorder,
    run_id: String,
    test: String,
    started: u64,
    ended: u64,
    runners: Runners,
    /// When the first request or test of which something was heard began.
    began: Option<u64>,
}

/// Runners that may have had a request under way when they ended: nobody will ever know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Runners {
    /// Ended by us, or by a signal.
    cut: u64,
    /// Ended otherwise than by a good exit, which tells everything before.
    broken: u64,
}

impl Runners {
    /// The most requests that can have been under way, of which nothing was heard: one for each runner that
    /// was cut, or for each execution without an end, where somebody's end was no good one.
    fn unanswered(self, open: u64) -> u64 {
        if self.cut + self.broken == 0 { 0 } else { self.cut.max(open) }
    }
}

impl Tally {
    pub(super) fn new(mut recorder: Recorder, order: &StepOrder, run_id: &str, test: &str) -> Self {
        recorder.begin_step(order.run_start, order.step, clock::now());
        let (run_id, test) = (run_id.to_owned(), test.to_owned());
        Self { recorder, run_id, test, started: 0, ended: 0, runners: Runners::default(), began: None }
    }

    /// Counts one frame.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        match parse(bytes) {
            Err(reason) => self.bad(&format!("{reason}: {}", excerpt(bytes))),
            Ok(frame) if frame.run_id.as_deref().is_some_and(|id| !id.is_empty() && id != self.run_id) => {
                self.bad("a message of another run: runners take the run from LOADS_RUN_ID");
            }
            Ok(frame) => {
                for _ in 0..frame.bad {
                    self.bad("a batch has messages that make no sense");
                }
                for message in frame.messages {
                    self.count(message);
                }
            }
        }
    }

    fn count(&mut self, message: RunnerMessage<'_>) {
        match message {
            RunnerMessage::Hit(hit) => self.hit(&hit),
            RunnerMessage::TestStarted => {
                self.started += 1;
                self.began.get_or_insert_with(clock::now);
                self.recorder.test_started();
            }
            RunnerMessage::Success => self.test_ended(Cell::Success),
            RunnerMessage::Skipped => self.test_ended(Cell::Skipped),
            RunnerMessage::Failure(how) => {
                self.test_ended(Cell::Failures);
                self.exception(ErrorSource::TestFailure, &how);
            }
            RunnerMessage::Error(how) => {
                self.test_ended(Cell::Errors);
                self.exception(ErrorSource::TestError, &how);
            }
            RunnerMessage::SocketOpened => self.recorder.totals_mut().sockets_opened += 1,
            RunnerMessage::SocketClosed => self.recorder.totals_mut().sockets_closed += 1,
            RunnerMessage::SocketMessage(size) => {
                let bytes = &mut self.recorder.totals_mut().socket_bytes;
                *bytes = bytes.saturating_add(size);
            }
            RunnerMessage::Counter(name) => self.recorder.count(&short(name, LABEL), 1),
            RunnerMessage::TestStopped | RunnerMessage::Nothing => {}
            RunnerMessage::Ready { .. }
            | RunnerMessage::Failed { .. }
            | RunnerMessage::Window { .. }
            | RunnerMessage::StepDone { .. } => {
                self.bad("only the python executor's workers may send loads.* messages");
            }
        }
    }

    fn hit(&mut self, message: &HitMessage<'_>) {
        let now = clock::now();
        let begun = now.saturating_sub(message.elapsed);
        self.began = Some(self.began.map_or(begun, |began| began.min(begun)));
        let label = short(Cow::Borrowed(&message.label), LABEL);
        let series = self.recorder.series(&label, &message.method, message.status);
        self.recorder.sent();
        let hit = Hit {
            now,
            latency: message.elapsed,
            // Runners do not tell the two times apart.
            headers: message.elapsed,
            bytes: 0,
            unexpected: !(200..400).contains(&message.status),
        };
        self.recorder.hit(series, hit);
        let ended = message.started.map(|started| started + message.elapsed as f64 / SECOND as f64);
        if ended.is_some_and(|ended| clock::unix_now() as f64 / SECOND as f64 - ended > LATE) {
            self.recorder.totals_mut().late += 1;
        }
    }

    /// When the step's load began, as far as runners have told.
    pub(super) fn began(&self) -> Option<u64> {
        self.began
    }

    fn test_ended(&mut self, outcome: Cell) {
        self.ended += 1;
        self.recorder.test_ended(outcome);
    }

    fn exception(&mut self, source: ErrorSource, how: &Exception<'_>) {
        let label = if how.test.is_empty() { &self.test } else { &*how.test };
        let message: String = how.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let kind = ErrorKind::Other(short(Cow::Borrowed(&how.class), 100).into_owned());
        self.recorder.error(
            kind,
            source,
            &short(label.into(), LABEL),
            &short(message.into(), MESSAGE),
            &short(Cow::Borrowed(&how.traceback), TRACE),
        );
    }

    fn bad(&mut self, why: &str) {
        self.recorder.totals_mut().bad_messages += 1;
        self.runner_error(ErrorKind::Other("RunnerGarbage".into()), why, "");
    }

    /// Counts a runner's misbehaviour.
    pub(super) fn runner_error(&mut self, kind: ErrorKind, message: &str, last_words: &str) {
        let message = short(message.into(), MESSAGE);
        self.recorder.error(kind, ErrorSource::Runner, &self.test, &message, last_words);
    }

    /// Notes how a runner ended.
    pub(super) fn runner_ended(&mut self, end: End) {
        self.runners.cut += u64::from(end.cut.is_some() || end.status.code().is_none());
        self.runners.broken += u64::from(!end.status.success());
    }

    fn unanswered(&mut self, requests: u64) {
        for _ in 0..requests {
            self.recorder.sent();
        }
        self.recorder.unanswered(requests);
    }

    /// At least once a second.
    pub(super) fn tick(&mut self, alive: u32) {
        self.recorder.tick(clock::now());
        self.recorder.users(alive);
    }

    /// The step is over: tests of which no end was told were cut. Those of an agent that is gone are lost
    /// instead, and its successor counts a request for each (`spool::recovery`).
    pub(super) fn end(mut self, orphaned: bool) -> Recorder {
        let open = self.started.saturating_sub(self.ended);
        if orphaned {
            self.unanswered(self.runners.broken.saturating_sub(open));
        } else {
            self.unanswered(self.runners.unanswered(open));
            for _ in 0..open {
                self.recorder.test_ended(Cell::Interrupted);
            }
        }
        // A runner may leave startTest out; a test that ended did start.
        for _ in self.started..self.ended {
            self.recorder.test_started();
        }
        self.recorder.users(0);
        self.recorder.end_step(clock::now());
        self.recorder
    }
}

/// At most so many characters.
fn short(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The beginning of what can not be read.
fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).escape_debug().to_string()
}
