//! The agent's side of the conversation with the broker.
//!
//! One task owns both connections, the spools and the heartbeat, so that neither load nor the life cycle
//! ever waits for the broker. The life cycle hears [`Event`]s and says [`Command`]s.

mod clock_offset;
mod delivery;
mod link;
mod status;

pub use delivery::Delivery;
pub use link::Session;
pub use status::Status;

use loads_wire::Plan;
use loads_wire::message::StopMode;

/// Who this agent is and where its broker listens.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Run id.
    pub run: String,
    /// This agent's number.
    pub index: u32,
    /// This process' epoch.
    pub epoch: u64,
    /// Endpoint of the broker's control socket.
    pub control: String,
    /// Endpoint of the broker's results socket.
    pub results: String,
    /// Cores that the load may use.
    pub cores: u32,
    /// Whether heartbeats report this process' CPU time: one agent of a process does.
    pub reports_cpu: bool,
}

/// What the life cycle is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The broker took this agent in.
    Welcome {
        /// What to do.
        plan: Box<Plan>,
        /// Executions of each step that are left for a replacement; empty for a first process.
        remaining: Vec<u64>,
        /// Step that the run is in.
        step: Option<u16>,
    },
    /// T, on this agent's clock.
    Start(u64),
    /// The barrier is passed: this step begins at this instant of this agent's clock.
    StepStart(u16, u64),
    /// End the load.
    Stop(StopMode),
    /// This process must not go on.
    Refused {
        /// Why.
        reason: String,
        /// Whether a newer process of this index took over.
        superseded: bool,
    },
    /// Everything is delivered and stored: leave.
    Bye,
    /// The broker was silent for longer than it may be, for this many seconds.
    Silent(u64),
}

/// What the life cycle says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The executor is prepared.
    Prepared,
    /// The executor can not be prepared.
    PrepareFailed(String),
    /// The step's windows are in the spool.
    StepDone(u16),
    /// There will be no further window.
    Done,
}
