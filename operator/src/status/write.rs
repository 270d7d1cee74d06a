//! Makes the status and writes it if it says something new. Uses the client.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource, ResourceExt};
use loads_api::conditions::{ACCEPTED, ConditionStatus, RUNNING};
use loads_api::{LoadTest, LoadTestStatus};
use loads_wire::control::Observed;
use serde_json::json;

use super::conditions::{Situation, conditions};
use super::{figures, stories};
use crate::controller::{Context, Error};
use crate::names::{Component, Names, OPERATOR};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Nothing new.
    Same,
    /// Only figures changed, and they may not be written for this long.
    Later(std::time::Duration),
    /// Written.
    Written(Box<LoadTest>),
}

/// Writes what the situation looks like. A run begins with its `runId` in the status, written with the
/// resourceVersion that was judged: a LoadTest that changed in between is looked at again first.
pub async fn write(
    ctx: &Context,
    test: &LoadTest,
    names: &Names,
    situation: &Situation,
    observed: Option<&Observed>,
) -> Result<Write, Error> {
    let status = made(test, names, situation, observed, Timestamp::now());
    let old = test.status.clone().unwrap_or_default();
    if status == old {
        return Ok(Write::Same);
    }
    let only_figures = status.conditions == old.conditions && status.run_id == old.run_id;
    if let Some(wait) = ctx.memory.figures_wait(test).filter(|_| only_figures) {
        return Ok(Write::Later(wait));
    }
    let begins = old.run_id.is_none() && status.run_id.is_some();
    let mut object = json!({
        "apiVersion": LoadTest::api_version(&()),
        "kind": LoadTest::kind(&()),
        // The uid: a new LoadTest of the same name is not this one.
        "metadata": {"name": test.name_any(), "uid": test.uid()},
        "status": status,
    });
    if begins {
        object["metadata"]["resourceVersion"] = test.resource_version().into();
    }
    let api: Api<LoadTest> = Api::namespaced(ctx.client.clone(), &test.namespace().unwrap_or_default());
    let params = PatchParams::apply(OPERATOR).force();
    let written = api.patch_status(&test.name_any(), &params, &Patch::Apply(object)).await?;
    ctx.memory.written(test);
    ctx.metrics.told(test.status.as_ref(), &status);
    tell(ctx, test, &status).await;
    Ok(Write::Written(Box::new(written)))
}

/// Events are told once their cause is written, and never stand in the way of the run.
async fn tell(ctx: &Context, test: &LoadTest, status: &LoadTestStatus) {
    for story in stories(test.status.as_ref(), status) {
        let event = Event {
            type_: if story.warning { EventType::Warning } else { EventType::Normal },
            reason: story.reason,
            // The API server takes 1 KiB.
            note: Some(story.note.chars().take(900).collect()),
            action: story.action.to_owned(),
            secondary: None,
        };
        if let Err(error) = ctx.recorder.publish(&event, &test.object_ref(&())).await {
            tracing::warn!(%error, "an event could not be written");
        }
    }
}

/// The status; pure.
pub(super) fn made(
    test: &LoadTest,
    names: &Names,
    situation: &Situation,
    observed: Option<&Observed>,
    now: Timestamp,
) -> LoadTestStatus {
    let old = test.status.clone().unwrap_or_default();
    let generation = test.metadata.generation;
    let mut conditions = conditions(situation, generation, &old.conditions, now);
    if let (Some(observed), Some(running)) = (observed, conditions.iter_mut().find(|c| c.type_ == RUNNING)) {
        // What of the spec the broker has taken up.
        running.observed_generation = Some(observed.generation.max(1));
    }
    let accepted = conditions.iter_mut().find(|c| c.type_ == ACCEPTED && c.status == ConditionStatus::True);
    if let Some(accepted) = accepted {
        accepted.message = [&[accepted.message.as_str()], &*test.spec.not_done()].concat().join(" ");
    }
    let mut status = LoadTestStatus { observed_generation: generation, conditions, ..old };
    if matches!(situation, Situation::Refused(_) | Situation::Held) {
        return status;
    }
    status.run_id = Some(names.run_id().to_owned());
    let wanted = test.spec.agents;
    let finished = matches!(situation, Situation::Over(_));
    status.agents = Some(figures::agents(wanted, observed));
    status.selector = Some(selector(names));
    if let Some(observed) = observed {
        status.step = figures::step(observed).or(status.step);
        status.start_time = parse(&observed.result.started_at).or(status.start_time);
        let began = status.start_time.is_some();
        status.results = began.then(|| figures::results(&observed.result));
    }
    status.display = Some(figures::display(wanted, observed));
    if finished {
        status.completion_time.get_or_insert(Time(now));
        if let Some(agents) = &mut status.agents {
            (agents.connected, agents.ready) = (0, 0);
        }
    }
    status
}

fn selector(names: &Names) -> String {
    let labels = names.selector(Component::Agent);
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn parse(text: &str) -> Option<Time> {
    text.parse::<Timestamp>().ok().map(Time)
}
