//! When each step of an agent begins and ends: pure.

use loads_wire::Plan;
use loads_wire::plan::Length;

use super::inbox::Welcome;
use crate::clock::SECOND;
use crate::executor::StepOrder;
use crate::session::Pauses;

/// How to come by the order for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Begin by this order.
    Go(StepOrder),
    /// Its time is over (this process joined later).
    Missed,
    /// The broker's word for this step is needed first.
    Wait,
}

/// What this process did of a step before a pause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stint {
    /// Length of all pauses before this process first began the step.
    pub paused_before: u64,
    /// Executions begun.
    pub started: u64,
}

/// A step that went on for no longer than this before a pause begins anew; one that went on for longer goes
/// on where it was, as executors make up for nothing that was due this long ago.
const BARELY_BEGUN: u64 = SECOND;

/// The step's turn, given T, the barrier's word for it, the pauses so far, what was done of it before the
/// last one, and the time now.
pub fn turn(
    welcome: &Welcome,
    step: u16,
    (run_start, barrier): (u64, Option<u64>),
    pauses: &Pauses,
    before: Option<Stint>,
    now: u64,
) -> Turn {
    let plan = &welcome.plan;
    let Some(this) = plan.steps.get(usize::from(step)) else { return Turn::Missed };
    let executions = executions(welcome, step, this.length, before);
    let order = |start: u64, end| {
        let (users, length) = (this.users, this.length);
        let barely_begun = pauses.resumed_at > start && pauses.resumed_at - start <= BARELY_BEGUN;
        let start = if barely_begun { pauses.resumed_at } else { start };
        Turn::Go(StepOrder { step, users, length, run_start, start, end, executions })
    };
    let moved = pauses.nanos.saturating_sub(before.map_or(pauses.nanos, |stint| stint.paused_before));
    match this.length {
        Length::Seconds(seconds) => {
            let start = run_start + seconds_before(plan, step) * SECOND + pauses.nanos;
            let end = start + u64::from(seconds) * SECOND;
            if now >= end { Turn::Missed } else { order(start, Some(end)) }
        }
        Length::Hits(_) if executions == Some(0) => Turn::Missed,
        // A later process of this index has no need of the barrier for the step that the run is in.
        Length::Hits(_) if step == 0 || welcome.step == Some(step) => {
            order(barrier.unwrap_or(run_start).max(run_start) + moved, None)
        }
        Length::Hits(_) => barrier.map_or(Turn::Wait, |at| order(at + moved, None)),
    }
}

/// Executions that are left, where they are not simply the step's.
fn executions(welcome: &Welcome, step: u16, length: Length, before: Option<Stint>) -> Option<u64> {
    let handed = welcome.remaining.get(usize::from(step)).copied();
    let (Some(stint), Length::Hits(hits)) = (before, length) else { return handed };
    let users = welcome.plan.steps.get(usize::from(step)).map_or(0, |s| u64::from(s.users));
    Some(handed.unwrap_or(users * u64::from(hits)).saturating_sub(stint.started))
}

fn seconds_before(plan: &Plan, step: u16) -> u64 {
    let before = plan.steps.iter().take(usize::from(step));
    before.map(|s| if let Length::Seconds(seconds) = s.length { u64::from(seconds) } else { 0 }).sum()
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
