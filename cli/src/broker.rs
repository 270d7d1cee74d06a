//! `loads broker`: one run's broker as a process of its own.

use std::path::PathBuf;
use std::time::Duration;

use loads_broker::{ServeConfig, serve};

use crate::exit::Exit;

/// Options of `loads broker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's plan as JSON.
    #[arg(long)]
    plan: PathBuf,
    /// Folder for the store and the result; a broker started again on it continues the run.
    #[arg(long)]
    state_dir: PathBuf,
    /// Endpoint of the control socket, e.g. tcp://127.0.0.1:7780.
    #[arg(long)]
    control: String,
    /// Endpoint of the results socket.
    #[arg(long)]
    results: String,
    /// Endpoint of the live stream.
    #[arg(long)]
    publish: String,
    /// Milliseconds between the order to begin and the beginning.
    #[arg(long, default_value_t = 300)]
    start_lead: u64,
}

/// Serves until the run is over and stored.
pub async fn broker(args: Args) -> Result<(), Exit> {
    let config = ServeConfig {
        plan: args.plan,
        state_dir: args.state_dir,
        control: args.control,
        results: args.results,
        publish: args.publish,
        start_lead: Duration::from_millis(args.start_lead),
    };
    serve(config).await.map(|_| ()).map_err(|e| Exit::error(e.to_string()))
}
