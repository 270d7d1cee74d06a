//! One lane's recorder: no lock, no channel and no allocation for a request.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use loads_wire::window::{ErrorSample, ErrorSource, MAX_ERROR_SAMPLES, MAX_LABELS, OTHER_LABEL};
use loads_wire::{ErrorKind, Row, Totals, Window};

use super::{Cell, Cells, WindowSink};
use crate::clock::SECOND;

/// A (label, method, status) that was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesId(u32);

/// An answered request.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// When it was complete, on [`crate::clock::now`].
    pub now: u64,
    /// Nanoseconds to the last byte.
    pub latency: u64,
    /// Nanoseconds to the end of the headers.
    pub headers: u64,
    /// Body bytes.
    pub bytes: u64,
    /// Whether the status is one that the test did not expect.
    pub unexpected: bool,
}

/// Lanes of this process so far: a number tells windows of one lane from those of another, no more. Python's
/// worker processes have theirs below.
static NEXT_LANE: AtomicU32 = AtomicU32::new(1 << 16);

type ErrorKey = (ErrorKind, ErrorSource, String, String);

/// Counts what one lane does. `begin_step`, then hits and errors, `tick` at least once a second, `end_step`.
#[derive(Debug)]
pub struct Recorder {
    sink: WindowSink,
    lane: u32,
    cells: Cells,
    run_start: u64,
    step: u16,
    second: u32,
    second_end: u64,
    totals: Totals,
    series: Vec<Row>,
    ids: HashMap<(String, String, u16), SeriesId>,
    labels: HashSet<String>,
    errors: HashMap<ErrorKey, ErrorSample>,
    counters: HashMap<String, u64>,
    users: u32,
    users_now: u32,
}

impl Recorder {
    /// A recorder of one lane; `cells` must be this lane's alone.
    pub fn new(sink: WindowSink, cells: Cells) -> Self {
        Self {
            sink,
            lane: NEXT_LANE.fetch_add(1, Ordering::Relaxed),
            cells,
            run_start: 0,
            step: 0,
            second: 0,
            second_end: u64::MAX,
            totals: Totals::default(),
            series: Vec::new(),
            ids: HashMap::new(),
            labels: HashSet::new(),
            errors: HashMap::new(),
            counters: HashMap::new(),
            users: 0,
            users_now: 0,
        }
    }

    /// What is counted from now on belongs to this step. Seals what was open.
    pub fn begin_step(&mut self, run_start: u64, step: u16, now: u64) {
        self.seal();
        (self.run_start, self.step) = (run_start, step);
        self.open(now);
    }

    /// Seals the window when its second is over. Call at least once a second.
    #[inline]
    pub fn tick(&mut self, now: u64) {
        if now >= self.second_end {
            self.roll(now);
        }
    }

    /// Hands the open window over: the step's last one of this lane.
    pub fn end_step(&mut self, now: u64) {
        self.tick(now);
        self.seal();
    }

    #[cold]
    fn roll(&mut self, now: u64) {
        self.seal();
        self.open(now);
    }

    fn open(&mut self, now: u64) {
        let since = now.saturating_sub(self.run_start);
        self.second = (since / SECOND) as u32;
        self.second_end = self.run_start + (u64::from(self.second) + 1) * SECOND;
        self.users = self.users_now;
    }

    fn seal(&mut self) {
        let rows = self.series.iter_mut().filter(|row| row.latency.count() > 0).map(|row| {
            let sealed = row.clone();
            row.latency.clear();
            (row.unexpected, row.bytes, row.headers_sum) = (0, 0, 0);
            sealed
        });
        let window = Window {
            seq: 0,
            second: self.second,
            step: self.step,
            lane: self.lane,
            totals: std::mem::take(&mut self.totals),
            rows: rows.collect(),
            errors: self.errors.drain().map(|(_, sample)| sample).collect(),
            counters: self.counters.drain().collect(),
            users: std::mem::take(&mut self.users),
        };
        self.sink.put(window);
    }

