//! The `kubectl` program.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What it answered.
#[derive(Debug)]
pub struct Output {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output, if it went well.
    ///
    /// # Panics
    /// When it did not.
    pub fn ok(self) -> String {
        assert!(self.code == 0, "kubectl: {}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The same as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("kubectl prints JSON")
    }
}

/// Runs it, with this on standard input.
///
/// # Panics
/// When there is no kubectl.
#[expect(clippy::expect_used, reason = "only tests call this, and without kubectl none can go on")]
pub fn kubectl(args: &[&str], input: Option<&str>) -> Output {
    let mut child = Command::new("kubectl")
        .args(args)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts: is it on PATH?");
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), input) {
        pipe.write_all(text.as_bytes()).expect("kubectl reads its input");
    }
    let done = child.wait_with_output().expect("kubectl ends");
    Output {
        code: done.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}
