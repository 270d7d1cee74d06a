//! What the aggregate promises: exact sums, whatever the order, and percentiles within 0.1 %.

use loads_wire::plan::{ExecutorPlan, Length, OnAgentLoss, Plan, PythonPlan, Step};
use loads_wire::result::{RunResult, Verdict, reason};
use loads_wire::window::{ErrorSample, ErrorSource};
use loads_wire::{ErrorKind, Row, Window};
use proptest::prelude::*;

use super::{Aggregate, Detail, Fault, RunFacts};
use crate::criteria::Judgement;

pub fn plan(steps: &[Step]) -> Plan {
    Plan {
        run_id: "r1".into(),
        test: "example.TestWebSite.test_something".into(),
        executor: ExecutorPlan::Python(PythonPlan { patching: true, processes: None }),
        server_url: None,
        agents: 2,
        min_agents: 2,
        steps: steps.to_vec(),
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 60,
        broker_silence_seconds: 60,
        drain_seconds: 30,
        on_agent_loss: OnAgentLoss::Fail,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

fn hits(users: u32, hits: u32) -> Step {
    Step { users, length: Length::Hits(hits) }
}

fn done() -> RunFacts {
    RunFacts {
        started_at: Some(1_700_000_000_000_000_000),
        ended_at: Some(1_700_000_010_000_000_000),
        done: true,
        step_nanos: vec![4_000_000_000, 4_000_000_000],
        ..RunFacts::default()
    }
}

fn result_of(windows: &[(u32, Window)]) -> RunResult {
    let mut aggregate = Aggregate::default();
    for (index, window) in windows {
        aggregate.add(*index, 1, window);
    }
    aggregate.result(&plan(&[hits(1, 1), hits(2, 1)]), &done(), Detail::Full)
}

prop_compose! {
    fn window()(second in 0u32..40, step in 0u16..2, counts in prop::array::uniform8(0u64..1_000),
                rows in prop::collection::vec((0u8..4, 0u16..3, prop::collection::vec(1u64..1 << 40, 0..6)), 0..4),
                errors in prop::collection::vec((0u8..3, 1u64..5, 0u8..3), 0..3)) -> Window {
        let mut window = Window { second, step, users: 3, ..Window::default() };
        let t = &mut window.totals;
        [t.sent, t.failed_after_send, t.started, t.success, t.errors, t.bytes, t.delayed, t.unanswered] = counts;
        window.rows = rows.into_iter().map(|(label, status, values)| {
            let mut row = Row { label: format!("/{label}"), method: "GET".into(), status: 200 + status, ..Row::default() };
            for value in &values { row.latency.record(*value); }
            row.headers_sum = values.iter().map(|v| u128::from(*v)).sum();
            row
        }).collect();
        window.totals.hits = window.rows.iter().map(|row| row.latency.count()).sum();
        window.errors = errors.into_iter().map(|(message, count, trace)| ErrorSample {
            kind: ErrorKind::Reset, source: ErrorSource::Request, label: "/".into(),
            message: format!("m{message}"), traceback: format!("line {trace}"), count,
        }).collect();
        window.counters = vec![("custom".into(), second.into())];
        window
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_of_windows_changes_nothing(windows in prop::collection::vec((0u32..3, window()), 1..40),
                                            shuffle in any::<u64>()) {
        let mut other = windows.clone();
        other.sort_by_key(|(index, w)| (w.totals.sent ^ shuffle, *index));
        prop_assert_eq!(result_of(&windows), result_of(&other));
    }

    #[test]
    fn the_result_is_the_sum_of_the_windows_to_the_last_hit(windows in prop::collection::vec((0u32..3, window()), 1..40)) {
        let result = result_of(&windows);
        let sum = |count: fn(&Window) -> u64| windows.iter().map(|(_, w)| count(w)).sum::<u64>();
        prop_assert_eq!(result.hits, sum(|w| w.totals.hits));
        prop_assert_eq!(result.sent, sum(|w| w.totals.sent));
        prop_assert_eq!(result.tests.started, sum(|w| w.totals.started));
        prop_assert_eq!(result.labels.iter().map(|l| l.hits).sum::<u64>(), result.hits);
        prop_assert_eq!(result.statuses.values().sum::<u64>(), result.hits);
        prop_assert_eq!(result.steps.iter().map(|s| s.hits).sum::<u64>(), result.hits);
        prop_assert_eq!(result.seconds.iter().map(|s| s.hits).sum::<u64>(), result.hits);
        prop_assert_eq!(result.counters["custom"], sum(|w| w.second.into()));
        prop_assert_eq!(result.request_errors.values().sum::<u64>(),
                        sum(|w| w.errors.iter().map(|e| e.count).sum()));
    }

    #[test]
    fn a_snapshot_in_the_middle_changes_nothing(windows in prop::collection::vec((0u32..3, window()), 2..30), cut in 0usize..30) {
        let mut aggregate = Aggregate::default();
        for (i, (index, window)) in windows.iter().enumerate() {
            if i == cut {
                aggregate = rmp_serde::from_slice(&rmp_serde::to_vec(&aggregate).unwrap()).unwrap();
            }
            aggregate.add(*index, 1, window);
        }
        let result = aggregate.result(&plan(&[hits(1, 1), hits(2, 1)]), &done(), Detail::Full);
        prop_assert_eq!(result, result_of(&windows));
    }
}

fn tested(started: u64, success: u64) -> Window {
    let mut window = Window::default();
    (window.totals.started, window.totals.success) = (started, success);
    window
}

#[test]
fn a_run_whose_tests_all_passed_is_passed() {
    let result = result_of(&[(0, tested(3, 3))]);
    assert_eq!((result.verdict, result.reasons), (Verdict::Passed, vec![]));
}

#[test]
fn executions_that_nobody_finished_are_lost_and_fail_the_run() {
    let result = result_of(&[(0, tested(3, 1))]);
    assert_eq!((result.verdict, result.tests.lost), (Verdict::Failed, 2));
    assert!(result.reasons[0].starts_with("2 test executions are lost"), "{:?}", result.reasons);
}

#[test]
fn executions_in_flight_on_a_living_agent_are_not_lost() {
    let mut aggregate = Aggregate::default();
    aggregate.add(0, 7, &tested(3, 1));
    aggregate.add(1, 7, &tested(3, 2));
    let facts = RunFacts { done: false, alive: vec![(0, 7)], ..done() };
    let result = aggregate.result(&plan(&[hits(1, 1)]), &facts, Detail::Live);
    assert_eq!((result.verdict, result.reason.as_str(), result.tests.lost), (Verdict::Running, "", 1));
}

#[test]
fn a_run_in_which_nothing_happened_is_not_passed() {
    let result = result_of(&[]);
    assert_eq!((result.verdict, result.reason.as_str()), (Verdict::Failed, reason::INCOMPLETE));
    assert!(result.reasons[0].starts_with("Nothing was measured"));
}

#[test]
fn undetailed_hits_are_stated_and_do_not_fail_the_run() {
    let mut window = tested(1, 1);
    (window.totals.hits, window.totals.sent, window.totals.undetailed) = (5, 5, 5);
    let result = result_of(&[(0, window)]);
    assert_eq!((result.verdict, result.undetailed), (Verdict::Passed, 5));
    assert_eq!(result.reason, reason::PASSED);
}

#[test]
fn the_worst_decides_the_verdict_and_every_reason_is_told() {
    let mut aggregate = Aggregate::default();
    let mut window = tested(2, 1);
    window.totals.failures = 1;
    aggregate.add(0, 1, &window);
    let plan = plan(&[hits(1, 2)]);
    let stopped = RunFacts { stopped: true, ..done() };
    let result = aggregate.result(&plan, &stopped, Detail::Full);
    assert_eq!(
        (result.verdict, result.reason.as_str(), result.reasons.len()),
        (Verdict::Stopped, reason::STOPPED, 2)
    );
    let error =
        RunFacts { error: Some(Fault::new(reason::PREPARE_FAILED, "No module named x.".into())), ..stopped };
    let result = aggregate.result(&plan, &error, Detail::Full);
    assert_eq!((result.verdict, result.reasons[0].as_str()), (Verdict::Error, "No module named x."));
    assert_eq!(result.reason, reason::PREPARE_FAILED);
}

#[test]
fn a_criterion_decides_before_the_tests_and_what_it_cut_off_is_not_missing() {
    let mut aggregate = Aggregate::default();
    let mut window = tested(2, 1);
    window.totals.failures = 1;
    aggregate.add(0, 1, &window);
    let plan = plan(&[hits(1, 2)]);
    let said = Judgement {
        failed: vec!["p95 is slow.".into()],
        notes: vec!["So be it.".into()],
        ..Judgement::default()
    };
    let cut = RunFacts { planned: vec![9], criteria: said, cut: true, ..done() };
    let result = aggregate.result(&plan, &cut, Detail::Full);
    assert_eq!((result.verdict, result.reason.as_str()), (Verdict::Failed, reason::CRITERIA_FAILED));
    assert_eq!(result.reasons, ["p95 is slow.", "1 of 2 test executions failed."]);
    assert_eq!(result.notes, ["So be it."]);
    let lost = Fault::new(reason::AGENT_LOST, "Agent 0 was lost.".into());
    let result = aggregate.result(&plan, &RunFacts { failed: Some(lost), cut: false, ..cut }, Detail::Full);
    assert_eq!((result.reason.as_str(), result.reasons.len()), (reason::AGENT_LOST, 4));
    assert!(result.reasons[3].starts_with("7 of 9 planned"), "{:?}", result.reasons);
}

#[test]
fn rate_and_duration_come_from_the_steps_and_the_clock() {
    let mut window = tested(1, 1);
    window.totals.hits = 800;
    let result = result_of(&[(0, window)]);
    assert_eq!((result.duration_seconds, result.steps_seconds), (10.0, 8.0));
    assert!((result.requests_per_second - 100.0).abs() < 1e-9);
    assert_eq!(result.started_at, "2023-11-14T22:13:20.000Z");
}

#[test]
fn every_reason_is_explained_to_readers() {
    let page = include_str!("../../../docs/figures.md");
    for word in reason::ALL {
        assert!(page.contains(&format!("| {word} | ")), "docs/figures.md does not explain {word}");
    }
}
