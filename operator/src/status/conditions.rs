//! The eight conditions in every situation: the truth table of docs/conditions.md. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use loads_api::conditions::{
    ACCEPTED, AGENTS_READY, Condition, ConditionStatus, FINISHED, READY, RECONCILING, RUNNING, STALLED,
    SUCCEEDED, reason,
};

use crate::lifecycle::End;
use crate::problem::Problem;

use ConditionStatus::{False, True, Unknown};

/// Where a LoadTest is, as people see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Situation {
    /// Something of the LoadTest or its bundle stands in the way; nothing was made.
    Refused(Problem),
    /// `suspend` holds it before anything was made.
    Held,
    /// Agents are missing, for this reason if one is known.
    Waiting {
        /// Ready to start.
        ready: u32,
        /// Asked for.
        wanted: u32,
        /// Why not all.
        why: Option<Problem>,
    },
    /// Load is on.
    Running {
        /// 1-based.
        step: u32,
        /// Of all.
        steps: u32,
    },
    /// `suspend` pauses the run.
    Suspended,
    /// What is in flight finishes.
    Draining,
    /// It is over.
    Over(End),
}

type Row = (&'static str, ConditionStatus, &'static str, String);

/// All conditions; a transition time is new only where the status is.
pub fn conditions(
    situation: &Situation,
    generation: Option<i64>,
    old: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let made = |(type_, status, reason, message): Row| {
        let before = old.iter().find(|c| c.type_ == type_ && c.status == status);
        Condition {
            type_: type_.to_owned(),
            status,
            observed_generation: generation,
            last_transition_time: before.map_or(Time(now), |c| c.last_transition_time.clone()),
            reason: reason.to_owned(),
            message,
        }
    };
    rows(situation).into_iter().map(made).collect()
}

fn rows(situation: &Situation) -> Vec<Row> {
    match situation {
        Situation::Refused(problem) => refused(problem),
        Situation::Over(end) => over(end),
        active => on(active),
    }
}

/// The run is on its way, or held: accepted, and without a verdict.
fn on(situation: &Situation) -> Vec<Row> {
    let (agents, running, summary) = match situation {
        Situation::Waiting { ready, wanted, why } => {
            let (reason, message) = waiting(*ready, *wanted, why.as_ref());
            let not_yet = "The load begins when enough agents are ready.".to_owned();
            ((False, reason, message.clone()), (False, reason::AGENTS_PENDING, not_yet), (reason, message))
        }
        Situation::Running { step, steps } => {
            let message = format!("Step {step} of {steps} is on.");
            let agents = (True, reason::AGENTS_READY, "Enough agents are at work.".to_owned());
            (agents, (True, reason::RUNNING, message.clone()), (reason::RUNNING, message))
        }
        Situation::Draining => {
            let message = "Requests in flight finish, and the last figures come in.".to_owned();
            let agents = (True, reason::AGENTS_READY, "Agents are delivering their figures.".to_owned());
            (agents, (False, reason::DRAINING, message.clone()), (reason::DRAINING, message))
        }
        _ => {
            let message = "`suspend` is true: set it to false to go on.".to_owned();
            let row = (False, reason::SUSPENDED, message.clone());
            (row.clone(), row, (reason::SUSPENDED, message))
        }
    };
    let verdict = "There is no verdict before the end.".to_owned();
    vec![
        (ACCEPTED, True, reason::ACCEPTED, "The LoadTest can be run.".to_owned()),
        (AGENTS_READY, agents.0, agents.1, agents.2),
        (RUNNING, running.0, running.1, running.2),
        (SUCCEEDED, Unknown, summary.0, verdict.clone()),
        (FINISHED, False, summary.0, summary.1.clone()),
        (READY, False, summary.0, summary.1.clone()),
        (RECONCILING, True, summary.0, summary.1),
        (STALLED, False, summary.0, "The run is under way.".to_owned()),
    ]
}

fn waiting(ready: u32, wanted: u32, why: Option<&Problem>) -> (&'static str, String) {
    let count = format!("{ready} of {wanted} agents are ready.");
    match why {
        Some(problem) => (problem.reason, format!("{count} {}", problem.message)),
        None => (reason::AGENTS_PENDING, count),
    }
}

fn refused(problem: &Problem) -> Vec<Row> {
    let Problem { reason, message, .. } = problem;
    let idle = || "Nothing was made for this LoadTest.".to_owned();
    vec![
        (ACCEPTED, False, reason, message.clone()),
        (AGENTS_READY, Unknown, reason, idle()),
        (RUNNING, False, reason, idle()),
        (SUCCEEDED, Unknown, reason, "There is no verdict before the end.".to_owned()),
        (FINISHED, False, reason, message.clone()),
        (READY, False, reason, message.clone()),
        (RECONCILING, False, reason, "Waiting for the problem to be mended.".to_owned()),
        (STALLED, True, reason, message.clone()),
    ]
}

fn over(end: &End) -> Vec<Row> {
    let End { reason, message, passed } = end;
    let verdict = if *passed { True } else { False };
    let opposite = if *passed { False } else { True };
    let finished = || "The run is over.".to_owned();
    vec![
        (ACCEPTED, True, reason::ACCEPTED, "The LoadTest was run.".to_owned()),
        (AGENTS_READY, False, reason::FINISHED, finished()),
        (RUNNING, False, reason::FINISHED, finished()),
        (SUCCEEDED, verdict, reason, message.clone()),
        (FINISHED, True, reason, message.clone()),
        (READY, verdict, reason, message.clone()),
        (RECONCILING, False, reason::FINISHED, finished()),
        (STALLED, opposite, reason, message.clone()),
    ]
}
