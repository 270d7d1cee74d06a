//! `loads keeper`: stands by next to an agent, in a native sidecar.

use loads_agent::keeper::{Kept, keep};
use tokio::signal::unix::{SignalKind, signal};

use crate::agent::{Place, conclude};
use crate::exit::Exit;

/// Options of `loads keeper`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

/// Waits for SIGTERM, which comes when the agent's container is gone, and delivers what is left.
pub async fn keeper(args: Args) -> Result<(), Exit> {
    let refuse = |error| Exit::error(format!("signals can not be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(refuse)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refuse)?;
    let config = args.place.config()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    match keep(config).await {
        Ok(Kept::Nothing) => Ok(()),
        Ok(Kept::AgentAlive) => {
            Err(Exit::error("the agent is still alive: what it counted is its own to deliver"))
        }
        Ok(Kept::Delivered(outcome)) => conclude(Ok(outcome)),
        Err(error) => conclude(Err(error)),
    }
}
