//! The judge's promises, told as seconds of a run.

use loads_wire::window::{ErrorSample, ErrorSource};
use loads_wire::{ErrorKind, Row};

use super::*;

const MS: u64 = 1_000_000;

/// (milliseconds, how many) of requests of one label and status.
fn row(label: &str, status: u16, times: &[(u64, u64)]) -> Row {
    let mut row = Row { label: label.into(), method: "GET".into(), status, ..Row::default() };
    for (ms, n) in times {
        row.latency.record_n(ms * MS, *n);
        row.headers_sum += u128::from(ms * MS / 2 * n);
        row.bytes += 100 * n;
    }
    row
}

fn window(second: u32, rows: Vec<Row>) -> Window {
    let mut window = Window { second, users: 4, rows, ..Window::default() };
    window.totals.hits = window.rows.iter().map(|row| row.latency.count()).sum();
    window.totals.bytes = window.rows.iter().map(|row| row.bytes).sum();
    window
}

/// A second with so many hits of so many milliseconds each.
fn second(second: u32, ms: u64, hits: u64) -> Window {
    window(second, vec![row("http://shop/", 200, &[(ms, hits)])])
}

fn with_errors(mut window: Window, kind: ErrorKind, label: &str, count: u64, no_answer: u64) -> Window {
    let (source, label, message) = (ErrorSource::Request, label.to_owned(), String::new());
    window.errors.push(ErrorSample { kind, source, label, message, traceback: String::new(), count });
    window.totals.failed_after_send += no_answer;
    window
}

fn judge(criteria: &[&str]) -> Judge {
    let texts: Vec<String> = criteria.iter().map(|text| (*text).to_owned()).collect();
    Judge::default().resume(&texts).unwrap()
}

fn always(_: u32) -> bool {
    true
}

/// Judges a run of one agent; what it measured, and when it was caught.
fn judged(criterion: &str, windows: &[Window]) -> (Option<f64>, Option<Caught>) {
    let mut judge = judge(&[criterion]);
    for window in windows {
        judge.add(0, 1, window);
        judge.judge(always);
    }
    judge.finish(always);
    let standing = &judge.standings[0];
    (standing.measured, standing.caught)
}

fn about(measured: Option<f64>, expected: f64) -> bool {
    measured.is_some_and(|measured| (measured - expected).abs() <= expected * 0.001)
}

fn at(second: u32) -> Caught {
    Caught { second: Some(second), stopped: false }
}

#[test]
fn for_needs_every_second_in_a_row() {
    let slow_at = |seconds: &[u32]| {
        let windows: Vec<Window> =
            (0..8).map(|s| second(s, if seconds.contains(&s) { 50 } else { 2 }, 10)).collect();
        judged("p95<5ms for 3s", &windows).1
    };
    assert_eq!(slow_at(&[1, 2, 4, 5, 7]), None);
    assert_eq!(slow_at(&[1, 2, 4, 5, 6]), Some(at(6)));
}

#[test]
fn a_second_without_a_request_neither_breaks_nor_ends_a_row() {
    let stalled = |at| Window { second: at, users: 4, ..Window::default() };
    let slow = |at| second(at, 3_000, 1);
    let run = [slow(0), stalled(1), stalled(2), stalled(3), slow(4), stalled(5)];
    let (measured, caught) = judged("avg-rt>1s for 4s", &run);
    assert!(about(measured, 3.0) && caught == Some(at(4)), "{measured:?} {caught:?}");
    assert_eq!(judged("hits<1 for 3s", &run).1, Some(at(3)), "but a count of none is a count");
}

#[test]
fn within_judges_from_the_first_second_and_over_waits_for_a_full_window() {
    let run: Vec<Window> = (0..6).map(|s| second(s, 2, 10)).collect();
    assert_eq!(judged("hits<30 within 3s", &run), (Some(10.0), Some(at(0))));
    assert_eq!(judged("hits<30 over 3s", &run), (Some(30.0), None));
    assert_eq!(judged("hits<31 over 3s", &run), (Some(30.0), Some(at(2))));
}

#[test]
fn windows_merge_distributions_and_slide() {
    // p90 of 90 fast and 10 slow requests is fast, of 80 and 20 it is slow; the mean of the seconds' is neither.
    let mut run = vec![second(0, 1, 90), second(1, 100, 10), second(2, 1, 1), second(3, 1, 1)];
    let (measured, caught) = judged("p90>50ms over 2s", &run[..2]);
    assert!(about(measured, 0.001) && caught.is_none(), "{measured:?}");
    let (measured, caught) = judged("p90>50ms over 2s", &run);
    assert!(
        about(measured, 0.1) && caught == Some(at(2)),
        "only seconds 1 and 2 are looked at: {measured:?}"
    );
    run.truncate(1);
    assert_eq!(judged("p90>50ms over 2s", &run), (None, None), "the window was never full");
}

