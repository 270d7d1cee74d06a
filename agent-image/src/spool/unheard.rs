//! A mark on disk while runners are at work: what they told may not be counted yet.
//!
//! The process that hears the runners makes the file and holds a lock on it; it removes the file when all
//! that they told is counted. A lock ends with its process, so a successor learns both: whether somebody
//! still counts (the file is locked), and whether nobody ever will (it is there and free).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

const NAME: &str = "runners.unheard";
/// How long a successor waits for the process that still counts: longer than that one may take.
const PATIENCE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(20);

/// Runners are at work, and this process hears them.
#[derive(Debug)]
pub struct Unheard {
    path: PathBuf,
    _locked: File,
}

impl Unheard {
    /// Makes the mark.
    pub fn mark(state_dir: &Path) -> io::Result<Self> {
        let path = state_dir.join(NAME);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        file.lock()?;
        Ok(Self { path, _locked: file })
    }

    /// Everything is counted. Not when dropped: whoever gives up leaves the mark.
    pub fn heard(self) -> io::Result<()> {
        // Before the lock ends: who then finds no file knows that nothing is missing.
        std::fs::remove_file(&self.path)
    }

    /// Waits until nobody counts any more what runners of a former process told; whether some of it is lost.
    pub fn is_left(state_dir: &Path) -> io::Result<bool> {
        Self::is_left_after(state_dir, PATIENCE)
    }

    fn is_left_after(state_dir: &Path, patience: Duration) -> io::Result<bool> {
        let path = state_dir.join(NAME);
        let file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        let until = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return path.try_exists(),
                Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(AGAIN),
                Err(TryLockError::WouldBlock) => {
                    let folder = state_dir.display();
                    tracing::warn!(%folder, "a former process does not end: what it still counts is left out");
                    return Ok(true);
                }
                Err(TryLockError::Error(reason)) => return Err(reason),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missing_of_runners_that_were_heard_or_never_began() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Unheard::is_left(dir.path()).unwrap());
        Unheard::mark(dir.path()).unwrap().heard().unwrap();
        assert!(!Unheard::is_left(dir.path()).unwrap());
    }

    #[test]
    fn what_a_process_that_is_gone_did_not_count_is_missing_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        drop(Unheard::mark(dir.path()).unwrap());
        assert!(Unheard::is_left(dir.path()).unwrap());
        assert!(Unheard::is_left(dir.path()).unwrap());
    }

    #[test]
    fn a_successor_waits_for_the_process_that_still_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mark = Unheard::mark(dir.path()).unwrap();
        let folder = dir.path().to_owned();
        let successor = std::thread::spawn(move || Unheard::is_left(&folder).unwrap());
        assert!(Unheard::is_left_after(dir.path(), Duration::ZERO).unwrap());
        mark.heard().unwrap();
        assert!(!successor.join().unwrap());
    }
}
