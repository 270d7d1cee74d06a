//! One worker process: started, told what to do on its standard input, ended.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use std::os::unix::process::{CommandExt, ExitStatusExt};

use loads_wire::Plan;
use loads_wire::message::StopMode;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use crate::executor::{Error, ExecutorContext};
use crate::record::Cells;

/// Lines of a worker's log that an error shows.
const SHOWN: usize = 15;

/// One process of `python -m loads.worker`.
pub struct Worker {
    process: u32,
    child: Child,
    stdin: Option<ChildStdin>,
    cells: PathBuf,
    log: PathBuf,
}

/// What a worker has to do in a step. Times are of the monotonic clock, in nanoseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepCommand {
    /// Always `step`.
    pub command: &'static str,
    /// 0-based.
    pub step: u16,
    /// T.
    pub run_start_ns: u64,
    /// When load begins.
    pub start_ns: u64,
    /// When it ends.
    pub end_ns: Option<u64>,
    /// Users of this agent.
    pub total_users: u32,
    /// Numbers of those that this process runs.
    pub users: Vec<u32>,
    /// Executions for each user.
    pub hits: Option<u32>,
    /// Executions of this process at most.
    pub executions: Option<u64>,
    /// Over which users begin.
    pub ramp_up_ns: u64,
    /// This agent's number.
    pub agent: u32,
    /// Agents of the run.
    pub agents: u32,
    /// Arrivals per second over all agents.
    pub rate: Option<u32>,
    /// Arrivals of the step over all agents.
    pub arrivals: Option<u64>,
    /// Arrivals due before this instant do not happen.
    pub skip_before_ns: Option<u64>,
    /// What tests in flight get at the end.
    pub drain_ns: u64,
}

impl Worker {
    /// Starts the interpreter; its output goes to a log in the agent's state folder. `serial` is unique, so
    /// that no process goes on counting in the cells of another.
    pub fn start(
        context: &ExecutorContext,
        endpoint: &str,
        process: u32,
        serial: u32,
    ) -> Result<Self, Error> {
        let cells = context.state_dir.join(format!("python-{serial}.cells"));
        Cells::open(&cells).map_err(Error::io(format!("making {}", cells.display())))?;
        let log = context.state_dir.join(format!("python-{serial}.log"));
        let output = File::create(&log).map_err(Error::io(format!("making {}", log.display())))?;
        let errors = output.try_clone().map_err(Error::io(format!("making {}", log.display())))?;
        let path = std::env::join_paths(&context.python_path)
            .map_err(|e| Error::Configuration(format!("a folder of Python's path can not be used: {e}")))?;
        let mut child = Command::new(&context.python)
            .args(["-m", "loads.worker"])
            .current_dir(&context.work_dir)
            .env("PYTHONPATH", path)
            .env("PYTHONUNBUFFERED", "1")
            .env("LOADS_ZMQ_RECEIVER", endpoint)
            .env("LOADS_AGENT_ID", &context.agent_id)
            .env("LOADS_RUN_ID", &context.plan.run_id)
            .env("LOADS_CELLS", &cells)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Error::io(format!("starting Python as {}", context.python.display())))?;
        let stdin = child.stdin.take();
        Ok(Self { process, child, stdin, cells, log })
    }

    /// Its share of the users; a replacement has the same.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Its counters.
    pub fn cells(&self) -> &Path {
        &self.cells
    }

    /// Tells which test to import.
    pub fn prepare(&mut self, plan: &Plan, patching: bool, processes: u32) {
        self.say(&json!({
            "command": "prepare",
            "fqn": plan.test,
            "serverUrl": plan.server_url,
            "patching": patching,
            "config": config(plan, patching),
            "targets": plan.targets,
            "process": self.process,
            "processes": processes,
        }));
    }

    /// Tells what to do in a step.
    pub fn step(&mut self, step: &StepCommand) {
        self.say(step);
    }

    /// Tells to end the step.
    pub fn stop(&mut self, mode: StopMode) {
        let mode = if mode == StopMode::Now { "now" } else { "drain" };
        self.say(&json!({"command": "stop", "mode": mode}));
    }

    /// Tells to leave.
    pub fn quit(&mut self) {
        self.say(&json!({"command": "quit"}));
        self.stdin = None;
    }

    fn say(&mut self, command: &impl Serialize) {
        let (Some(stdin), Ok(mut line)) = (&mut self.stdin, serde_json::to_vec(command)) else { return };
        line.push(b'\n');
        // A worker that is gone is noticed by its end.
        let _ = stdin.write_all(&line).and_then(|()| stdin.flush());
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it for certain.
    pub async fn kill(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let _ = self.child.kill();
        while self.ended().is_none() && Instant::now() < deadline {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Class and message of the error that its early end is.
    pub fn error(&self, how: ExitStatus) -> (&'static str, String) {
        let class = if how.signal().is_some() { "RunnerKilled" } else { "RunnerExit" };
        (class, format!("a Python worker ended during the test: {how}{}", self.last_words()))
    }

    /// The message for one that ended before it was ready.
    pub fn died_early(&self, how: ExitStatus) -> String {
        format!("the Python worker ended before it could import the test: {how}{}", self.last_words())
    }

    /// The message for one that is not ready in time.
    pub fn hangs(&self, limit: Duration) -> String {
        format!(
            "the Python worker did not import the test within {} s: does the module do work when it is imported?{}",
            limit.as_secs(),
            self.last_words()
        )
    }

    fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN)..];
        if shown.is_empty() { String::new() } else { format!("; its last words:\n{}", shown.join("\n")) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a test case finds in its `config`: the run's options by the original's names.
fn config(plan: &Plan, patching: bool) -> serde_json::Value {
    let users: Vec<u32> = plan.steps.iter().map(|step| step.users).collect();
    json!({
        "fqn": plan.test,
        "server_url": plan.server_url,
        "users": users,
        "agents": plan.agents,
        "rate": plan.rate,
        "run_id": plan.run_id,
        "test_dir": plan.test_dir,
        "python_dep": plan.python_deps,
        "no_patching": !patching,
    })
}
