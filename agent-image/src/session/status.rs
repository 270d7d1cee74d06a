//! Where the agent is, shared between life cycle (writes) and session (tells the broker).

use std::sync::{Arc, Mutex, PoisonError};

use loads_wire::message::AgentState;
use nix::sys::resource::{Usage, UsageWho, getrusage};

use super::Pauses;

/// A snapshot for heartbeats and registrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Life cycle.
    pub state: AgentState,
    /// Current step.
    pub step: u16,
    /// Users active.
    pub users: u32,
    /// How far from T the load began, microseconds.
    pub start_skew_micros: Option<i64>,
    /// Pauses of the load.
    pub pauses: Pauses,
}

/// Shared handle.
#[derive(Debug, Clone)]
pub struct Status(Arc<Mutex<Snapshot>>);

impl Status {
    /// A preparing agent.
    pub fn new() -> Self {
        let (state, pauses) = (AgentState::Preparing, Pauses::default());
        Self(Arc::new(Mutex::new(Snapshot { state, step: 0, users: 0, start_skew_micros: None, pauses })))
    }

    /// Reads.
    pub fn get(&self) -> Snapshot {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::new()
    }
}

/// CPU time of this process and of its children that have ended, in milliseconds.
pub(super) fn cpu_millis() -> u64 {
    let of = |who| {
        getrusage(who).map_or(0, |usage: Usage| {
            let (user, system) = (usage.user_time(), usage.system_time());
            let millis = |t: nix::sys::time::TimeVal| t.tv_sec() as u64 * 1000 + t.tv_usec() as u64 / 1000;
            millis(user) + millis(system)
        })
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}
