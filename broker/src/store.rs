//! What survives the broker: one SQLite file in the state directory.
//!
//! Windows are rows until they are folded: then one snapshot holds their sum, and the rows go, so that the
//! file grows with what a run measures and not with how long it runs. In WAL mode with `synchronous=NORMAL` a
//! committed transaction survives SIGKILL; a power cut may take the last ones, and agents send them again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loads_wire::Window;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

/// Name of the file.
const FILE: &str = "broker.sqlite";
/// How long another broker may need to let go of the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Why the state can not be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory can not be made.
    #[error("state directory {path} can not be made: {source}; choose a directory that is writable")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Another broker uses the file.
    #[error(
        "{path} is in use: another broker runs on this state directory; stop it or choose another directory"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another run.
    #[error(
        "{path} holds run {found:?}, this is run {wanted:?}: every run needs a state directory of its own"
    )]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// Run in the file.
        found: String,
        /// Run of the plan.
        wanted: String,
    },
    /// SQLite's own reason: disk full, file damaged, …
    #[error("{path} can not be read or written: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: rusqlite::Error,
    },
    /// A record is not what this release writes.
    #[error(
        "{path}: the {what} can not be read: {reason}; it was written by another release, or the file is damaged"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which record.
        what: &'static str,
        /// The decoder's reason.
        reason: String,
    },
    /// The thread that writes is gone.
    #[error("the thread that writes the state has ended")]
    Closed,
}

/// Something to keep.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A window that was counted; without content, one that was refused for good.
    Window {
        /// Agent index.
        index: u32,
        /// Epoch of the process that counted it.
        epoch: u64,
        /// Its number.
        seq: u64,
        /// What was counted.
        window: Option<Box<Window>>,
    },
    /// The sum of all windows recorded before this: they are forgotten.
    Snapshot(Vec<u8>),
    /// The roster's state.
    Roster(Vec<u8>),
    /// The final result, as JSON.
    Result(Vec<u8>),
}

/// What a former broker process left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The last [`Record::Snapshot`].
    pub snapshot: Option<Vec<u8>>,
    /// The last [`Record::Roster`].
    pub roster: Option<Vec<u8>>,
    /// The [`Record::Result`].
    pub result: Option<Vec<u8>>,
}

/// The open file. Its methods block: call them from a thread of their own.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens or makes the file of this run in `dir`; holds it exclusively.
    pub fn open(dir: &Path, run: &str) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(|source| Error::Directory { path: dir.to_owned(), source })?;
        let path = dir.join(FILE);
        let opened = Connection::open(&path).and_then(|db| prepare(&db).map(|()| db));
        let db = opened.map_err(|source| explain(&path, source))?;
        let store = Self { db, path };
        match store.meta("run")?.map(|run| String::from_utf8_lossy(&run).into_owned()) {
            Some(found) if found != run => {
                return Err(Error::OtherRun { path: store.path, found, wanted: run.to_owned() });
            }
            Some(_) => {}
            None => put(&store.db, "run", run.as_bytes()).map_err(|source| explain(&store.path, source))?,
        }
        Ok(store)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a former process left, windows apart.
    pub fn kept(&self) -> Result<Kept, Error> {
        Ok(Kept {
            snapshot: self.meta("snapshot")?,
            roster: self.meta("roster")?,
            result: self.meta("result")?,
        })
    }

    /// The number of this broker process among those of the run: when it first kept something here, by its
    /// own clock in nanoseconds since the Unix epoch. One that starts again on this file has the same.
    pub fn epoch(&self, now: u64) -> Result<u64, Error> {
        if let Some(bytes) = self.meta("epoch")? {
            let read = bytes.as_slice().try_into().map(u64::from_be_bytes);
            return read.map_err(|_| self.damaged("epoch", &format!("{} bytes instead of 8", bytes.len())));
        }
        put(&self.db, "epoch", &now.to_be_bytes()).map_err(|source| explain(&self.path, source))?;
        Ok(now)
    }

    /// Every window that is in no snapshot, in order of index, epoch and number.
    pub fn windows(&self, mut each: impl FnMut(u32, u64, u64, Option<Window>)) -> Result<(), Error> {
        let fail = |source| explain(&self.path, source);
        let sql = "SELECT agent, epoch, seq, body FROM windows ORDER BY agent, epoch, seq";
        let mut statement = self.db.prepare(sql).map_err(fail)?;
        let mut rows = statement.query([]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let (index, epoch): (u32, i64) = (row.get(0).map_err(fail)?, row.get(1).map_err(fail)?);
            let (seq, body): (i64, Option<Vec<u8>>) = (row.get(2).map_err(fail)?, row.get(3).map_err(fail)?);
            let window = body.map(|body| rmp_serde::from_slice(&body)).transpose();
            let window = window.map_err(|reason| self.damaged("window", &reason))?;
            each(index, epoch.cast_unsigned(), seq.cast_unsigned(), window);
        }
        Ok(())
    }

    /// Keeps all records, or none, in one transaction; a window that is there already stays as it is.
    pub fn keep<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
        let path = self.path.clone();
        let fail = |source| explain(&path, source);
        let transaction = self.db.transaction().map_err(fail)?;
        for record in records {
            match record {
                Record::Window { index, epoch, seq, window } => {
                    let body = window.as_ref().map(rmp_serde::to_vec_named).transpose();
                    let body = body.map_err(|reason| {
                        let reason = reason.to_string();
                        Error::Damaged { path: path.clone(), what: "window", reason }
                    })?;
                    let sql =
                        "INSERT OR IGNORE INTO windows (agent, epoch, seq, body) VALUES (?1, ?2, ?3, ?4)";
                    let mut insert = transaction.prepare_cached(sql).map_err(fail)?;
                    insert
                        .execute(params![index, epoch.cast_signed(), seq.cast_signed(), body])
                        .map_err(fail)?;
                }
                Record::Snapshot(bytes) => {
                    put(&transaction, "snapshot", bytes).map_err(fail)?;
                    transaction.execute("DELETE FROM windows", []).map_err(fail)?;
                }
                Record::Roster(bytes) => put(&transaction, "roster", bytes).map_err(fail)?,
                Record::Result(bytes) => put(&transaction, "result", bytes).map_err(fail)?,
            }
        }
        transaction.commit().map_err(fail)
    }

    /// An error for a record that can not be read.
    pub fn damaged(&self, what: &'static str, reason: &impl ToString) -> Error {
        Error::Damaged { path: self.path.clone(), what, reason: reason.to_string() }
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let found = self.db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0));
        found.optional().map_err(|source| explain(&self.path, source))
    }
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(LOCK_WAIT)?;
    // Exclusive before WAL: no shared memory file, and a second broker on the same directory is told.
    db.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA journal_size_limit = 16777216;
         CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS windows (agent INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
                                             body BLOB, PRIMARY KEY (agent, epoch, seq)) WITHOUT ROWID;",
    )
}

