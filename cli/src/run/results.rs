//! `--results FILE`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use loads_wire::RunResult;

use crate::exit::Exit;

/// A results file, opened before the run so that a wrong path is known before any load is sent.
pub struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    /// Makes (or empties) the file.
    pub fn open(path: &Path) -> Result<Self, Exit> {
        let file = File::create(path).map_err(|e| {
            Exit::usage(format!(
                "the results file {} can not be written: {e}; choose another",
                path.display()
            ))
        })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes the results.
    pub fn write(self, result: &RunResult) -> Result<(), Exit> {
        let mut out = BufWriter::new(self.file);
        let written = serde_json::to_writer_pretty(&mut out, result).map_err(std::io::Error::from);
        written.and_then(|()| writeln!(out)).and_then(|()| out.flush()).map_err(|e| {
            Exit::error(format!("the results could not be written to {}: {e}", self.path.display()))
        })
    }
}
