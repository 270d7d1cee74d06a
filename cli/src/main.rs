//! `loads`: run load tests on this machine, and the programs that runs are made of.

mod agent;
mod broker;
mod bundle;
mod cluster;
mod compare;
mod demo_server;
mod exit;
mod invocation;
mod keeper;
mod lint;
mod python_env;
mod report;
mod run;
mod signals;
mod source;
mod summary;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use exit::Exit;
use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

/// Load tests as Python functional tests, HTTP scenarios, or runners in any language; on this machine or on
/// a Kubernetes cluster, from the same file.
///
/// Exit codes: 0 passed, 99 tests or criteria failed, 1 error, 2 usage or bad input, 105 stopped.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a load test on this machine.
    Run(Box<run::Args>),
    /// Make a report of a run's results: a page that works offline, CSV, or JUnit for CI.
    Report(report::Args),
    /// Check LoadTest files as the API server would, without one.
    Lint(lint::Args),
    /// Pack files into ConfigMaps that a LoadTest can include, for `kubectl apply --server-side -f -`.
    Bundle(bundle::Args),
    /// Say whether a second run is worse than a first one.
    Compare(compare::Args),
    /// Open the live page of a run in a cluster.
    Page(cluster::page::Args),
    /// Wait for a run in a cluster, and end as its verdict says.
    Wait(cluster::wait::Args),
    /// Serve a target to try things on.
    DemoServer(demo_server::Args),
    /// Serve as the broker of one run (started by `loads run --processes` and by the operator).
    Broker(broker::Args),
    /// Serve as one agent of a run (started by `loads run --processes` and by the operator).
    Agent(agent::Args),
    /// Stand by next to an agent, and deliver what it leaves when it is killed (started by the operator).
    Keeper(keeper::Args),
    /// Keep an agent's runners (started by `loads agent`).
    #[command(hide = true)]
    KeepRunners,
}

fn main() -> ExitCode {
    let cli = parse();
    init_log();
    loads_transport::raise_open_files();
    let mut builder = match cli.command {
        // It stands by next to every agent of a cluster and does nothing but wait: one thread is enough.
        Command::Keeper(_) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::error(format!("the runtime can not start: {error}")).report(),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run::run(*args).await,
            Command::Report(args) => report::report(&args).await,
            Command::Lint(args) => lint::lint(&args),
            Command::Bundle(args) => bundle::bundle(&args),
            Command::Compare(args) => compare::compare(args).await,
            Command::Page(args) => cluster::page::page(args).await,
            Command::Wait(args) => cluster::wait::wait(args).await,
            Command::DemoServer(args) => serve_demo(&args).await,
            Command::Broker(args) => broker::broker(args).await,
            Command::Agent(args) => agent::agent(args).await,
            Command::Keeper(args) => keeper::keeper(args).await,
            Command::KeepRunners => loads_agent::executors::external::keep_runners()
                .await
                .map_err(|error| Exit::error(error.to_string())),
        }
    });
    // Tasks that still block (a runner that ignores everything) must not hold the exit code back.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    outcome.map_or_else(Exit::report, |()| ExitCode::SUCCESS)
}

/// Help and errors show the name by which the program was called.
fn parse() -> Cli {
    let matches = Cli::command().bin_name(invocation::name()).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Logs go to standard error; `LOADS_LOG` chooses what (default: warnings, but not those of the ZeroMQ crate,
/// which complains of sockets that are gone as they should be).
fn init_log() {
    let filter = EnvFilter::try_from_env("LOADS_LOG").unwrap_or_else(|_| EnvFilter::new("warn,zeromq=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

async fn serve_demo(args: &demo_server::Args) -> Result<(), Exit> {
    let mut orders = signals::stop_orders()?;
    let refuse = |e: demo_server::Error| Exit::error(e.to_string());
    let listener = demo_server::bind(args).await.map_err(refuse)?;
    let stopped = async {
        // An error means that no signal can come any more; serving goes on.
        if orders.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    demo_server::serve(listener, args, stopped).await.map_err(refuse)
}