fn put(db: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let mut put = db.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?;
    put.execute(params![name, value]).map(drop)
}

fn explain(path: &Path, source: rusqlite::Error) -> Error {
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::InUse { path: path.to_owned() },
        _ => Error::Sqlite { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seq: u64) -> Record {
        let window = Window { seq, second: 7, ..Window::default() };
        Record::Window { index: 2, epoch: u64::MAX, seq, window: Some(Box::new(window)) }
    }

    fn seqs(store: &Store) -> Vec<u64> {
        let mut seqs = Vec::new();
        store
            .windows(|index, epoch, seq, window| {
                assert_eq!((index, epoch, window.unwrap().second), (2, u64::MAX, 7));
                seqs.push(seq);
            })
            .unwrap();
        seqs
    }

    #[test]
    fn a_window_that_comes_twice_is_kept_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), "r1").unwrap();
        store.keep([window(1), window(2)].iter()).unwrap();
        store.keep([window(2), window(3)].iter()).unwrap();
        drop(store);
        assert_eq!(seqs(&Store::open(dir.path(), "r1").unwrap()), [1, 2, 3]);
    }

    #[test]
    fn a_snapshot_takes_the_place_of_the_windows_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), "r1").unwrap();
        store.keep([window(1), Record::Snapshot(b"one".to_vec()), window(2)].iter()).unwrap();
        assert_eq!((seqs(&store), store.kept().unwrap().snapshot), (vec![2], Some(b"one".to_vec())));
    }

    #[test]
    fn a_run_finds_only_its_own_state() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path(), "r1").unwrap());
        let error = Store::open(dir.path(), "r2").unwrap_err().to_string();
        assert!(error.contains("holds run \"r1\"") && error.contains("of its own"), "{error}");
    }

    #[test]
    fn the_epoch_is_that_of_the_first_start() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Store::open(dir.path(), "r1").unwrap().epoch(7).unwrap(), 7);
        assert_eq!(Store::open(dir.path(), "r1").unwrap().epoch(9).unwrap(), 7);
    }

    #[test]
    fn a_directory_that_can_not_be_made_is_named() {
        let error = Store::open(Path::new("/proc/none"), "r1").unwrap_err().to_string();
        assert!(error.contains("/proc/none"), "{error}");
    }
}