#[test]
fn a_percentile_is_that_of_all_agents_together() {
    let mut judge = judge(&["p95<50ms for 1s", "p95<50ms"]);
    judge.add(0, 1, &second(0, 1, 96));
    judge.add(1, 7, &second(0, 100, 4));
    judge.finish(always);
    let results = judge.judgement().results;
    assert!(results.iter().all(|result| result.passed && about(result.measured, 0.001)), "{results:?}");
}

#[test]
fn a_second_waits_for_every_lane_but_not_for_ever() {
    let mut judge = judge(&["hits<15 for 1s"]);
    judge.add(0, 1, &second(0, 1, 10));
    judge.add(1, 1, &second(0, 1, 10));
    judge.add(0, 1, &second(1, 1, 10));
    assert_eq!(judge.judge(always), Ruling::default(), "agent 1 may have more of second 0");
    judge.add(1, 1, &second(1, 1, 10));
    assert_eq!(judge.judge(always), Ruling::default(), "20 hits");
    (2..7).for_each(|s| judge.add(0, 1, &second(s, 1, 10)));
    assert_eq!(judge.judge(always), Ruling::default(), "agent 1 is awaited");
    judge.add(0, 1, &second(7, 1, 10));
    assert!(judge.judge(always).caught, "agent 1 has been silent for long");
    assert_eq!(judge.judgement().results[0].failed_at_second, Some(2));
}

#[test]
fn a_late_window_judges_no_second_again_and_counts_in_the_whole_run() {
    let mut judge = judge(&["p100>50ms for 1s", "p100>50ms, continue", "hits>100 over 3s"]);
    (0..4).for_each(|s| judge.add(0, 1, &second(s, 1, 10)));
    judge.judge(always);
    judge.add(0, 1, &second(0, 100, 80));
    judge.add(0, 1, &second(1, 2, 60));
    judge.add(0, 1, &second(4, 1, 10));
    judge.judge(always);
    judge.finish(always);
    let caught: Vec<_> = judge.standings.iter().map(|s| s.caught.map(|caught| caught.second)).collect();
    assert_eq!(caught, [None, Some(None), None]);
    judge.add(0, 1, &second(3, 2, 100));
    judge.add(0, 1, &second(5, 1, 10));
    judge.finish(always);
    assert_eq!(judge.standings[2].caught.unwrap().second, Some(5), "a window looks back on late figures too");
}

#[test]
fn a_label_is_judged_alone_and_a_path_finds_its_urls() {
    let run = [window(0, vec![row("http://a/", 200, &[(1, 99)]), row("http://a/cart", 500, &[(100, 1)])])];
    for (criterion, expected) in [
        ("p95>50ms", 0.001),
        ("p95 of /cart>50ms", 0.1),
        ("avg-lt of http://a/cart>20ms", 0.05),
        ("hits of /cart<5", 1.0),
        ("bytes of /cart<5", 100.0),
        ("rc5xx of /cart>50%", 1.0),
        ("rc5xx>50%", 0.01),
        ("rc200>0", 99.0),
        ("hits of /other<5", 0.0),
    ] {
        let (measured, _) = judged(criterion, &run);
        assert!(about(measured, expected), "{criterion}: {measured:?}");
    }
}

#[test]
fn failures_are_errors_of_requests_with_and_without_an_answer() {
    // 90 hits, of which 5 have a wrong status and 5 a broken body; 10 requests of /b got no answer.
    let run = window(0, vec![row("/a", 200, &[(1, 45)]), row("/b", 503, &[(1, 45)])]);
    let run = with_errors(run, ErrorKind::UnexpectedStatus, "/b", 5, 0);
    let run = with_errors(run, ErrorKind::Refused, "/b", 10, 10);
    for (criterion, expected) in [
        ("fail>1", 15.0),
        ("fail>1%", 0.15),
        ("succ<99%", 0.85),
        ("succ>1", 85.0),
        ("fail of /b>1%", 15.0 / 55.0),
        ("fail of /a>1%", 0.0),
        ("hits>0", 90.0),
    ] {
        let (measured, _) = judged(criterion, std::slice::from_ref(&run));
        assert!(about(measured, expected), "{criterion}: {measured:?}");
    }
    let broken = with_errors(window(0, vec![row("/a", 200, &[(1, 10)])]), ErrorKind::Closed, "/a", 10, 0);
    assert!(about(judged("fail of /a>1%", &[broken]).0, 1.0), "a broken body is an error of a hit");
}

