//! The `loads` program as it was built for this test run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Repository root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Path of the program: beside the test programs, built by `cargo build --workspace` before them.
///
/// # Panics
/// When it was not built.
#[expect(clippy::panic, reason = "only tests call this, and without the program none can go on")]
pub fn loads() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap_or_default();
        let built = test.ancestors().map(|dir| dir.join("loads")).find(|path| path.is_file());
        built.unwrap_or_else(|| panic!("the program is not built: cargo build --workspace, or tests/run"))
    })
}

/// `loads …`, with the test machine's Python where tests/run made one.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(loads());
    command.args(args);
    command
}
