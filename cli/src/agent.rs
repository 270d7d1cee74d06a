//! `loads agent`: one agent process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use loads_agent::agent::{AgentConfig, Error, Outcome, run};
use loads_agent::bundle::Mounted;
use loads_transport::ClientTls;
use loads_wire::control::BROKER_NAME;
use loads_wire::message::StopMode;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::signals::stop_orders;

/// Exit code after SIGTERM: not 0, which would tell a Job that this index is complete.
const TERMINATED: u8 = 143;

/// Whose agent this is, and where its broker is: `loads agent` and `loads keeper`.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Run id.
    #[arg(long, env = "LOADS_RUN_ID")]
    run: String,
    /// This agent's number, 0-based.
    #[arg(long, env = "JOB_COMPLETION_INDEX")]
    index: u32,
    /// Endpoint of the broker's control socket, e.g. tcp://127.0.0.1:7780; a name is looked up for every
    /// connection.
    #[arg(long, env = "LOADS_CONTROL")]
    control: String,
    /// Endpoint of the broker's results socket.
    #[arg(long, env = "LOADS_RESULTS")]
    results: String,
    /// Folder with ca.crt, tls.crt and tls.key of the run, for mutual TLS with the broker; default: none.
    #[arg(long, env = "LOADS_TLS_DIR")]
    tls_dir: Option<PathBuf>,
    /// Folder for the spools of this agent index; kept between its processes.
    #[arg(long, env = "LOADS_STATE_DIR")]
    state_dir: PathBuf,
    /// Seconds from SIGTERM to the exit, at most; must be less than what the supervisor waits before SIGKILL.
    #[arg(long, env = "LOADS_GRACE", default_value_t = AgentConfig::GRACE.as_secs())]
    grace: u64,
}

/// Options of `loads agent`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Working directory of the test; with --bundle-dir, where the test dir is made.
    #[arg(long, env = "LOADS_WORK_DIR", default_value = ".")]
    work_dir: PathBuf,
    /// Folder where the bundle's ConfigMaps are mounted (docs/bundles.md); default: the test is in --work-dir.
    #[arg(long, env = "LOADS_BUNDLE_DIR")]
    bundle_dir: Option<PathBuf>,
    /// Folder that the bundle's python deps are installed into; default: .deps in --work-dir.
    #[arg(long, env = "LOADS_DEPS_DIR", requires = "bundle_dir")]
    deps_dir: Option<PathBuf>,
    /// Index that pip installs the bundle's python deps from; default: pip's own configuration (PIP_INDEX_URL).
    #[arg(long, env = "LOADS_PIP_INDEX", requires = "bundle_dir")]
    pip_index: Option<String>,
    /// Python interpreter that has the test's dependencies.
    #[arg(long, env = "LOADS_PYTHON", default_value = "python3")]
    python: PathBuf,
    /// Folder for Python's path; may be given several times.
    #[arg(long, env = "LOADS_PYTHON_PATH", value_delimiter = ':')]
    python_path: Vec<PathBuf>,
    /// CPU cores that the load may use; default: all.
    #[arg(long, env = "LOADS_CORES")]
    cores: Option<u32>,
    /// Seconds to look for the broker at first.
    #[arg(long, env = "LOADS_FIND_BROKER", default_value_t = AgentConfig::FIND_BROKER.as_secs())]
    find_broker: u64,
    /// Send no load: deliver what former processes of this index left behind.
    #[arg(long)]
    recover_only: bool,
}

impl Place {
    /// A process of this agent that sends no load, unless more is said.
    pub fn config(self) -> Result<AgentConfig, Exit> {
        let tls = self.tls_dir.as_deref().map(client_tls).transpose()?;
        Ok(AgentConfig {
            run: self.run,
            index: self.index,
            control: self.control,
            results: self.results,
            state_dir: self.state_dir,
            work_dir: PathBuf::from("."),
            python: PathBuf::from("python3"),
            python_path: Vec::new(),
            cores: 1,
            reports_cpu: true,
            recover_only: true,
            bundle: None,
            tls,
            find_broker: AgentConfig::FIND_BROKER,
            grace: Duration::from_secs(self.grace),
        })
    }
}

fn client_tls(dir: &Path) -> Result<ClientTls, Exit> {
    ClientTls::from_dir(dir, BROKER_NAME).map_err(|e| Exit::usage(e.to_string()))
}

/// Lives an agent's life and exits as Kubernetes Jobs need it: 0 only after the broker's bye, 143 whenever a
/// signal told it to go.
pub async fn agent(args: Args) -> Result<(), Exit> {
    let stop = stop_orders()?;
    let told = stop.clone();
    let (deps_dir, pip_index) = (args.deps_dir, args.pip_index);
    let deps_dir = deps_dir.unwrap_or_else(|| args.work_dir.join(".deps"));
    let config = AgentConfig {
        bundle: args.bundle_dir.map(|dir| Mounted { dir, deps_dir, pip_index }),
        work_dir: args.work_dir,
        python: args.python,
        python_path: args.python_path,
        cores: args.cores.unwrap_or_else(available_cores),
        recover_only: args.recover_only,
        find_broker: Duration::from_secs(args.find_broker),
        ..args.place.config()?
    };
    tokio::spawn(leave_in_time(told.clone(), config.grace));
    let ended = conclude(run(config, stop).await);
    if told.borrow().is_none() {
        return ended;
    }
    if let Err(exit) = ended {
        exit.report();
    }
    Err(Exit::silent(TERMINATED))
}

/// What hangs at the end of the grace time is left behind: the spool has what is counted.
async fn leave_in_time(mut told: watch::Receiver<Option<StopMode>>, grace: Duration) {
    if told.wait_for(Option::is_some).await.is_ok() {
        tokio::time::sleep(grace).await;
        tracing::error!("the grace time is over: leaving what is not done yet");
        std::process::exit(i32::from(TERMINATED));
    }
}

/// What an agent's end means for whoever started it.
pub fn conclude(ended: Result<Outcome, Error>) -> Result<(), Exit> {
    match ended {
        Ok(Outcome::Delivered | Outcome::Left) => Ok(()),
        Ok(Outcome::BrokerLost) => {
            Err(Exit::error("the broker was lost; what it has not got is in the state folder's spool"))
        }
        Ok(Outcome::Refused { reason, .. }) => {
            Err(Exit::error(format!("the broker sent this agent away: {reason}")))
        }
        Err(error) if error.is_configuration() => Err(Exit::usage(error.to_string())),
        Err(error) => Err(Exit::error(error.to_string())),
    }
}

/// Cores of this machine that the process may use, at least 1.
pub fn available_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}
