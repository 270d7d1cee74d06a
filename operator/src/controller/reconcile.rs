//! One look at one LoadTest: dereference, validate, build, apply, status.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::api::Api;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use loads_api::LoadTest;
use loads_wire::Plan;
use loads_wire::control::{Observed, Stage};

use super::{Context, Error};
use crate::apply;
use crate::build::Run;
use crate::build::report::report;
use crate::certificates;
use crate::dereference::{self, Found};
use crate::diagnose::diagnose;
use crate::lifecycle::{self, End, Phase};
use crate::names::Names;
use crate::problem::Problem;
use crate::status::{Situation, Write, write};
use crate::validate;

/// A bundle that is not there is looked for again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// Without any wake a run that is on is looked at after this.
const ON: Duration = Duration::from_secs(5);
/// Agents that miss for so long are asked why.
const PATIENCE: Duration = Duration::from_secs(5);
/// Days beyond the longest run: certificates outlive any pause.
const SPARE_DAYS: u64 = 30;

/// Brings what there is closer to what the LoadTest says.
pub async fn reconcile(test: Arc<LoadTest>, ctx: Arc<Context>) -> Result<Action, Error> {
    let Some(names) = Names::of(&test).filter(|_| test.meta().deletion_timestamp.is_none()) else {
        return Ok(Action::await_change());
    };
    let _timer = ctx.metrics.reconcile();
    let action = match lifecycle::phase(&test) {
        Phase::Finished => finished(&ctx, &test, &names).await,
        Phase::Held => {
            write(&ctx, &test, &names, &Situation::Held, None).await.map(|_| Action::await_change())
        }
        Phase::New if test.spec.stop => {
            let over = Situation::Over(lifecycle::stopped("before anything was made"));
            write(&ctx, &test, &names, &over, None).await.map(|_| Action::await_change())
        }
        Phase::New => begin(&ctx, &test, &names).await,
        Phase::On => on(&ctx, &test, &names).await,
    };
    match action {
        Err(error) if error.ends_with_namespace() => Ok(Action::await_change()),
        Ok(action) => {
            ctx.memory.succeeded(&test);
            Ok(action)
        }
        error => error,
    }
}

/// Decides whether the LoadTest may run, and says so before the first object is made.
async fn begin(ctx: &Context, test: &LoadTest, names: &Names) -> Result<Action, Error> {
    let judged = validate::plan(test, names.run_id(), &ctx.config)
        .and_then(|plan| validate::validate(test, &plan, &ctx.config));
    let accepted = match judged {
        Ok(()) => dereference::layout(ctx, test, names).await?,
        Err(problem) => Err(problem),
    };
    match accepted {
        Err(problem) => {
            let again = problem.may_pass;
            write(ctx, test, names, &Situation::Refused(problem), None).await?;
            Ok(if again { Action::requeue(AGAIN) } else { Action::await_change() })
        }
        Ok(layout) => {
            ctx.memory.keep_layout(test, layout);
            let waiting = Situation::Waiting { ready: 0, wanted: test.spec.agents, why: None };
            match write(ctx, test, names, &waiting, None).await? {
                Write::Written(test) => on(ctx, &test, names).await,
                _ => Ok(Action::requeue(ON)),
            }
        }
    }
}

/// The run's objects are to exist, until it is over.
async fn on(ctx: &Context, test: &LoadTest, names: &Names) -> Result<Action, Error> {
    let found = dereference::found(ctx, test, names);
    let plan = validate::plan(test, names.run_id(), &ctx.config).map_err(Error::Problem)?;
    if let Some(end) = lifecycle::end(test, &plan, &found, &ctx.config, Timestamp::now()) {
        return finish(ctx, test, names, &found, end).await;
    }
    let made = make(ctx, test, names, plan, &found).await;
    let why = match made {
        Ok(()) => {
            apply::keep_up(ctx, test, names, &found).await?;
            why_not(ctx, test, names, &found).await?
        }
        Err(Error::Problem(problem)) => Some(problem),
        Err(error) => return Err(error),
    };
    let failed = why.is_some() && found.job.is_none();
    let situation = situation(test, found.view.observed.as_deref(), why);
    let wait = match write(ctx, test, names, &situation, found.view.observed.as_deref()).await? {
        Write::Later(wait) => wait,
        _ => ON,
    };
    Ok(Action::requeue(if failed { ctx.memory.failed(test) } else { wait }))
}

