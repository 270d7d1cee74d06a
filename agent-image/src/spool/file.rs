//! The spool file: an append-only list of windows, safe against SIGKILL at any byte.
//!
//! Record: length (u32 LE), CRC-32 of the payload (u32 LE), payload (MessagePack of the window). A torn
//! last record fails its check and is cut off; its counts are still in the cells. All windows are kept for
//! the run's whole length, because a broker that lost its store asks for them from the first.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use loads_wire::{Totals, Window};

const HEADER: usize = 8;

/// The windows of one agent epoch.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Where record n (0-based) begins, and at the end where the next one will.
    offsets: Vec<u64>,
    totals: Totals,
    last: Option<(u32, u16)>,
    failed: bool,
}

impl Spool {
    /// Opens or makes the file and reads what is in it; cuts off a torn tail.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut spool = Self { file, offsets: vec![0], totals: Totals::default(), last: None, failed: false };
        spool.load()?;
        Ok(spool)
    }

    fn load(&mut self) -> io::Result<()> {
        let mut reader = io::BufReader::new(self.file.try_clone()?);
        let length = self.file.metadata()?.len();
        let mut end = 0;
        while let Some((window, size)) = read_record(&mut reader, length - end)? {
            end += size;
            self.note(&window, end);
        }
        self.file.set_len(end)
    }

    fn note(&mut self, window: &Window, end: u64) {
        self.offsets.push(end);
        self.totals.add(&window.totals);
        self.last = Some((window.second, window.step));
    }

    /// Gives the window its number and writes it. When the disk refuses, the window is not in the spool:
    /// its counts stay in the cells and are reported as undetailed.
    pub fn append(&mut self, mut window: Window) -> io::Result<u64> {
        window.seq = self.last_seq() + 1;
        let payload = rmp_serde::to_vec_named(&window).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(HEADER + payload.len());
        record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        record.extend_from_slice(&payload);
        let end = self.end();
        if self.failed {
            // A former append may have left half a record behind.
            self.file.set_len(end)?;
        }
        self.failed = true;
        self.file.write_all(&record)?;
        self.failed = false;
        self.note(&window, end + record.len() as u64);
        Ok(window.seq)
    }

    /// Reads window `seq` (1-based) back.
    pub fn read(&self, seq: u64) -> io::Result<Window> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("window {seq} is not in the spool"));
        let n = usize::try_from(seq).ok().and_then(|n| n.checked_sub(1)).ok_or_else(missing)?;
        let (begin, end) = self.offsets.get(n).zip(self.offsets.get(n + 1)).ok_or_else(missing)?;
        let mut record = vec![0; (end - begin) as usize];
        self.file.read_exact_at(&mut record, *begin)?;
        rmp_serde::from_slice(&record[HEADER..]).map_err(io::Error::other)
    }

    fn end(&self) -> u64 {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// Number of the newest window, 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.offsets.len() as u64 - 1
    }

    /// Sum over all windows.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Second and step of the newest window.
    pub fn last_position(&self) -> Option<(u32, u16)> {
        self.last
    }
}

/// One record and its size in the file; none at the end and at the first torn one.
fn read_record(reader: &mut impl Read, left: u64) -> io::Result<Option<(Window, u64)>> {
    if left < HEADER as u64 {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    reader.read_exact(&mut header)?;
    let header = u64::from_le_bytes(header);
    let (length, crc) = (header as u32, (header >> 32) as u32);
    if u64::from(length) > left - HEADER as u64 {
        return Ok(None);
    }
    let mut payload = vec![0; length as usize];
    reader.read_exact(&mut payload)?;
    if crc32fast::hash(&payload) != crc {
        return Ok(None);
    }
    Ok(rmp_serde::from_slice(&payload).ok().map(|window| (window, (HEADER + payload.len()) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(hits: u64) -> Window {
        Window { second: hits as u32, totals: Totals { hits, ..Totals::default() }, ..Window::default() }
    }

    #[test]
    fn windows_come_back_numbered_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path).unwrap();
        assert_eq!(spool.append(window(5)).unwrap(), 1);
        assert_eq!(spool.append(window(7)).unwrap(), 2);
        let reopened = Spool::open(&path).unwrap();
        assert_eq!(reopened.last_seq(), 2);
        assert_eq!(reopened.totals().hits, 12);
        assert_eq!(reopened.last_position(), Some((7, 0)));
        assert_eq!(reopened.read(2).unwrap(), Window { seq: 2, ..window(7) });
        assert!(reopened.read(3).is_err() && reopened.read(0).is_err());
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_every_whole_window() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path).unwrap();
        spool.append(window(1)).unwrap();
        let first = spool.end();
        spool.append(window(2)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut torn = Spool::open(&path).unwrap();
            assert_eq!(torn.last_seq(), u64::from(cut as u64 >= first), "cut at {cut}");
            torn.append(window(9)).unwrap();
            assert_eq!(torn.read(torn.last_seq()).unwrap().totals.hits, 9);
        }
    }
}
