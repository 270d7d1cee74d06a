//! What the test requires of Python, installed into a folder of its own.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::{Error, Mounted};

/// Time for everything that pip has to fetch and to build.
const LIMIT: Duration = Duration::from_mins(10);
/// Lines of pip's complaint that are shown.
const SHOWN: usize = 12;

/// Has pip install `deps`; it runs in the test dir, so that a wheel of the bundle is named by its path there.
pub(super) async fn install(
    mounted: &Mounted,
    deps: &[String],
    test_dir: &Path,
    python: &Path,
) -> Result<(), Error> {
    let refuse = |reason: String| Error::Dependency { deps: deps.join(", "), reason };
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--upgrade"])
        .arg("--target")
        .arg(&mounted.deps_dir);
    if let Some(index) = &mounted.pip_index {
        command.args(["--index-url", index]);
    }
    // Our own path must not hide from pip what it has to install.
    command.args(deps).current_dir(test_dir).env_remove("PYTHONPATH").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(LIMIT, command.output())
        .await
        .map_err(|_| refuse(format!("it was not done within {} minutes", LIMIT.as_secs() / 60)))?
        .map_err(|e| refuse(format!("{} can not be started: {e}", python.display())))?;
    if output.status.success() {
        return Ok(());
    }
    let words = last_lines(&output);
    Err(refuse(format!("{words}\ncheck the name, the version, pip's index and the wheels in the bundle")))
}

/// The end of what a program said, without empty lines.
pub fn last_lines(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n  ")
}
