use jiff::Timestamp;
use loads_api::LoadTest;
use loads_api::conditions::{
    ACCEPTED, ConditionStatus, FINISHED, READY, RECONCILING, STALLED, SUCCEEDED, reason,
};
use loads_wire::RunResult;
use loads_wire::control::{Observed, Stage};
use loads_wire::result::StepResult;

use super::conditions::{Situation, conditions};
use super::stories::stories;
use super::write::made;
use crate::lifecycle::End;
use crate::names::Names;
use crate::problem::Problem;
use crate::tests::load_test;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn end(passed: bool) -> Situation {
    let reason = if passed { reason::PASSED } else { reason::TESTS_FAILED };
    Situation::Over(End { reason, message: "3 of 9 tests failed".into(), passed })
}

fn all() -> Vec<Situation> {
    vec![
        Situation::Refused(Problem::of_spec(reason::OVER_LIMIT, "too many")),
        Situation::Held,
        Situation::Waiting { ready: 1, wanted: 3, why: None },
        Situation::Running { step: 1, steps: 2 },
        Situation::Suspended,
        Situation::Draining,
        end(true),
        end(false),
    ]
}

/// What kstatus says, which kubectl-like tools judge every object by.
fn kstatus(situation: &Situation) -> &'static str {
    let conditions = conditions(situation, Some(1), &[], at(0));
    let is =
        |type_: &str| conditions.iter().find(|c| c.type_ == type_).unwrap().status == ConditionStatus::True;
    match () {
        () if is(RECONCILING) => "InProgress",
        () if is(STALLED) => "Failed",
        () if is(READY) => "Current",
        () => "InProgress",
    }
}

#[test]
fn generic_tools_judge_every_situation_rightly() {
    let said: Vec<_> = all().iter().map(kstatus).collect();
    assert_eq!(
        said,
        ["Failed", "InProgress", "InProgress", "InProgress", "InProgress", "InProgress", "Current", "Failed"]
    );
}

#[test]
fn every_situation_names_all_eight_conditions_with_known_reasons() {
    for situation in all() {
        let made = conditions(&situation, Some(1), &[], at(0));
        assert_eq!(made.len(), loads_api::conditions::ALL.len());
        for condition in made {
            assert!(reason::ALL.iter().any(|(known, _)| *known == condition.reason), "{condition:?}");
            assert!(!condition.message.is_empty(), "{condition:?}");
        }
    }
}

#[test]
fn the_verdict_is_unknown_until_the_end() {
    for situation in all() {
        let made = conditions(&situation, Some(1), &[], at(0));
        let status = |type_: &str| made.iter().find(|c| c.type_ == type_).unwrap().status;
        let over = matches!(situation, Situation::Over(_));
        assert_eq!(status(SUCCEEDED) == ConditionStatus::Unknown, !over);
        assert_eq!(status(FINISHED) == ConditionStatus::True, over);
    }
}

#[test]
fn a_transition_time_changes_with_the_status_and_with_nothing_else() {
    let first = conditions(&Situation::Running { step: 1, steps: 2 }, Some(1), &[], at(10));
    let second = conditions(&Situation::Running { step: 2, steps: 2 }, Some(2), &first, at(20));
    assert!(second.iter().all(|c| c.last_transition_time.0 == at(10)));
    let third = conditions(&end(true), Some(2), &second, at(30));
    let time = |type_: &str| third.iter().find(|c| c.type_ == type_).unwrap().last_transition_time.0;
    assert_eq!((time(ACCEPTED), time(FINISHED)), (at(10), at(30)));
}

fn observed(stage: Stage) -> Observed {
    let steps = vec![StepResult { users: 4, ..StepResult::default() }; 2];
    let result =
        RunResult { hits: 10, started_at: "2026-01-01T00:00:05Z".into(), steps, ..RunResult::default() };
    Observed {
        generation: 1,
        epoch: 1,
        stage,
        step: 1,
        progress_percent: 50,
        connected: 3,
        ready: 3,
        result,
        done: false,
    }
}

fn status_of(
    test: &LoadTest,
    situation: &Situation,
    observed: Option<&Observed>,
) -> loads_api::LoadTestStatus {
    made(test, &Names::of(test).unwrap(), situation, observed, at(100))
}

