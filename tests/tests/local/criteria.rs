//! Criteria judge real runs: they end them early, or let them pass, and say why.

use loads_tests::run::{Done, signal};
use loads_tests::target::Target;
use loads_tests::wait::until;
use loads_wire::result::{Verdict, reason};

use super::scenario;

/// Runs 3 users on each of two agents against `path`, judged by `criteria`.
fn run(target: &Target, path: &str, length: &str, criteria: &str) -> Done {
    let spec = format!("users: 3\nagents: 2\n{length}\ncriteria: {criteria}");
    scenario::folder(&scenario::http(target, path, &spec)).run(&["loadtest.yaml"])
}

#[test]
fn a_criterion_that_is_not_met_ends_the_run_early_and_says_when() {
    let target = Target::start();
    let done = run(&target, "/slow?ms=50", "duration: 60", r#"["p95<5ms for 3s, stop as failed", "hits<1"]"#);
    assert_eq!(done.code, Some(99), "{}\n{}", done.stdout, done.stderr);
    let result = done.result();
    assert_eq!((result.verdict, result.reason.as_str()), (Verdict::Failed, reason::CRITERIA_FAILED));
    let [slow, hits] = &result.criteria[..] else { panic!("{:?}", result.criteria) };
    assert_eq!((slow.passed, slow.threshold), (false, 0.005));
    assert!(slow.measured.unwrap() >= 0.05, "{slow:?}");
    let at = slow.failed_at_second.unwrap();
    assert!((2..10).contains(&at), "{slow:?}");
    assert!(result.duration_seconds < 30.0, "{}", result.duration_seconds);
    assert_eq!((hits.passed, hits.measured), (true, Some(result.hits as f64)));
    assert_eq!(result.reasons.len(), 1, "{:?}", result.reasons);
    let said = format!("failed at second {at}: measured ");
    assert!(result.reasons[0].contains(&said) && result.reasons[0].contains("ended the run early"));
    assert!(done.stdout.contains("✗  p95<5ms for 3s, stop as failed"), "{}", done.stdout);
    assert_eq!((result.hits, result.unanswered), (target.total(), 0), "what was in flight was drained");
}

#[test]
fn criteria_that_are_met_let_a_run_pass_and_show_what_was_measured() {
    let target = Target::start();
    let criteria =
        r#"["p95<10s for 2s", "p50 of /slow>=40ms, continue as non-failed", "fail>50% over 2s", "succ<100%",
        "rc2xx<99%", "hits of /slow<1 over 2s", "concurr>6 within 2s", "mean: avg-lt<10s"]"#
            .replace('\n', " ");
    let done = run(&target, "/slow?ms=50", "duration: 5", &criteria);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let result = done.result();
    assert!(result.criteria.iter().all(|c| c.passed && c.measured.is_some()), "{:?}", result.criteria);
    assert!(
        result.notes.iter().any(|note| note.contains("was noted over the whole run")),
        "{:?}",
        result.notes
    );
    assert!(result.criteria[6].measured.unwrap() > 1.0, "{:?}", result.criteria[6]);
}

#[test]
fn failures_stop_a_run_of_hits_and_what_was_not_begun_is_not_missing() {
    let target = Target::start();
    let done = run(
        &target,
        "/nowhere",
        "hits: 1000000",
        r#"["fail of /nowhere>50% within 1s", "rc404>0, continue"]"#,
    );
    assert_eq!(done.code, Some(99), "{}\n{}", done.stdout, done.stderr);
    let result = done.result();
    assert_eq!(result.reason, reason::CRITERIA_FAILED);
    assert!(result.tests.started < result.tests.planned);
    assert!(!result.reasons.iter().any(|reason| reason.contains("never begun")), "{:?}", result.reasons);
    assert_eq!(result.criteria[0].measured, Some(1.0));
    assert_eq!((result.criteria[1].passed, result.criteria[1].measured), (false, Some(result.hits as f64)));
}

#[test]
fn an_early_end_as_non_failed_is_a_pass_with_a_note() {
    let target = Target::start();
    let done =
        run(&target, "/slow?ms=20", "duration: 60", r#"["enough: hits>10 over 2s, stop as non-failed"]"#);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let result = done.result();
    assert!(result.duration_seconds < 30.0, "{}", result.duration_seconds);
    assert!(
        result.notes.iter().any(|n| n.contains("was noted at second") && n.contains("ended the run early"))
    );
}

#[test]
fn a_broker_that_takes_over_judges_on() {
    let target = Target::start();
    let spec =
        "users: 3\nagents: 2\nduration: 60\ncriteria: ['p50>=50ms for 8s', 'p50<5ms for 2s, continue']";
    let folder = scenario::folder(&scenario::http(&target, "/slow?ms=50", spec));
    let mut going = folder.start(&["loadtest.yaml", "--processes"]);
    // The second criterion fails at second 1; some seconds later that is known and kept.
    going.until("five seconds of load", || (target.total() > 6 * 20 * 5).then_some(()));
    let pid = going.process("broker", None);
    signal(pid, "KILL");
    until("another broker", || (going.process("broker", None) != pid).then_some(()));
    let done = going.finish();
    assert_eq!(done.code, Some(99), "{}\n{}", done.stdout, done.stderr);
    let seconds: Vec<_> = done.result().criteria.iter().map(|c| c.failed_at_second).collect();
    assert!(done.result().duration_seconds < 40.0);
    assert_eq!(seconds, [Some(7), Some(1)], "seconds before and after the other broker count together");
}

#[test]
fn a_criterion_that_can_not_be_judged_is_refused_before_any_load() {
    let target = Target::start();
    let done = run(&target, "/", "hits: 1", r#"["p95<1s", "avg-ct>1s"]"#);
    assert_eq!(done.code, Some(2), "{}\n{}", done.stdout, done.stderr);
    for part in ["loadtest.yaml:", "spec.criteria[1]", "`avg-ct>1s`", "avg-lt"] {
        assert!(done.stderr.contains(part), "{part:?} is missing in\n{}", done.stderr);
    }
    assert_eq!(target.total(), 0);
}
