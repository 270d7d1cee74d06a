//! What `kubectl get events` tells: one event for each change that a person would tell. Pure.

use loads_api::LoadTestStatus;
use loads_api::conditions::{
    ACCEPTED, AGENTS_READY, Condition, ConditionStatus, FINISHED, RUNNING, SUCCEEDED, reason,
};

/// An event to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// One of `conditions::reason`.
    pub reason: String,
    /// What happened.
    pub note: String,
    /// What the operator was doing.
    pub action: &'static str,
    /// Whether somebody should look.
    pub warning: bool,
}

/// What changed from one status to the next, in the order of the life cycle.
pub fn stories(old: Option<&LoadTestStatus>, new: &LoadTestStatus) -> Vec<Story> {
    let of = |type_: &str| (old.and_then(|old| old.condition(type_)), new.condition(type_));
    let mut told = Vec::new();
    if let (before, Some(now)) = of(ACCEPTED)
        && differs(before, now)
    {
        told.push(story(now, "Accept", now.status == ConditionStatus::False));
    }
    let over = new.is_true(FINISHED);
    for (type_, action) in [(AGENTS_READY, "Start"), (RUNNING, "Run")] {
        if let (before, Some(now)) = of(type_)
            && !over
            && now.status != ConditionStatus::Unknown
            && differs(before, now)
            // Agents that are just coming, and a run that just is not on yet, are no news.
            && !matches!(now.reason.as_str(), reason::AGENTS_PENDING)
        {
            let usual = now.status == ConditionStatus::True
                || matches!(now.reason.as_str(), reason::SUSPENDED | reason::DRAINING);
            told.push(story(now, action, !usual));
        }
    }
    let step = |status: &LoadTestStatus| status.step.as_ref().map(|step| step.current);
    if let (Some(Some(before)), Some(now)) = (old.map(step), step(new))
        && now > before
        && !over
    {
        let note = of(RUNNING).1.map(|c| c.message.clone()).unwrap_or_default();
        told.push(Story { reason: reason::RUNNING.to_owned(), note, action: "Step", warning: false });
    }
    if let (before, Some(now)) = of(SUCCEEDED)
        && now.status != ConditionStatus::Unknown
        && before.is_none_or(|before| before.status == ConditionStatus::Unknown)
    {
        told.push(story(now, "Finish", now.status == ConditionStatus::False));
    }
    told
}

fn differs(before: Option<&Condition>, now: &Condition) -> bool {
    before.is_none_or(|before| before.status != now.status || before.reason != now.reason)
}

fn story(condition: &Condition, action: &'static str, warning: bool) -> Story {
    Story { reason: condition.reason.clone(), note: condition.message.clone(), action, warning }
}