    /// The series of this label, method and status; look it up once, not for each request. Past the label
    /// limit, labels become `other`.
    pub fn series(&mut self, label: &str, method: &str, status: u16) -> SeriesId {
        let known = self.labels.contains(label);
        let label = if known || self.labels.len() < MAX_LABELS { label } else { OTHER_LABEL };
        let key = (label.to_owned(), method.to_owned(), status);
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        self.labels.insert(label.to_owned());
        let id = SeriesId(self.series.len() as u32);
        self.series.push(Row {
            label: label.to_owned(),
            method: method.to_owned(),
            status,
            ..Row::default()
        });
        self.ids.insert(key, id);
        id
    }

    /// The first byte of a request is about to be written.
    #[inline]
    pub fn sent(&mut self) {
        self.cells.add(Cell::Sent, 1);
        self.totals.sent += 1;
    }

    /// A request that was [`sent`](Self::sent) is answered, to the last byte.
    #[inline]
    pub fn hit(&mut self, id: SeriesId, hit: Hit) {
        self.tick(hit.now);
        self.cells.add(Cell::Hits, 1);
        self.totals.hits += 1;
        self.totals.bytes += hit.bytes;
        let Some(row) = self.series.get_mut(id.0 as usize) else { return };
        row.latency.record(hit.latency);
        row.headers_sum += u128::from(hit.headers);
        row.bytes += hit.bytes;
        row.unexpected += u64::from(hit.unexpected);
    }

    /// A request failed: before it was sent, or after. A body that breaks is a hit and an
    /// [`error`](Self::error), not this.
    pub fn failed(&mut self, kind: ErrorKind, label: &str, message: &str, after_send: bool) {
        if after_send {
            self.cells.add(Cell::FailedAfterSend, 1);
            self.totals.failed_after_send += 1;
        } else {
            self.cells.add(Cell::FailedBeforeSend, 1);
            self.totals.failed_before_send += 1;
        }
        self.error(kind, ErrorSource::Request, label, message, "");
    }

    /// `n` sent requests were cut by us before an answer.
    pub fn unanswered(&mut self, n: u64) {
        self.cells.add(Cell::Unanswered, n);
        self.totals.unanswered += n;
    }

    /// A test execution begins.
    #[inline]
    pub fn test_started(&mut self) {
        self.cells.add(Cell::Started, 1);
        self.totals.started += 1;
    }

    /// A test execution ended: `outcome` is one of `Success`, `Errors`, `Failures`, `Skipped`, `Interrupted`;
    /// other cells are not outcomes and count nothing.
    #[inline]
    pub fn test_ended(&mut self, outcome: Cell) {
        let total = match outcome {
            Cell::Success => &mut self.totals.success,
            Cell::Errors => &mut self.totals.errors,
            Cell::Failures => &mut self.totals.failures,
            Cell::Skipped => &mut self.totals.skipped,
            Cell::Interrupted => &mut self.totals.interrupted,
            _ => return,
        };
        *total += 1;
        self.cells.add(outcome, 1);
    }

    /// Counts an error by kind and message; past the sample limit by kind alone.
    pub fn error(
        &mut self,
        kind: ErrorKind,
        source: ErrorSource,
        label: &str,
        message: &str,
        traceback: &str,
    ) {
        let mut key = (kind, source, label.to_owned(), message.to_owned());
        if self.errors.len() >= MAX_ERROR_SAMPLES && !self.errors.contains_key(&key) {
            (key.2, key.3) = (OTHER_LABEL.to_owned(), "(further messages)".to_owned());
        }
        let sample = ErrorSample {
            kind: key.0.clone(),
            source,
            label: key.2.clone(),
            message: key.3.clone(),
            traceback: traceback.to_owned(),
            count: 0,
        };
        self.errors.entry(key).or_insert(sample).count += 1;
    }

    /// Counts one of the test's own counters.
    pub fn count(&mut self, counter: &str, n: u64) {
        if let Some(value) = self.counters.get_mut(counter) {
            *value += n;
        } else {
            self.counters.insert(counter.to_owned(), n);
        }
    }

    /// Figures that have no rule of their own (retries, delayed, late, web sockets, …).
    #[inline]
    pub fn totals_mut(&mut self) -> &mut Totals {
        &mut self.totals
    }

