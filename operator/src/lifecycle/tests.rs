use std::sync::Arc;
use std::time::Duration;

use loads_api::conditions::{self, FINISHED};
use loads_wire::control::Observed;

use super::*;
use crate::broker::View;
use crate::config::tests::config;
use crate::dereference::Tls;
use crate::tests::load_test;

const BEGAN: &str = "2026-01-01T00:00:00Z";

/// Accepted at [`BEGAN`].
fn begun(spec: &str) -> LoadTest {
    let mut test = load_test(spec);
    test.status = serde_json::from_value(serde_json::json!({
        "runId": "1234abcd-0000-0000-0000-000000000000",
        "conditions": [{"type": ACCEPTED, "status": "True", "reason": "Accepted", "message": "",
            "lastTransitionTime": BEGAN}],
    }))
    .unwrap();
    test
}

fn observed(stage: Stage, done: bool, result: RunResult) -> Arc<Observed> {
    Arc::new(Observed {
        generation: 1,
        epoch: 1,
        stage,
        step: 0,
        progress_percent: 0,
        connected: 0,
        ready: 0,
        result,
        done,
    })
}

fn seen(view: View) -> Found {
    let tls = Some(Tls { secret: "s".into(), ca: "c".into() });
    Found { view, service: true, tls, ..Found::default() }
}

fn started(mut test: LoadTest) -> LoadTest {
    test.status.as_mut().unwrap().start_time = serde_json::from_value(BEGAN.into()).unwrap();
    test
}

fn end_after(seconds: i64, test: &LoadTest, found: &Found) -> Option<End> {
    let plan = test.plan("r").unwrap();
    let now = BEGAN.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds);
    end(test, &plan, found, &config(&[]), now)
}

#[test]
fn a_run_waits_for_its_agents_as_long_as_it_may_and_no_longer() {
    let test = begun("startTimeout: 60\nduration: 5");
    let found = seen(View { silent: Some(Duration::from_secs(80)), ..View::default() });
    assert_eq!(end_after(79, &test, &found), None);
    let end = end_after(80, &test, &found).unwrap();
    assert_eq!((end.reason, end.passed), (reason::START_TIMEOUT, false));
    assert!(end.message.contains("60 s") && end.message.contains("kubectl"), "{}", end.message);
}

#[test]
fn a_held_run_waits_for_ever() {
    let test = begun("startTimeout: 60\nduration: 5\nsuspend: true");
    let found = seen(View { silent: Some(Duration::from_secs(9)), ..View::default() });
    assert_eq!(end_after(200, &test, &found), None);
}

#[test]
fn the_brokers_verdict_ends_the_run_once_its_report_is_here() {
    let test = begun("duration: 5");
    let result =
        RunResult { verdict: Verdict::Passed, reason: "Passed".into(), hits: 7, ..RunResult::default() };
    let mut view = View { observed: Some(observed(Stage::Finished, true, result)), ..View::default() };
    assert_eq!(end_after(9, &test, &seen(view.clone())), None, "without the report nothing is kept");
    view.report = Some("{}".into());
    let end = end_after(9, &test, &seen(view)).unwrap();
    assert_eq!((end.reason, end.passed), (reason::PASSED, true));
    assert!(end.message.contains("7 hits"), "{}", end.message);
}

#[test]
fn a_reason_of_a_later_broker_that_nobody_knows_here_becomes_a_known_one() {
    let result = RunResult { verdict: Verdict::Error, reason: "Unheard".into(), ..RunResult::default() };
    assert_eq!(by_result(&result).reason, reason::INCOMPLETE);
}

#[test]
fn a_silent_broker_loses_the_run_only_after_every_agent_has_given_up() {
    let test = begun("duration: 1000\nbrokerSilence: 60\ndrainTimeout: 10");
    let silent = |seconds| {
        seen(View {
            observed: Some(observed(Stage::Running, false, RunResult::default())),
            silent: Some(Duration::from_secs(seconds)),
            ..View::default()
        })
    };
    assert_eq!(end_after(300, &test, &silent(90)), None);
    assert_eq!(end_after(300, &test, &silent(91)).unwrap().reason, reason::BROKER_LOST);
}

#[test]
fn stop_ends_a_run_without_a_broker_and_leaves_one_with_a_broker_to_drain() {
    let test = begun("duration: 100\nstop: true");
    let none = seen(View { silent: Some(Duration::from_secs(6)), ..View::default() });
    assert_eq!(end_after(10, &test, &none).unwrap().reason, reason::STOPPED);
    let on = seen(View {
        observed: Some(observed(Stage::Running, false, RunResult::default())),
        ..View::default()
    });
    assert_eq!(end_after(10, &test, &on), None);
}

#[test]
fn an_operator_that_has_just_begun_ends_no_run_before_it_asked_the_broker() {
    let unasked = seen(View::default());
    let waiting = begun("startTimeout: 60\nduration: 1000");
    let running = started(begun("startTimeout: 60\nduration: 1000\nstop: true"));
    assert_eq!(end_after(90, &waiting, &unasked), None);
    assert_eq!(end_after(90, &running, &unasked), None);
}

#[test]
fn a_started_run_whose_broker_does_not_answer_a_new_operator_is_lost_and_not_late() {
    let test = started(begun("startTimeout: 60\nduration: 1000\nbrokerSilence: 60\ndrainTimeout: 10"));
    let silent = |seconds| seen(View { silent: Some(Duration::from_secs(seconds)), ..View::default() });
    assert_eq!(end_after(300, &test, &silent(90)), None);
    assert_eq!(end_after(300, &test, &silent(91)).unwrap().reason, reason::BROKER_LOST);
}

#[test]
fn a_run_whose_broker_could_never_be_made_ends_by_its_start_timeout_or_by_stop() {
    let nothing = Found::default();
    assert_eq!(end_after(79, &begun("startTimeout: 60\nduration: 5"), &nothing), None);
    let late = end_after(80, &begun("startTimeout: 60\nduration: 5"), &nothing).unwrap();
    assert_eq!(late.reason, reason::START_TIMEOUT);
    assert_eq!(end_after(1, &begun("duration: 5\nstop: true"), &nothing).unwrap().reason, reason::STOPPED);
}

#[test]
fn a_run_that_outlasts_every_limit_is_ended() {
    let test = begun("duration: 5\nstartTimeout: 60");
    let on = seen(View {
        observed: Some(observed(Stage::Running, false, RunResult::default())),
        ..View::default()
    });
    assert_eq!(end_after(250, &test, &on), None);
    assert_eq!(end_after(400, &test, &on).unwrap().reason, reason::DEADLINE_EXCEEDED);
}

#[test]
fn the_phase_follows_from_the_object_alone() {
    assert_eq!(phase(&load_test("")), Phase::New);
    assert_eq!(phase(&load_test("suspend: true")), Phase::Held);
    assert_eq!(phase(&begun("suspend: true")), Phase::On);
    let mut over = begun("");
    let status = over.status.as_mut().unwrap();
    status.conditions[0].type_ = FINISHED.into();
    status.conditions[0].status = conditions::ConditionStatus::True;
    assert_eq!(phase(&over), Phase::Finished);
}
