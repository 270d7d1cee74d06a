//! `loads run` in a folder of its own.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use loads_wire::RunResult;

use crate::program::command;
use crate::wait::until;

/// A folder with a LoadTest and whatever belongs to it; gone with its owner.
pub struct Folder {
    dir: tempfile::TempDir,
    runs: AtomicU32,
}

/// What came of a run.
#[derive(Debug)]
pub struct Done {
    /// Exit code, none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output: the summary.
    pub stdout: String,
    /// Standard error: progress and errors.
    pub stderr: String,
    /// `--results`, where it was written.
    pub result: Option<RunResult>,
}

impl Done {
    /// The results.
    ///
    /// # Panics
    /// When the run wrote none.
    #[expect(clippy::panic, reason = "only tests call this, and without results none can go on")]
    pub fn result(&self) -> &RunResult {
        self.result
            .as_ref()
            .unwrap_or_else(|| panic!("no results; exit {:?}\n{}\n{}", self.code, self.stdout, self.stderr))
    }
}

/// A run that goes on.
pub struct Going {
    child: Child,
    results: PathBuf,
    state: PathBuf,
}

impl Folder {
    /// An empty folder.
    ///
    /// # Panics
    /// When there is no room for one.
    #[expect(clippy::expect_used, reason = "only tests call this, and without a folder none can go on")]
    #[expect(clippy::new_without_default, reason = "a folder on disk is no default value")]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("lt-").tempdir().expect("a temporary folder");
        Self { dir, runs: AtomicU32::new(0) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into it.
    ///
    /// # Panics
    /// When it can not be written.
    #[expect(clippy::expect_used, reason = "only tests call this, and without the file none can go on")]
    #[must_use]
    pub fn with(self, name: &str, text: &str) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(self.path())).expect("its folder");
        std::fs::write(path, text).expect("the file is written");
        self
    }

    /// `loads run ARGS` in this folder, to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        self.start(args).finish()
    }

    /// `loads run ARGS` in this folder.
    ///
    /// # Panics
    /// When the program does not start.
    #[expect(clippy::expect_used, reason = "only tests call this, and without the program none can go on")]
    pub fn start(&self, args: &[&str]) -> Going {
        let own = self.path().join(format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&own).expect("a folder of the run");
        let (results, state) = (own.join("results.json"), own.join("state"));
        let mut run = command(&["run"]);
        run.args(args).arg("--results").arg(&results).arg("--state-dir").arg(&state);
        run.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Going { child: run.spawn().expect("loads run starts"), results, state }
    }
}

impl Going {
    /// Process id of `loads run`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The run's state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Process id of a process of this run by its role (`broker`, `agent`) and, for agents, its index.
    pub fn process(&self, role: &str, index: Option<u32>) -> u32 {
        let marks = [Some(format!("\0{role}\0")), index.map(|i| format!("\0--index\0{i}\0"))];
        until(&format!("the {role} process"), || {
            children(self.pid()).into_iter().find(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line);
                marks.iter().flatten().all(|mark| line.contains(mark))
            })
        })
    }

    /// Waits for something that happens while the run goes on.
    ///
    /// # Panics
    /// When the run ends before.
    #[expect(clippy::panic, reason = "only tests call this, and a run that ended early is their failure")]
    pub fn until<T>(&mut self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        until(what, || {
            let answer = ask();
            if answer.is_none() && self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                let told = |pipe: Option<&mut dyn Read>| {
                    pipe.map(|p| std::io::read_to_string(p).unwrap_or_default()).unwrap_or_default()
                };
                let stdout = told(self.child.stdout.as_mut().map(|p| p as &mut dyn Read));
                let stderr = told(self.child.stderr.as_mut().map(|p| p as &mut dyn Read));
                panic!("the run ended before {what}:\n{stdout}\n{stderr}");
            }
            answer
        })
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When the process can not be waited for.
    #[expect(clippy::expect_used, reason = "only tests call this, and without an end none can go on")]
    pub fn finish(self) -> Done {
        let Output { status, stdout, stderr } = self.child.wait_with_output().expect("the run ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let result = std::fs::read(self.results).ok().and_then(|json| serde_json::from_slice(&json).ok());
        Done { code: status.code(), stdout: text(stdout), stderr: text(stderr), result }
    }
}

/// Direct children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &pid.to_string()]).output();
    let text = listed.map(|l| String::from_utf8_lossy(&l.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Sends a signal, by its name.
///
/// # Panics
/// When the process is not there.
#[expect(clippy::expect_used, reason = "only tests call this, and a process that is gone is their failure")]
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.expect("kill can be called").success(), "process {pid} is gone");
}
