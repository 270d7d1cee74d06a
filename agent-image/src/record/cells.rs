//! Counters that outlive their process: a memory-mapped file of 64-bit numbers (docs/adr/0005).
//!
//! The kernel keeps what was stored before a SIGKILL, so a successor process learns how many requests were
//! sent and answered, to the last one.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use loads_wire::Totals;
use memmap2::MmapMut;

/// Which counter; the order is the file's, and the Python worker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs, reason = "named after the fields of wire::Totals, documented there")]
pub enum Cell {
    Sent,
    Hits,
    FailedAfterSend,
    FailedBeforeSend,
    Unanswered,
    Started,
    Success,
    Errors,
    Failures,
    Skipped,
    Interrupted,
}

const CELLS: usize = 32;
const BYTES: usize = CELLS * 8;

/// A lane's counters: cumulative over its process.
#[derive(Debug)]
pub struct Cells(MmapMut);

impl Cells {
    /// Makes the file (zeroed) or opens it as it is, and maps it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.set_len(BYTES as u64)?;
        Self::map(&file)
    }

    #[expect(
        unsafe_code,
        reason = "mapping is unsafe as another process could truncate the file; \
             these files are the agent's own, of fixed size, and only ever read by others"
    )]
    fn map(file: &File) -> io::Result<Self> {
        // SAFETY: see the reason above.
        Ok(Self(unsafe { MmapMut::map_mut(file)? }))
    }

    /// Adds to a counter.
    #[inline]
    pub fn add(&mut self, cell: Cell, n: u64) {
        let value = self.get(cell).wrapping_add(n);
        let at = cell as usize * 8;
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// Reads a counter.
    #[inline]
    pub fn get(&self, cell: Cell) -> u64 {
        let at = cell as usize * 8;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_le_bytes(bytes)
    }

    /// All counters.
    pub fn totals(&self) -> Totals {
        Totals {
            sent: self.get(Cell::Sent),
            hits: self.get(Cell::Hits),
            failed_after_send: self.get(Cell::FailedAfterSend),
            failed_before_send: self.get(Cell::FailedBeforeSend),
            unanswered: self.get(Cell::Unanswered),
            started: self.get(Cell::Started),
            success: self.get(Cell::Success),
            errors: self.get(Cell::Errors),
            failures: self.get(Cell::Failures),
            skipped: self.get(Cell::Skipped),
            interrupted: self.get(Cell::Interrupted),
            ..Totals::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_outlive_whoever_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lane-0.cells");
        let mut cells = Cells::open(&path).unwrap();
        cells.add(Cell::Sent, 3);
        cells.add(Cell::Hits, 2);
        drop(cells);
        let totals = Cells::open(&path).unwrap().totals();
        assert_eq!((totals.sent, totals.hits), (3, 2));
    }
}
