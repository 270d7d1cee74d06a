//! `loads agent`: one agent process.

use std::path::PathBuf;

use loads_agent::agent::{AgentConfig, Error, Outcome, run};
use loads_agent::executor::Error as ExecutorError;

use crate::exit::Exit;
use crate::signals::stop_orders;

/// Exit code after SIGTERM: not 0, which would tell a Job that this index is complete.
const TERMINATED: u8 = 143;

/// Options of `loads agent`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id.
    #[arg(long, env = "LOADS_RUN_ID")]
    run: String,
    /// This agent's number, 0-based.
    #[arg(long, env = "JOB_COMPLETION_INDEX")]
    index: u32,
    /// Endpoint of the broker's control socket, e.g. tcp://127.0.0.1:7780.
    #[arg(long)]
    control: String,
    /// Endpoint of the broker's results socket.
    #[arg(long)]
    results: String,
    /// Folder for the spools of this agent index; kept between its processes.
    #[arg(long)]
    state_dir: PathBuf,
    /// Working directory of the test.
    #[arg(long, default_value = ".")]
    work_dir: PathBuf,
    /// Python interpreter that has the test's dependencies.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Folder for Python's path; may be given several times.
    #[arg(long)]
    python_path: Vec<PathBuf>,
    /// CPU cores that the load may use; default: all.
    #[arg(long)]
    cores: Option<u32>,
    /// Send no load: deliver what former processes of this index left behind.
    #[arg(long)]
    recover_only: bool,
}

/// Lives an agent's life and exits as Kubernetes Jobs need it: 0 only after the broker's bye.
pub async fn agent(args: Args) -> Result<(), Exit> {
    let stop = stop_orders()?;
    let terminated = stop.clone();
    let config = AgentConfig {
        run: args.run,
        index: args.index,
        control: args.control,
        results: args.results,
        state_dir: args.state_dir,
        work_dir: args.work_dir,
        python: args.python,
        python_path: args.python_path,
        cores: args.cores.unwrap_or_else(available_cores),
        reports_cpu: true,
        keeper: keeper(),
        recover_only: args.recover_only,
    };
    match run(config, stop).await {
        Ok(Outcome::Delivered) if terminated.borrow().is_some() => Err(Exit::silent(TERMINATED)),
        Ok(Outcome::Delivered) => Ok(()),
        Ok(Outcome::BrokerLost) => {
            Err(Exit::error("the broker was lost; what it has not got is in the state folder's spool"))
        }
        Ok(Outcome::Refused { reason, .. }) => {
            Err(Exit::error(format!("the broker sent this agent away: {reason}")))
        }
        Err(error @ Error::Executor(ExecutorError::Configuration(_))) => Err(Exit::usage(error.to_string())),
        Err(error) => Err(Exit::error(error.to_string())),
    }
}

/// This program, to keep runners in a process that outlives the agent; not where the agent is the first
/// process of a container, with which all others die.
fn keeper() -> Option<PathBuf> {
    let outlives = std::process::id() != 1;
    std::env::current_exe().ok().filter(|_| outlives)
}

/// Cores of this machine that the process may use, at least 1.
pub fn available_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}
