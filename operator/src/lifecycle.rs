//! Where a LoadTest is in its life, and whether it is over: pure, from what was found.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use loads_api::LoadTest;
use loads_api::conditions::{ACCEPTED, AGENTS_READY, ConditionStatus, reason};
use loads_wire::control::Stage;
use loads_wire::result::Verdict;
use loads_wire::{Plan, RunResult};

use crate::build::deadline_seconds;
use crate::config::Config;
use crate::dereference::Found;

/// What the broker gets beyond each of its own limits before the operator ends the run in its stead.
const GRACE: SignedDuration = SignedDuration::from_secs(20);

/// Where a LoadTest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was made for it yet.
    New,
    /// `suspend` holds it before anything was made.
    Held,
    /// Its objects are to exist.
    On,
    /// Over; what was made is to go.
    Finished,
}

/// Why a run is over.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// One of `conditions::reason`.
    pub reason: &'static str,
    /// What, why, and what to do.
    pub message: String,
    /// Whether it passed.
    pub passed: bool,
}

/// Where the LoadTest is by its own word.
pub fn phase(test: &LoadTest) -> Phase {
    let begun = test.status.as_ref().is_some_and(|status| status.run_id.is_some());
    match (crate::status::is_finished(test), begun) {
        (true, _) => Phase::Finished,
        (_, true) => Phase::On,
        _ if test.spec.suspend && !test.spec.stop => Phase::Held,
        _ => Phase::New,
    }
}

/// Whether the run is over, and why. The broker's word comes first; limits of our own end what no broker
/// ends.
pub fn end(test: &LoadTest, plan: &Plan, found: &Found, config: &Config, now: Timestamp) -> Option<End> {
    if let Some(observed) = found.view.observed.as_ref().filter(|o| o.done) {
        return found.view.report.as_ref().map(|_| by_result(&observed.result));
    }
    let began = began(test)?;
    let loaded = loaded(test, found);
    let silent = found.view.silent;
    // An operator that has just begun has heard of no broker yet: that alone is no silence.
    let mute = silent.is_some() || !found.is_followed();
    if test.spec.stop && mute && !loaded {
        return Some(stopped("before any load was sent"));
    }
    let age = now.duration_since(began);
    let over = |seconds: u64, extra: SignedDuration| {
        age >= SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 2)) + extra
    };
    if mute && !loaded && !test.spec.suspend && over(plan.start_timeout_seconds.into(), GRACE) {
        return Some(never_started(test, plan, found));
    }
    let patience = u64::from(plan.broker_silence_seconds + plan.drain_seconds) + GRACE.as_secs() as u64;
    if loaded && silent.is_some_and(|silent| silent.as_secs() > patience) {
        return Some(broker_lost(test, found));
    }
    let job_over = job_ended(found.job.as_deref());
    if over(deadline_seconds(plan, config), GRACE)
        || (job_over.is_some() && silent.is_some_and(|s| s.as_secs() > patience))
    {
        let why = job_over
            .unwrap_or_else(|| format!("the run took longer than {} s", deadline_seconds(plan, config)));
        return Some(End {
            reason: reason::DEADLINE_EXCEEDED,
            message: format!("The run was ended: {why}. {}", look(test)),
            passed: false,
        });
    }
    None
}

/// Whether load was sent: by the broker's word, or by what an operator before this one wrote down.
fn loaded(test: &LoadTest, found: &Found) -> bool {
    test.status.as_ref().is_some_and(|status| status.start_time.is_some())
        || found.view.observed.as_ref().is_some_and(|o| !matches!(o.stage, Stage::Waiting))
}

/// When the run was accepted.
fn began(test: &LoadTest) -> Option<Timestamp> {
    let status = test.status.as_ref().filter(|status| status.is_true(ACCEPTED))?;
    Some(status.condition(ACCEPTED)?.last_transition_time.0)
}

/// The broker's verdict as a reason and a sentence.
fn by_result(result: &RunResult) -> End {
    let passed = result.verdict == Verdict::Passed;
    let known = |name: &str| reason::ALL.iter().map(|(known, _)| *known).find(|known| *known == name);
    let reason = known(&result.reason).unwrap_or(match result.verdict {
        Verdict::Passed => reason::PASSED,
        Verdict::Stopped => reason::STOPPED,
        Verdict::Failed => reason::TESTS_FAILED,
        Verdict::Error | Verdict::Running => reason::INCOMPLETE,
    });
    let figures = format!(
        "{} hits in {:.0} s, {} errors",
        result.hits,
        result.duration_seconds,
        result.request_errors.values().sum::<u64>()
    );
    let message = match result.verdict {
        Verdict::Passed => format!("Every test passed: {figures}."),
        Verdict::Stopped => format!("Ended early by `stop`: {figures}."),
        _ => format!("{} ({figures})", result.reasons.join(" ")),
    };
    End { reason, message, passed }
}

/// Ended on request.
pub fn stopped(when: &str) -> End {
    End { reason: reason::STOPPED, message: format!("Ended by `stop` {when}."), passed: false }
}

fn never_started(test: &LoadTest, plan: &Plan, found: &Found) -> End {
    let why = test
        .status
        .as_ref()
        .and_then(|status| status.condition(AGENTS_READY))
        .filter(|condition| condition.status == ConditionStatus::False)
        .map_or_else(|| broker_word(found), |condition| condition.message.clone());
    let seconds = plan.start_timeout_seconds;
    let message =
        format!("The run did not start within its startTimeout of {seconds} s: {why} {}", look(test));
    End { reason: reason::START_TIMEOUT, message, passed: false }
}

fn broker_lost(test: &LoadTest, found: &Found) -> End {
    let message = format!(
        "The broker was silent for longer than brokerSilence allows ({}), so agents ended their load; figures are those of its last word. {}",
        broker_word(found),
        look(test)
    );
    End { reason: reason::BROKER_LOST, message, passed: false }
}

fn broker_word(found: &Found) -> String {
    found.view.error.as_ref().map_or_else(|| "no broker answered".to_owned(), ToString::to_string)
}

fn look(test: &LoadTest) -> String {
    let namespace = test.metadata.namespace.as_deref().unwrap_or_default();
    let name = test.metadata.name.as_deref().unwrap_or_default();
    format!(
        "Look at `kubectl -n {namespace} get events --for loadtest/{name}` and at the pods with `-l loads.dev/loadtest={name}`."
    )
}

/// Why Kubernetes ended the Job, if it did.
fn job_ended(job: Option<&Job>) -> Option<String> {
    let conditions = job?.status.as_ref()?.conditions.as_ref()?;
    let failed = conditions.iter().find(|c| c.type_ == "Failed" && c.status == "True")?;
    let message = failed.message.clone().unwrap_or_default();
    Some(format!("the agents' Job failed ({}): {message}", failed.reason.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
