//! What stands by while an agent works, in case that is killed without a word: it delivers what the agent
//! had counted and not delivered.

use std::time::Duration;

use loads_wire::message::StopMode;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::agent::{self, AgentConfig, Error, Outcome};
use crate::spool;

/// How often it looks whether the agent is gone.
const LOOK: Duration = Duration::from_millis(50);

/// What there was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The agent delivered everything itself, or had nothing.
    Nothing,
    /// The agent is still there: what it has is its own matter.
    AgentAlive,
    /// There was something, and this came of it.
    Delivered(Outcome),
}

/// Delivers what is left in the agent's folder, within `config.grace`. To be called when the agent is gone,
/// or about to be.
pub async fn keep(config: AgentConfig) -> Result<Kept, Error> {
    let began = Instant::now();
    let state = |source| Error::State { path: config.state_dir.clone(), source };
    while spool::claim(&config.state_dir).map_err(state)?.is_none() {
        if began.elapsed() >= config.grace {
            return Ok(Kept::AgentAlive);
        }
        sleep(LOOK).await;
    }
    let formers = spool::recover(&config.state_dir).map_err(state)?;
    let missing = |former: &spool::Former| {
        former.spool.last_seq() > 0 && !spool::is_delivered(&config.state_dir, former.epoch)
    };
    if !formers.iter().any(missing) {
        return Ok(Kept::Nothing);
    }
    drop(formers);
    // Told to go from the beginning: it leaves as soon as the broker has everything.
    let (_told, stop) = told_to_go();
    let grace = config.grace.saturating_sub(began.elapsed());
    let config = AgentConfig { recover_only: true, grace, ..config };
    agent::run(config, stop).await.map(Kept::Delivered)
}

fn told_to_go() -> (watch::Sender<Option<StopMode>>, watch::Receiver<Option<StopMode>>) {
    let (told, stop) = watch::channel(None);
    told.send_replace(Some(StopMode::Drain));
    (told, stop)
}
