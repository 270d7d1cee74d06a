//! `kubectl loads`: the program as users of a cluster have it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Output;
use crate::program::loads;

/// A folder on PATH in which the program has its name as kubectl's plugin.
pub struct Plugin {
    folder: tempfile::TempDir,
}

/// A page that is served, until this is dropped.
pub struct Page {
    child: Child,
    /// Where.
    pub url: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::new_without_default, reason = "a folder on disk is no default value")]
impl Plugin {
    /// Installs it.
    ///
    /// # Panics
    /// When there is no room for a folder.
    #[expect(clippy::expect_used, reason = "only tests call this, and without it none can go on")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::os::unix::fs::symlink(loads(), folder.path().join("kubectl-loads")).expect("a link");
        Self { folder }
    }

    /// PATH with the plugin first.
    pub fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.folder.path().display())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("loads").args(args).env("PATH", self.path()).current_dir(self.folder.path());
        command
    }

    /// `kubectl loads ARGS`, to its end.
    ///
    /// # Panics
    /// When kubectl does not start.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn run(&self, args: &[&str]) -> Output {
        let done = self.command(args).output().expect("kubectl starts");
        Output {
            code: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// `kubectl loads page`, once it says where it is.
    ///
    /// # Panics
    /// When it says nothing.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn page(&self, args: &[&str]) -> Page {
        let mut command = self.command(&[&["page"], args].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("kubectl starts");
        let mut url = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut url).expect("it says where the page is");
        Page { child, url: url.trim().to_owned() }
    }

    /// What a command wrote into its folder.
    pub fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(name)).ok()
    }
}