#[test]
fn a_refused_or_held_load_test_has_no_run_and_stays_editable() {
    for situation in [&all()[0], &all()[1]] {
        assert_eq!(status_of(&load_test(""), situation, None).run_id, None);
    }
}

#[test]
fn what_is_asked_for_and_not_done_is_said_with_the_acceptance() {
    let asking = load_test("outputs: [{format: csv}]");
    let accepted = |status: loads_api::LoadTestStatus| status.condition(ACCEPTED).unwrap().message.clone();
    let running = Situation::Running { step: 1, steps: 1 };
    assert_eq!(
        accepted(status_of(&asking, &running, None)),
        "The LoadTest can be run. This version writes no `outputs`: `loads report` makes such files."
    );
    assert_eq!(accepted(status_of(&load_test(""), &running, None)), "The LoadTest can be run.");
    assert_eq!(accepted(status_of(&asking, &all()[0], None)), "too many");
}

#[test]
fn a_running_status_carries_the_brokers_figures() {
    let status =
        status_of(&load_test(""), &Situation::Running { step: 2, steps: 2 }, Some(&observed(Stage::Running)));
    assert_eq!(status.results.unwrap().hits, 10);
    assert_eq!(status.step.map(|step| (step.current, step.total, step.users)), Some((2, 2, 4)));
    assert_eq!(status.display.unwrap().agents, "3/3");
    assert!(status.selector.unwrap().contains("component=agent"));
    assert_eq!(status.start_time.unwrap().0, "2026-01-01T00:00:05Z".parse().unwrap());
}

#[test]
fn the_same_situation_twice_makes_the_same_status() {
    let mut test = load_test("");
    let situation = Situation::Running { step: 2, steps: 2 };
    test.status = Some(status_of(&test, &situation, Some(&observed(Stage::Running))));
    let again = made(&test, &Names::of(&test).unwrap(), &situation, Some(&observed(Stage::Running)), at(200));
    assert_eq!(test.status, Some(again));
}

#[test]
fn events_tell_a_run_in_order_and_each_thing_once() {
    let mut test = load_test("");
    let mut told = Vec::new();
    let life = [
        (Situation::Waiting { ready: 0, wanted: 3, why: None }, None),
        (Situation::Waiting { ready: 2, wanted: 3, why: None }, None),
        (Situation::Running { step: 1, steps: 2 }, None),
        (Situation::Running { step: 2, steps: 2 }, Some(observed(Stage::Running))),
        (Situation::Draining, None),
        (end(true), None),
    ];
    for (situation, seen) in life {
        let status = status_of(&test, &situation, seen.as_ref());
        told.extend(stories(test.status.as_ref(), &status).into_iter().map(|s| s.reason));
        test.status = Some(status);
    }
    assert_eq!(told, ["Accepted", "AgentsReady", "Running", "Draining", "Passed"]);
}

#[test]
fn a_problem_is_told_as_a_warning_with_its_reason() {
    let why = Problem::passing(reason::QUOTA_EXCEEDED, "exceeded quota: q");
    let test = load_test("");
    let status = status_of(&test, &Situation::Waiting { ready: 2, wanted: 3, why: Some(why) }, None);
    let told = stories(None, &status);
    assert!(told.iter().any(|s| s.warning && s.reason == reason::QUOTA_EXCEEDED), "{told:?}");
}

#[test]
fn every_condition_and_reason_is_explained_in_the_documentation() {
    let page = include_str!("../../../docs/conditions.md");
    for (type_, _) in loads_api::conditions::ALL {
        assert!(page.contains(&format!("| `{type_}` |")), "{type_}");
    }
    for (reason, sentence) in reason::ALL {
        assert!(page.contains(&format!("| `{reason}` | {} |", sentence.trim())), "{reason}");
    }
}

#[test]
fn every_verdict_of_a_broker_is_a_reason_here() {
    for verdict in loads_wire::result::reason::ALL {
        assert!(reason::ALL.iter().any(|(known, _)| *known == verdict), "{verdict}");
    }
}
