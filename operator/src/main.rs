//! `loads-operator`: runs LoadTests on Kubernetes, and prints what the cluster needs to know about them.
//!
//! What happens to a LoadTest: `controller::reconcile` looks (`dereference`), judges (`validate`,
//! `lifecycle`), builds (`build`), makes (`apply`), and says so (`status`). `broker` talks to running
//! brokers, `diagnose` finds out why pods do not come.
#![forbid(unsafe_code)]

mod apply;
mod broker;
mod build;
mod bundle;
mod certificates;
mod children;
mod config;
mod controller;
mod dereference;
mod diagnose;
mod identity;
mod leader;
mod lifecycle;
mod names;
mod problem;
mod run;
mod status;
mod telemetry;
#[cfg(test)]
mod tests;
mod validate;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "loads-operator", version, about = "Runs LoadTests on Kubernetes")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator.
    Run(Box<config::Config>),
    /// Print the CustomResourceDefinition of LoadTests as YAML.
    Crd {
        /// Print its reference as Markdown instead.
        #[arg(long)]
        docs: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(config) => start(*config),
        Command::Crd { docs } => print_crd(docs),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loads-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(config: config::Config) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("the runtime can not start: {e}"))?;
    runtime.block_on(run::run(config))
}

fn print_crd(docs: bool) -> Result<(), String> {
    let text = if docs { loads_api::crd_docs::markdown() } else { loads_api::crd::yaml() };
    let text = text.map_err(|e| e.to_string())?;
    std::io::stdout().write_all(text.as_bytes()).map_err(|e| e.to_string())
}
