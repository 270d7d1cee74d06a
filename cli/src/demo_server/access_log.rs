//! The access log, in the common log format. Requests only add their line to a buffer in memory; a thread of
//! the log's own writes it.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::{Method, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The writer starts early when this much waits …
const WRITE_AT: usize = 64 << 10;
/// … and a disk that is this far behind makes requests wait: nothing is lost, and memory is bounded.
const WAIT_AT: usize = 64 << 20;
/// At the latest after this time a line is in the file.
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// An open log. Its lines are in the file after [`AccessLog::finish`], or after the last owner dropped it.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// One request's line.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The client.
    pub peer: IpAddr,
    /// Who it says it is.
    pub user: Option<&'a str>,
    /// Method of the request line.
    pub method: &'a Method,
    /// Path and query of the request line.
    pub target: &'a str,
    /// Version of the request line.
    pub version: Version,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of its body, where known beforehand.
    pub bytes: Option<u64>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// The writer waits here for work, requests for room.
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: String,
    /// The date as the log writes it, made once a second.
    date: (i64, String),
    closed: bool,
    failure: Option<io::Error>,
    failed: bool,
}

impl AccessLog {
    /// Appends to the file at `path`, which is made when missing; `-` is standard output.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::to(io::stdout());
        }
        Self::to(OpenOptions::new().create(true).append(true).open(path)?)
    }

    /// Writes to `out`.
    fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writers = shared.clone();
        let thread = std::thread::Builder::new().name("access-log".into()).spawn(move || writers.run(out))?;
        Ok(Self { shared, writer: Mutex::new(Some(thread)) })
    }

    /// Adds a line. Once writing has failed, lines are dropped: [`AccessLog::finish`] tells.
    pub fn write(&self, entry: &Entry<'_>) {
        let mut state = self.shared.lock();
        while state.lines.len() > WAIT_AT && !state.failed {
            state = self.shared.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed {
            return;
        }
        let before = state.lines.len();
        state.refresh_date(Timestamp::now());
        let State { lines, date, .. } = &mut *state;
        append_line(lines, &date.1, entry);
        // Once for each filling: waking a thread is a system call.
        if before < WRITE_AT && lines.len() >= WRITE_AT {
            self.shared.filled.notify_one();
        }
    }

    /// Writes what is left and says whether everything was written.
    pub fn finish(&self) -> io::Result<()> {
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|thread| thread.join().is_err()) {
            return Err(io::Error::other("its writer ended unexpectedly"));
        }
        self.shared.lock().failure.take().map_or(Ok(()), Err)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        // Whoever did not call `finish` does not want to hear of a failure.
        let _ = self.finish();
    }
}

impl Shared {
    fn run(&self, mut out: impl Write) {
        let mut ready = String::new();
        loop {
            let closed = self.take(&mut ready);
            let written = out.write_all(ready.as_bytes()).and_then(|()| out.flush());
            ready.clear();
            if let Err(failure) = written {
                let mut state = self.lock();
                state.failed = true;
                state.failure = Some(failure);
                state.lines = String::new();
                self.emptied.notify_all();
                return;
            }
            if closed {
                return;
            }
        }
    }

    /// Waits for enough lines, the time or the end; true at the end.
    fn take(&self, ready: &mut String) -> bool {
        let state = self.lock();
        let waited = self
            .filled
            .wait_timeout_while(state, WRITE_EVERY, |state| !state.closed && state.lines.len() < WRITE_AT);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(ready, &mut state.lines);
        self.emptied.notify_all();
        state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refresh_date(&mut self, now: Timestamp) {
        if self.date.0 != now.as_second() || self.date.1.is_empty() {
            let date = now.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
            self.date = (now.as_second(), date);
        }
    }
}

fn append_line(out: &mut String, date: &str, entry: &Entry<'_>) {
    let Entry { peer, user, method, target, version, status, bytes } = entry;
    // Writing to a String can not fail.
    let _ = write!(out, "{peer} - ");
    append_escaped(out, user.unwrap_or("-"), true);
    let _ = write!(out, " [{date}] \"{method} ");
    append_escaped(out, target, false);
    let _ = write!(out, " {version:?}\" {status} ");
    let _ = match bytes {
        Some(bytes) => writeln!(out, "{bytes}"),
        None => writeln!(out, "-"),
    };
}

/// Clients choose these texts: none may look like another line or field.
fn append_escaped(out: &mut String, text: &str, is_field: bool) {
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || (is_field && c == ' ') => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: Option<&str>, target: &str, bytes: Option<u64>) -> String {
        let mut state = State::default();
        state.refresh_date("2026-11-22T03:50:07.9Z".parse().unwrap());
        let entry = Entry {
            peer: "127.0.0.1".parse().unwrap(),
            user,
            method: &Method::GET,
            target,
            version: Version::HTTP_11,
            status: 200,
            bytes,
        };
        let mut out = String::new();
        append_line(&mut out, &state.date.1, &entry);
        out
    }

    #[test]
    fn a_line_is_in_the_common_log_format() {
        assert_eq!(
            line(Some("alice"), "/auth?x=1", Some(5)),
            "127.0.0.1 - alice [22/Nov/2026:03:50:07 +0000] \"GET /auth?x=1 HTTP/1.1\" 200 5\n"
        );
        assert_eq!(
            line(None, "/", None),
            "127.0.0.1 - - [22/Nov/2026:03:50:07 +0000] \"GET / HTTP/1.1\" 200 -\n"
        );
    }

    #[test]
    fn what_clients_send_cannot_forge_a_line_or_a_field() {
        let line = line(Some("a b\n\"c"), "/\"\\", None);
        assert_eq!(
            line,
            "127.0.0.1 - a\\x20b\\x0a\\\"c [22/Nov/2026:03:50:07 +0000] \"GET /\\\"\\\\ HTTP/1.1\" 200 -\n"
        );
    }

    #[test]
    fn a_log_that_cannot_be_written_says_so_at_the_end_and_holds_nobody_up() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = AccessLog::to(Full).unwrap();
        let entry = Entry {
            peer: "127.0.0.1".parse().unwrap(),
            user: None,
            method: &Method::GET,
            target: "/",
            version: Version::HTTP_11,
            status: 200,
            bytes: None,
        };
        (0..10_000).for_each(|_| log.write(&entry));
        assert_eq!(log.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
