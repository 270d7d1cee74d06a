//! What a killed process of the same agent index left behind.
//!
//! Each process (epoch) has a folder with its spool and the cells of its lanes. What the cells counted
//! beyond the spooled windows was counted by nobody else: it becomes one last window of that epoch, with
//! counts but without labels and latencies (`undetailed`).
//!
//! Runners in other languages are heard by a process that outlives the agent (`executors::external::keeper`):
//! recovery waits until it has counted what they told before they were ended.

use std::path::{Path, PathBuf};
use std::{fs, io};

use loads_wire::{Totals, Window};

use super::{Spool, Unheard};
use crate::record::Cells;

const SPOOL: &str = "spool";
const CELLS: &str = "cells";
const PREFIX: &str = "epoch-";
/// Cells of runners in other languages, which tell of a request when it is over.
pub const RUNNERS_CELLS: &str = "external.cells";

/// A former process of this index.
#[derive(Debug)]
pub struct Former {
    /// Its epoch.
    pub epoch: u64,
    /// Its windows, the undetailed rest included.
    pub spool: Spool,
}

/// Makes the folder and the empty spool of a new epoch.
pub fn start_epoch(agent_dir: &Path, epoch: u64) -> io::Result<(PathBuf, Spool)> {
    let dir = agent_dir.join(format!("{PREFIX}{epoch}"));
    fs::create_dir_all(&dir)?;
    let spool = Spool::open(&dir.join(SPOOL))?;
    Ok((dir, spool))
}

/// The former processes of this index, oldest first, with all that they counted. Call before
/// [`start_epoch`], when none of them lives.
pub fn recover(agent_dir: &Path) -> io::Result<Vec<Former>> {
    let mut epochs: Vec<(u64, PathBuf)> = match fs::read_dir(agent_dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?.filter_map(Result::ok).filter_map(|entry| epoch_of(&entry.path())).collect(),
    };
    epochs.sort_unstable();
    epochs.into_iter().map(|(epoch, dir)| Ok(Former { epoch, spool: settle(&dir)? })).collect()
}

fn epoch_of(path: &Path) -> Option<(u64, PathBuf)> {
    let epoch = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()?;
    Some((epoch, path.to_owned()))
}

/// Opens a dead process' spool and appends what only its cells know. Doing it twice adds nothing.
fn settle(dir: &Path) -> io::Result<Spool> {
    let unheard = Unheard::is_left(dir)?;
    let mut spool = Spool::open(&dir.join(SPOOL))?;
    let mut counted = Totals::default();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == CELLS) {
            let totals = Cells::open(&path)?.totals();
            let of_runners = path.file_name().is_some_and(|name| name == RUNNERS_CELLS);
            counted.add(&if of_runners { gone_runners(totals, unheard) } else { totals });
        }
    }
    if let Some(rest) = undetailed_rest(&counted, spool.totals()) {
        let (second, step) = spool.last_position().unwrap_or_default();
        spool.append(Window { second, step, totals: rest, ..Window::default() })?;
    }
    Ok(spool)
}

/// What runners that are gone come to: each execution of which no end was told may have had a request under
/// way. `unheard` says that there was nobody left to count what they told last.
pub fn gone_runners(counted: Totals, unheard: bool) -> Totals {
    let open = counted.started.saturating_sub(counted.finished());
    Totals {
        sent: counted.sent + open,
        unanswered: counted.unanswered + open,
        unheard: u64::from(unheard),
        ..counted
    }
}

/// What the cells counted and no window tells; requests in flight at the kill become `unanswered`.
pub fn undetailed_rest(counted: &Totals, windows: &Totals) -> Option<Totals> {
    let mut rest = counted.beyond(windows);
    rest.undetailed = rest.hits;
    let sent = windows.sent + rest.sent;
    let settled = windows.hits + rest.hits + windows.failed_after_send + rest.failed_after_send;
    let unanswered = windows.unanswered + rest.unanswered;
    rest.unanswered += sent.saturating_sub(settled + unanswered);
    (rest != Totals::default()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Cell;

    fn dead_process(agent_dir: &Path) -> PathBuf {
        let (dir, mut spool) = start_epoch(agent_dir, 7).unwrap();
        let window = Totals { sent: 10, hits: 10, started: 10, success: 10, ..Totals::default() };
        spool.append(Window { second: 4, step: 1, totals: window, ..Window::default() }).unwrap();
        let mut cells = Cells::open(&dir.join("lane-0.cells")).unwrap();
        cells.add(Cell::Sent, 14);
        cells.add(Cell::Hits, 12);
        cells.add(Cell::Started, 14);
        cells.add(Cell::Success, 12);
        dir
    }

    #[test]
    fn counts_beyond_the_spool_become_one_undetailed_window() {
        let agent = tempfile::tempdir().unwrap();
        dead_process(agent.path());
        let formers = recover(agent.path()).unwrap();
        assert_eq!(formers.iter().map(|f| f.epoch).collect::<Vec<_>>(), [7]);
        let rest = formers[0].spool.read(2).unwrap();
        assert_eq!((rest.second, rest.step), (4, 1));
        let t = rest.totals;
        assert_eq!((t.sent, t.hits, t.undetailed, t.unanswered, t.started, t.success), (4, 2, 2, 2, 4, 2));
    }

    #[test]
    fn recovering_twice_counts_nothing_twice() {
        let agent = tempfile::tempdir().unwrap();
        dead_process(agent.path());
        recover(agent.path()).unwrap();
        let again = recover(agent.path()).unwrap();
        assert_eq!(again[0].spool.last_seq(), 2);
        assert_eq!(again[0].spool.totals().sent, 14);
    }

    #[test]
    fn every_execution_that_runners_left_open_may_have_sent_a_request() {
        let agent = tempfile::tempdir().unwrap();
        let (dir, _spool) = start_epoch(agent.path(), 7).unwrap();
        let mut cells = Cells::open(&dir.join(RUNNERS_CELLS)).unwrap();
        for (cell, n) in [(Cell::Sent, 9), (Cell::Hits, 9), (Cell::Started, 10), (Cell::Success, 7)] {
            cells.add(cell, n);
        }
        drop(Unheard::mark(&dir).unwrap());
        for _ in 0..2 {
            let formers = recover(agent.path()).unwrap();
            let t = formers[0].spool.totals();
            assert_eq!((t.sent, t.hits, t.unanswered, t.started, t.success), (12, 9, 3, 10, 7));
            assert_eq!(t.unheard, 1, "their process was killed with the agent");
        }
    }

    #[test]
    fn a_first_process_has_nothing_to_recover() {
        let agent = tempfile::tempdir().unwrap();
        assert!(recover(&agent.path().join("never-made")).unwrap().is_empty());
    }
}
