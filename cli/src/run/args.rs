//! The command line of `loads run`.

use std::path::PathBuf;

use super::page;

/// Options of `loads run`; those that a LoadTest has too go over the file's.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// A LoadTest file (`-` reads standard input), or the fully qualified name of a Python test such as
    /// `example.TestWebSite.test_something`.
    #[arg(value_name = "FILE|FQN")]
    pub target: String,

    /// Users at once; a colon list makes one step after the other: 10:20:30.
    #[arg(short, long, value_name = "N[:N…]")]
    pub users: Option<String>,
    /// Test executions for each user and step; a colon list multiplies the steps.
    #[arg(long, value_name = "N[:N…]", conflicts_with = "duration")]
    pub hits: Option<String>,
    /// Length of each step: seconds, or 1h30m20s.
    #[arg(short, long, value_name = "TIME")]
    pub duration: Option<String>,
    /// Agents; each runs all users.
    #[arg(short, long, value_name = "N")]
    pub agents: Option<u32>,
    /// Arrivals per second over all agents, instead of users that loop.
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,
    /// Time over which users (or the rate) grow in each step.
    #[arg(long, value_name = "TIME")]
    pub ramp_up: Option<String>,
    /// Root URL of the system under test.
    #[arg(long, value_name = "URL")]
    pub server_url: Option<String>,

    /// Working directory of the test, made with its parents.
    #[arg(long, value_name = "DIR")]
    pub test_dir: Option<PathBuf>,
    /// Copy these files (glob) or folders into the test dir; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub include_file: Vec<String>,
    /// Python requirement of the test; may be given several times.
    #[arg(long, value_name = "REQUIREMENT")]
    pub python_dep: Vec<String>,
    /// Do not let gevent patch the standard library.
    #[arg(long)]
    pub no_patching: bool,

    /// Write the results as JSON (docs/results.md).
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// Serve the live page of the run, at this address or at any free port of this machine; the URL is said on
    /// standard error.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true,
          default_missing_value = page::ADDRESS)]
    pub page: Option<String>,
    /// Broker and agents as processes of their own.
    #[arg(long)]
    pub processes: bool,
    /// Keep the run's state (store, spools, logs) in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Start `loads demo-server` at the LoadTest's server URL for the time of the run.
    #[arg(long)]
    pub demo_server: bool,
    /// No progress on standard error.
    #[arg(short, long)]
    pub quiet: bool,
}