/// Makes what is missing of the run's objects.
async fn make(ctx: &Context, test: &LoadTest, names: &Names, plan: Plan, found: &Found) -> Result<(), Error> {
    if found.complete {
        return Ok(());
    }
    let layout = match ctx.memory.layout(test) {
        Some(layout) => layout,
        None => dereference::layout(ctx, test, names).await?.map_err(Error::Problem)?,
    };
    ctx.memory.keep_layout(test, layout.clone());
    let known = found.tls.as_ref().map(|tls| tls.secret.clone()).or_else(|| ctx.memory.secret(test));
    let (tls_secret, certificates) = if let Some(secret) = known {
        (secret, None)
    } else {
        let days = ctx.config.max_duration.as_secs() / 86_400 + SPARE_DAYS;
        let made = certificates::for_run(names.run_id(), days).map_err(|e| Error::Internal(e.to_string()))?;
        (names.certificates(&made.fingerprint), Some(made))
    };
    let run = Run {
        test,
        names: names.clone(),
        plan: Plan { bundle_digest: layout.digest.clone(), ..plan },
        layout,
        config: &ctx.config,
        operator_certificate: &ctx.identity.certificate,
        tls_secret,
    };
    if let Some(made) = certificates {
        apply::make_plan(ctx, &run, &made).await?;
        ctx.memory.keep_secret(test, run.tls_secret.clone());
    }
    // Boxed: it holds one of each object, and every look would carry the room for them.
    Box::pin(apply::make_children(ctx, test, run.children())).await
}

/// Why agents are missing, asked only when they miss for a while.
async fn why_not(
    ctx: &Context,
    test: &LoadTest,
    names: &Names,
    found: &Found,
) -> Result<Option<Problem>, Error> {
    let observed = found.view.observed.as_deref().filter(|_| found.view.silent.is_none());
    let ready = observed.map_or(0, |o| o.ready);
    if ready >= test.spec.agents
        || observed.is_some_and(|o| matches!(o.stage, Stage::Draining | Stage::Finished))
    {
        ctx.memory.complete(test);
        return Ok(None);
    }
    // Without a place nothing waits: the next look at this LoadTest comes soon enough.
    if ctx.memory.waiting(test) >= PATIENCE
        && let Ok(_place) = ctx.diagnoses.try_acquire()
        && ctx.memory.may_look(test)
    {
        let why = diagnose(ctx, test, names, found.broker.as_deref()).await?;
        ctx.memory.keep_why(test, why.or_else(|| broker_pending(found)));
    }
    Ok(ctx.memory.why(test))
}

fn broker_pending(found: &Found) -> Option<Problem> {
    let error = found.view.error.as_ref().filter(|_| found.view.silent.is_some())?;
    let message = format!("The broker does not answer yet ({error}).");
    Some(Problem::passing(loads_api::conditions::reason::BROKER_PENDING, message))
}

fn situation(test: &LoadTest, observed: Option<&Observed>, why: Option<Problem>) -> Situation {
    let wanted = test.spec.agents;
    match observed.map(|o| (o.stage, o)) {
        Some((Stage::Running, o)) => Situation::Running {
            step: u32::from(o.step) + 1,
            steps: u32::try_from(o.result.steps.len()).unwrap_or(1),
        },
        Some((Stage::Suspended, _)) => Situation::Suspended,
        Some((Stage::Draining | Stage::Finished, _)) => Situation::Draining,
        Some((Stage::Waiting, o)) => Situation::Waiting { ready: o.ready, wanted, why },
        None => Situation::Waiting { ready: 0, wanted, why },
    }
}

/// Keeps the result, then says that the run is over; agents leave after that only.
async fn finish(
    ctx: &Context,
    test: &LoadTest,
    names: &Names,
    found: &Found,
    end: End,
) -> Result<Action, Error> {
    let observed = found.view.observed.as_deref();
    if let Some(kept) = &found.view.report {
        apply::create(ctx, test, &report(test, names, kept.to_string())).await?;
    } else {
        apply::remove_agents(ctx, test, names).await?;
    }
    let written = write(ctx, test, names, &Situation::Over(end), observed).await?;
    if let Write::Written(test) = &written {
        // Tells the broker at once that its agents may go.
        dereference::found(ctx, test, names);
    }
    Ok(Action::requeue(ctx.config.broker_linger))
}

/// Removes what was made, once brokers had their time, and the LoadTest itself in the end.
async fn finished(ctx: &Context, test: &LoadTest, names: &Names) -> Result<Action, Error> {
    let Some(over) = test.status.as_ref().and_then(|status| status.completion_time.as_ref()) else {
        return Ok(Action::await_change());
    };
    let age = Timestamp::now().duration_since(over.0);
    let left = |limit: SignedDuration| Duration::try_from(limit - age).ok().filter(|left| !left.is_zero());
    if let Some(left) = left(SignedDuration::try_from(ctx.config.broker_linger).unwrap_or_default()) {
        dereference::found(ctx, test, names);
        return Ok(Action::requeue(left.min(Duration::from_mins(1))));
    }
    apply::remove_children(ctx, test, names).await?;
    ctx.followers.forget(names.run_id());
    ctx.memory.forget(test);
    if let Some(left) = left(SignedDuration::from_secs(test.spec.ttl_seconds_after_finished.into())) {
        return Ok(Action::requeue(left));
    }
    let tests: Api<LoadTest> = Api::namespaced(ctx.client.clone(), &test.namespace().unwrap_or_default());
    apply::delete(&tests, &test.name_any()).await?;
    Ok(Action::await_change())
}