#[test]
fn other_subjects_are_what_their_names_say() {
    let run = [window(0, vec![row("/", 200, &[(10, 5), (30, 5)])]), second(1, 20, 10)];
    for (criterion, expected) in [
        ("avg-rt>1s", 0.02),
        ("avg-lt>1s", 0.01),
        ("stdev-rt>1s", 0.05f64.sqrt() / 10f64.sqrt() / 10.0),
        ("p100>1s", 0.03),
        ("bytes>9999", 2_000.0),
        ("bytes>9999 over 2s", 1_000.0),
        ("concurr>99", 4.0),
        ("concurr>99 within 2s", 4.0),
    ] {
        let (measured, _) = judged(criterion, &run);
        assert!(about(measured, expected), "{criterion}: {measured:?}, not {expected}");
    }
}

#[test]
fn seconds_that_are_not_whole_are_passed_over_and_break_a_row() {
    let loaded = |second: u32| !(3..5).contains(&second) && second < 9;
    let caught = |criterion: &str| {
        let mut judge = judge(&[criterion]);
        for s in [0, 1, 2, 5, 6, 7, 8, 9] {
            judge.add(0, 1, &second(s, 50, 10));
        }
        judge.judge(loaded);
        judge.finish(loaded);
        judge.standings[0].caught.map(|caught| caught.second)
    };
    assert_eq!(caught("p95>5ms for 4s"), Some(Some(8)), "a pause lies between");
    assert_eq!(caught("hits<35 over 4s"), None, "a window does not reach into a pause");
    assert_eq!(caught("p95>5ms for 5s"), None, "second 9 is cut by the end");
}

#[test]
fn a_judge_that_is_kept_and_resumed_says_the_same() {
    let texts = ["p95>5ms for 4s", "p90>50ms over 3s", "hits<1", "p95 of /x>1s", "concurr<1"];
    let run: Vec<Window> = (0..12).map(|s| second(s, if s % 3 == 0 { 90 } else { 7 }, 10)).collect();
    let mut whole = judge(&texts);
    let mut halves = judge(&texts);
    for window in &run {
        whole.add(0, 1, window);
        whole.judge(always);
        let kept = rmp_serde::to_vec(&halves).unwrap();
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        halves = rmp_serde::from_slice::<Judge>(&kept).unwrap().resume(&texts).unwrap();
        halves.add(0, 1, window);
        halves.judge(always);
    }
    whole.finish(always);
    halves.finish(always);
    assert_eq!(whole.judgement(), halves.judgement());
    assert_eq!(whole.judgement().results[0].failed_at_second, Some(3));
}

#[test]
fn nothing_older_than_the_longest_window_is_kept() {
    let mut judge = judge(&["p95>1s within 5s", "p95>1s for 1h", "p95>1s"]);
    for s in 0..500 {
        judge.add(0, 1, &second(s, 1, 10));
        judge.judge(always);
    }
    assert_eq!(judge.seconds.to_judge(u32::MAX), [499]);
    let bytes = rmp_serde::to_vec(&judge).unwrap().len();
    assert!(bytes < 2_000, "{bytes} bytes");
}

#[test]
fn what_is_told_names_criterion_second_figure_and_threshold() {
    let mut judge = judge(&[
        "p95<5ms for 2s, stop as failed",
        "hits>15 over 2s, stop as non-failed",
        "fail of /cart>1%",
        "avg-rt>1ms, continue as failed",
    ]);
    (0..3).for_each(|s| judge.add(0, 1, &second(s, 50, 10)));
    assert_eq!(judge.judge(always), Ruling { caught: true, stop: true });
    judge.stopped();
    judge.finish(always);
    let told = judge.judgement();
    assert_eq!(
        told.failed,
        [
            "Criterion `p95<5ms for 2s, stop as failed` failed at second 1: measured 50.0 ms, threshold 5.00 ms; it \
             ended the run early.",
            "Criterion `avg-rt>1ms, continue as failed` failed over the whole run: measured 50.0 ms, threshold 1.00 ms.",
        ]
    );
    assert_eq!(
        told.notes,
        [
            "Criterion `hits>15 over 2s, stop as non-failed` was noted at second 1: measured 20, threshold 15; it \
             ended the run early.",
            "Criterion `fail of /cart>1%` was never judged: no request in a whole second of load had the label /cart.",
        ]
    );
    let passed: Vec<bool> = told.results.iter().map(|result| result.passed).collect();
    assert_eq!(passed, [false, true, true, false], "what is not to fail the run did not fail");
}

#[test]
fn a_run_without_a_window_is_not_judged() {
    let mut judge = judge(&["hits<100", "p95<1s for 1s"]);
    assert_eq!(judge.judge(always), Ruling::default());
    judge.finish(always);
    let told = judge.judgement();
    assert!(told.results.iter().all(|result| result.passed && result.measured.is_none()));
    assert_eq!((told.failed.len(), told.notes.len()), (0, 0));
}
