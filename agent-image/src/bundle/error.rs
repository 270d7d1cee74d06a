//! Why a bundle is not usable: what, where, why, and what to do.

use std::io;
use std::path::PathBuf;

use loads_wire::message::Problem;

/// Why the test dir can not be filled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mount can not be read, or is too much.
    #[error("the bundle mounted at {path} can not be used: {reason}")]
    Mount {
        /// The mount, or what of it.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A ConfigMap is not what it was.
    #[error(
        "the files mounted at {path} are not those that this run was accepted with: a ConfigMap of the bundle was \
         changed since; create a new LoadTest"
    )]
    Changed {
        /// The mount.
        path: PathBuf,
    },
    /// An archive as a whole.
    #[error("archive {number} of the bundle can not be unpacked: {reason}; make it again with `loads bundle`")]
    Archive {
        /// Its folder in the mount.
        number: String,
        /// Why.
        reason: String,
    },
    /// One entry of an archive, or one file.
    #[error("{place} has an entry {entry:?} that can not be unpacked: {reason}; take it out of the bundle")]
    Entry {
        /// Which archive.
        place: String,
        /// Its path as it stands there.
        entry: String,
        /// Why.
        reason: String,
    },
    /// The test dir itself.
    #[error("the test dir {dir:?} can not be used: {reason}; spec.bundle.testDir must be a path below the working directory")]
    TestDir {
        /// As given.
        dir: String,
        /// Why.
        reason: String,
    },
    /// Writing failed.
    #[error("{path} can not be written: {source}; the agent's working directory must be writable and have room")]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// pip failed.
    #[error("pip can not install {deps} (bundle.pythonDeps): {reason}")]
    Dependency {
        /// What was asked for.
        deps: String,
        /// pip's last words, or why there are none.
        reason: String,
    },
}

impl Error {
    /// The reason that the LoadTest shows.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Dependency { .. } => Problem::Dependency,
            _ => Problem::Bundle,
        }
    }
}
