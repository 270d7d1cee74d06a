//! Cached virtual environments.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::package::hex;
use crate::exit::Exit;

/// The package's own requirements, pinned.
const REQUIREMENTS: &str = include_str!("../../../agent-image/python/requirements.txt");
/// Written last: an environment without it was not finished.
const COMPLETE: &str = ".complete";

/// The interpreter of the environment that holds the package's requirements and `deps`.
pub fn ensure(cache: &Path, deps: &[String], say: impl Fn(&str)) -> Result<PathBuf, Exit> {
    let base = std::env::var("LOADS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let version = version(&base)?;
    let dir = cache.join(format!("venv-{}", key(&version, deps)));
    let python = dir.join("bin/python");
    if dir.join(COMPLETE).exists() {
        return Ok(python);
    }
    let fail =
        |error| Exit::error(format!("the Python environment {} can not be made: {error}", dir.display()));
    fs::create_dir_all(cache).map_err(fail)?;
    let lock = File::create(dir.with_extension("lock")).map_err(fail)?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| fail(e.into()))?;
    if dir.join(COMPLETE).exists() {
        return Ok(python);
    }
    say("preparing the Python environment (once for these dependencies)");
    build(&base, &dir, deps)?;
    fs::write(dir.join(COMPLETE), "").map_err(fail)?;
    Ok(python)
}

fn key(version: &str, deps: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in [version, REQUIREMENTS].into_iter().chain(deps.iter().map(String::as_str)) {
        hash.update(part);
        hash.update([0]);
    }
    hex(&hash.finalize())
}

/// The interpreter's version and path, once it is known to be new enough.
fn version(python: &str) -> Result<String, Exit> {
    let ask = "import sys; print(sys.version_info >= (3, 10), sys.version.split()[0], sys.executable)";
    let answer = Command::new(python).args(["-c", ask]).output().map_err(|error| {
        Exit::error(format!(
            "Python can not be started as {python:?}: {error}; install Python 3.10 or later, or name one with LOADS_PYTHON"
        ))
    })?;
    let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    text.strip_prefix("True ").map(str::to_owned).ok_or_else(|| {
        Exit::error(format!(
            "{python:?} is {}: the python executor needs Python 3.10 or later; name one with LOADS_PYTHON",
            text.strip_prefix("False ").unwrap_or("not a Python 3")
        ))
    })
}

fn build(base: &str, dir: &Path, deps: &[String]) -> Result<(), Exit> {
    let venv = run(Command::new(base).args(["-m", "venv", "--clear"]).arg(dir));
    venv.map_err(|why| {
        Exit::error(format!(
            "a virtual environment can not be made with {base:?}: {why}\n(on Debian its module is the package python3-venv)"
        ))
    })?;
    let python = dir.join("bin/python");
    let requirements = dir.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)
        .map_err(|e| Exit::error(format!("{} can not be written: {e}", requirements.display())))?;
    let pip = |args: &[&str]| {
        let quiet = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
        run(Command::new(&python).args(quiet).args(args))
    };
    pip(&["-r", &requirements.to_string_lossy()]).map_err(|why| {
        Exit::error(format!("the requirements of the loads package can not be installed: {why}"))
    })?;
    if deps.is_empty() {
        return Ok(());
    }
    let deps: Vec<&str> = deps.iter().map(String::as_str).collect();
    pip(&deps).map_err(|why| {
        Exit::error(format!(
            "pip can not install {} (bundle.pythonDeps, --python-dep): {why}\ncheck the name, the version and pip's index",
            deps.join(", ")
        ))
    })
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(loads_agent::bundle::last_lines(&output))
}