    /// How many users are active from now on.
    #[inline]
    pub fn users(&mut self, active: u32) {
        self.users_now = active;
        self.users = self.users.max(active);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SinkItem;
    use tokio::sync::mpsc::UnboundedReceiver;

    const T: u64 = 5 * SECOND + 123;

    fn recorder() -> (Recorder, UnboundedReceiver<SinkItem>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let (sink, windows) = WindowSink::channel();
        let mut recorder = Recorder::new(sink, Cells::open(&dir.path().join("cells")).unwrap());
        recorder.begin_step(T, 0, T);
        (recorder, windows, dir)
    }

    fn hit_at(recorder: &mut Recorder, now: u64) {
        let id = recorder.series("/", "GET", 200);
        recorder.sent();
        recorder.hit(id, Hit { now, latency: 1_000, headers: 900, bytes: 2, unexpected: false });
    }

    fn drain(windows: &mut UnboundedReceiver<SinkItem>) -> Vec<Window> {
        std::iter::from_fn(|| windows.try_recv().ok())
            .map(|item| match item {
                SinkItem::Window(window) => *window,
                SinkItem::Flush(_) => panic!("nobody flushed"),
            })
            .collect()
    }

    #[test]
    fn each_second_since_t_has_its_own_window() {
        let (mut recorder, mut windows, _dir) = recorder();
        hit_at(&mut recorder, T + 10);
        hit_at(&mut recorder, T + SECOND - 1);
        hit_at(&mut recorder, T + SECOND);
        hit_at(&mut recorder, T + 7 * SECOND);
        recorder.end_step(T + 7 * SECOND + 5);
        let seen: Vec<_> = drain(&mut windows).iter().map(|w| (w.second, w.totals.hits)).collect();
        assert_eq!(seen, [(0, 2), (1, 1), (7, 1)]);
    }

    #[test]
    fn the_end_of_a_step_cuts_a_second_in_two() {
        let (mut recorder, mut windows, _dir) = recorder();
        hit_at(&mut recorder, T + 100);
        recorder.end_step(T + 200);
        recorder.begin_step(T, 1, T + 200);
        hit_at(&mut recorder, T + 300);
        recorder.end_step(T + 400);
        let seen: Vec<_> = drain(&mut windows).iter().map(|w| (w.step, w.second, w.rows.len())).collect();
        assert_eq!(seen, [(0, 0, 1), (1, 0, 1)]);
    }

    #[test]
    fn errors_past_the_sample_limit_keep_their_count() {
        let (mut recorder, mut windows, _dir) = recorder();
        for n in 0..100 {
            recorder.failed(ErrorKind::Refused, "/", &format!("message {n}"), false);
        }
        recorder.end_step(T + 1);
        let window = drain(&mut windows).remove(0);
        assert_eq!(window.errors.iter().map(|e| e.count).sum::<u64>(), 100);
        assert_eq!(window.errors.len(), MAX_ERROR_SAMPLES + 1);
        assert_eq!(window.totals.failed_before_send, 100);
    }

    #[test]
    fn labels_past_the_limit_become_other() {
        let (mut recorder, mut windows, _dir) = recorder();
        for n in 0..MAX_LABELS + 50 {
            let id = recorder.series(&format!("/{n}"), "GET", 200);
            recorder.hit(id, Hit { now: T, latency: 1, headers: 1, bytes: 0, unexpected: false });
        }
        recorder.end_step(T);
        let rows = drain(&mut windows).remove(0).rows;
        assert_eq!(rows.len(), MAX_LABELS + 1);
        let other = rows.iter().find(|r| r.label == OTHER_LABEL).unwrap();
        assert_eq!(other.latency.count(), 50);
    }

    #[test]
    fn cells_know_what_was_not_yet_handed_over() {
        let (mut recorder, mut windows, dir) = recorder();
        hit_at(&mut recorder, T + 1);
        recorder.sent();
        drop(recorder); // as a kill would: nothing is sealed
        assert!(drain(&mut windows).is_empty());
        let totals = Cells::open(&dir.path().join("cells")).unwrap().totals();
        assert_eq!((totals.sent, totals.hits), (2, 1));
    }
}
