//! `loads-operator`: for now it prints what the cluster needs to know about LoadTests.

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
    /// Print the CustomResourceDefinition of LoadTests as YAML.
    Crd {
        /// Print its reference as Markdown instead.
        #[arg(long)]
        docs: bool,
    },
}

fn main() -> ExitCode {
    let Command::Crd { docs } = Arguments::parse().command;
    let text = if docs { loads_api::crd_docs::markdown() } else { loads_api::crd::yaml() };
    let print = |text: String| Ok(std::io::stdout().write_all(text.as_bytes())?);
    match text.and_then(print) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loads-operator: {error}");
            ExitCode::FAILURE
        }
    }
}
