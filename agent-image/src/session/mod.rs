//! The agent's side of the conversation with the broker.
//!
//! One task owns both connections, the spools and the heartbeat, so that neither load nor the life cycle
//! ever waits for the broker. The life cycle hears [`Event`]s and says [`Command`]s.

mod clock_offset;
mod delivery;
mod link;
mod parting;
mod pauses;
mod status;

pub use delivery::Delivery;
pub use link::Session;
pub use pauses::Pauses;
pub use status::Status;

use loads_transport::ClientTls;
use loads_wire::Plan;
use loads_wire::message::{Problem, StopMode};

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
    /// How the broker is reached over a network.
    pub tls: Option<ClientTls>,
    /// Delivers what others left: goes on delivering when a newer process of the index takes over.
    pub recover_only: bool,
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
        /// Whether the load is paused now.
        paused: bool,
        /// Length of all pauses so far.
        paused_nanos: u64,
    },
    /// T, on this agent's clock.
    Start(u64),
    /// The barrier is passed: this step begins at this instant of this agent's clock.
    StepStart(u16, u64),
    /// No new load for now.
    Pause,
    /// Load goes on at this instant of this agent's clock.
    Resume {
        /// When.
        at: u64,
        /// Length of all pauses up to then.
        paused_nanos: u64,
    },
    /// End the load.
    Stop(StopMode),
    /// This process must not go on.
    Refused {
        /// Why.
        reason: String,
        /// Whether a newer process of this index took over.
        superseded: bool,
    },
    /// The broker has heard [`Command::Done`] and committed everything, though the run may go on.
    Settled,
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
    PrepareFailed(Problem, String),
    /// The step's windows are in the spool.
    StepDone(u16),
    /// There will be no further window.
    Done {
        /// Whether this process goes although its share may not be done.
        leaving: bool,
    },
}
