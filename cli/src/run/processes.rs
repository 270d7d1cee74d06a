//! `--processes`: broker and agents as processes of their own, watched as a cluster would watch them.
//!
//! A broker that dies is started again on the same store. An agent that dies is started again with the same
//! index (policy Replace), or only to deliver what its predecessor left (Continue, Fail).

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use loads_broker::RESULT_FILE;
use loads_wire::RunResult;
use loads_wire::plan::OnAgentLoss;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::page::Page;
use super::{Job, Running, remote};
use crate::agent::available_cores;
use crate::exit::Exit;

/// Rest before a process is started again, so that one that dies at once does not keep the machine busy.
const REST: Duration = Duration::from_millis(200);
/// Starts of one agent, at most.
const MOST_STARTS: u32 = 10;
/// What agents get to leave after the broker has.
const LEAVE: Duration = Duration::from_secs(5);
/// An agent's exit code for a test that can not run: starting it again can not help.
const CONFIGURATION: i32 = 2;

/// Starts the processes and watches over them.
pub fn start(job: Job) -> Result<Running, Exit> {
    let plan_file = job.state_dir.join("plan.json");
    let text = serde_json::to_vec_pretty(&job.plan).map_err(|e| Exit::error(e.to_string()))?;
    std::fs::write(&plan_file, text)
        .map_err(|e| Exit::error(format!("{} can not be written: {e}", plan_file.display())))?;
    let program = std::env::current_exe()
        .map_err(|e| Exit::error(format!("this program's own file can not be found: {e}")))?;
    let family = Family { program, job: Arc::new(job) };
    let (live, stop) = remote::follow(family.job.plan.run_id.clone(), &family.endpoint("c"))?;
    let mut agents = JoinSet::new();
    for index in 0..family.job.plan.agents {
        agents.spawn(family.clone().tend_agent(index));
    }
    let finished = tokio::spawn(async move {
        let result = family.tend_broker().await;
        let left = async { while agents.join_next().await.is_some() {} };
        let _ = timeout(LEAVE, left).await;
        result
    });
    Ok(Running { live, stop, finished })
}

#[derive(Clone)]
struct Family {
    program: PathBuf,
    job: Arc<Job>,
}

impl Family {
    fn endpoint(&self, name: &str) -> String {
        format!("ipc://{}", self.job.state_dir.join(name).display())
    }

    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(&self.program);
        // Its own group: Ctrl-C is ours to translate.
        command.arg(role).process_group(0).kill_on_drop(true);
        for (flag, name) in [("--control", "c"), ("--results", "r")] {
            command.args([flag, &self.endpoint(name)]);
        }
        command
    }

    async fn tend_broker(&self) -> Result<RunResult, Exit> {
        let state = self.job.state_dir.join("broker");
        loop {
            let mut command = self.command("broker");
            command.arg("--plan").arg(self.job.state_dir.join("plan.json"));
            command.arg("--state-dir").arg(&state).args(["--publish", &self.endpoint("p")]);
            command.args(["--start-lead", "150"]);
            if let Some(Page::Broker(address)) = &self.job.page {
                command.args(["--http", &address.to_string()]);
            }
            let status = wait(spawn(command, "broker")?, "broker").await?;
            if status.code().is_some() {
                return read_result(&state.join(RESULT_FILE), status);
            }
            tracing::warn!(%status, "the broker died and is started again");
            sleep(REST).await;
        }
    }

    async fn tend_agent(self, index: u32) {
        let mut recover_only = false;
        for _ in 0..MOST_STARTS {
            let status = match spawn(self.agent(index, recover_only), "agent") {
                Ok(child) => wait(child, "agent").await,
                Err(exit) => Err(exit),
            };
            match status {
                Ok(status) if status.success() || status.code() == Some(CONFIGURATION) => return,
                Ok(status) => tracing::warn!(index, %status, "an agent died and is started again"),
                Err(exit) => {
                    exit.report();
                    return;
                }
            }
            recover_only = self.job.plan.on_agent_loss != OnAgentLoss::Replace;
            sleep(REST).await;
        }
    }

    fn agent(&self, index: u32, recover_only: bool) -> Command {
        let (job, mut command) = (&self.job, self.command("agent"));
        command.args(["--run", &job.plan.run_id, "--index", &index.to_string()]);
        command.arg("--state-dir").arg(job.state_dir.join(format!("agent-{index}")));
        command.arg("--work-dir").arg(&job.stage.work_dir).arg("--python").arg(&job.stage.python);
        for path in &job.stage.python_path {
            command.arg("--python-path").arg(path);
        }
        let cores = (available_cores() / job.plan.agents).max(1);
        command.args(["--cores", &cores.to_string()]);
        if recover_only {
            command.arg("--recover-only");
        }
        command
    }
}

fn spawn(mut command: Command, role: &str) -> Result<Child, Exit> {
    command.spawn().map_err(|e| Exit::error(format!("a {role} process can not be started: {e}")))
}

async fn wait(mut child: Child, role: &str) -> Result<ExitStatus, Exit> {
    child.wait().await.map_err(|e| Exit::error(format!("a {role} process can not be watched: {e}")))
}

fn read_result(path: &Path, status: ExitStatus) -> Result<RunResult, Exit> {
    let text = std::fs::read(path).map_err(|_| {
        Exit::error(format!("the broker ended ({status}) without a result; its message is above"))
    })?;
    serde_json::from_slice(&text).map_err(|e| Exit::error(format!("{} can not be read: {e}", path.display())))
}
