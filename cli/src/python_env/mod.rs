//! The Python that runs test cases: an interpreter with the `loads` package and the test's dependencies.
//!
//! The package is carried in this program and unpacked into the cache; its requirements and the test's
//! own go into a virtual environment that is cached by what it holds.

mod package;
mod venv;

use std::path::PathBuf;

use crate::exit::Exit;

/// An interpreter, and what to put on its path.
#[derive(Debug, Clone)]
pub struct PythonEnv {
    /// The virtual environment's interpreter.
    pub python: PathBuf,
    /// Where the `loads` package lies.
    pub package: PathBuf,
}

/// Makes what is not in the cache yet, telling the user since it takes a while the first time.
pub fn ensure(deps: &[String], say: impl Fn(&str)) -> Result<PythonEnv, Exit> {
    let cache = cache_dir()?;
    let package = package::unpack(&cache)?;
    let python = venv::ensure(&cache, deps, say)?;
    Ok(PythonEnv { python, package })
}

/// `$XDG_CACHE_HOME/loads`, `~/.cache/loads`.
fn cache_dir() -> Result<PathBuf, Exit> {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("loads")).ok_or_else(|| {
        Exit::error("there is no cache folder for the Python environment: set HOME or XDG_CACHE_HOME")
    })
}
