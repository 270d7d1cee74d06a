//! The result is true to the last hit.

use loads_tests::run::Folder;
use loads_tests::target::Target;

use super::scenario;

fn assert_exact(folder: &Folder, target: &Target, flags: &[&str], expected: u64) {
    let before = target.total();
    let done = folder.run(&[&["loadtest.yaml"], flags].concat());
    let result = done.result();
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    assert_eq!(result.hits, expected);
    assert_eq!(target.total() - before, expected, "the server's own count");
    assert_eq!((result.sent, result.unanswered, result.undetailed), (expected, 0, 0));
    assert_eq!((result.tests.started, result.tests.success), (expected, expected));
    assert!(result.agents.start_skew_microseconds > 0, "however short the run, its skew is in the result");
}

#[test]
fn one_hit_is_one_hit() {
    let target = Target::start();
    for load_test in
        [scenario::http(&target, "/", ""), scenario::python(&target, ""), scenario::perl(&target, "")]
    {
        assert_exact(&scenario::folder(&load_test), &target, &[], 1);
    }
}

#[test]
fn users_10_20_30_with_20_hits_make_1200_tests_and_two_agents_twice_as_many() {
    let target = Target::start();
    for load_test in [scenario::http(&target, "/", ""), scenario::python(&target, "")] {
        let folder = scenario::folder(&load_test);
        let steps = ["-u", "10:20:30", "--hits", "20"];
        assert_exact(&folder, &target, &steps, 1200);
        assert_exact(&folder, &target, &[&steps[..], &["--agents", "2"]].concat(), 2400);
        assert_exact(&folder, &target, &[&steps[..], &["--agents", "2", "--processes"]].concat(), 2400);
    }
}

#[test]
fn a_hundred_thousand_hits_are_all_there() {
    let target = Target::start();
    let folder = scenario::folder(&scenario::http(&target, "/", ""));
    assert_exact(&folder, &target, &["-u", "50", "--hits", "1000", "--agents", "2"], 100_000);
}

/// Minutes long, so not part of every run: `tests/run --only million`.
#[test]
#[ignore = "needs minutes: a million hits for each executor"]
fn a_million_hits_are_all_there() {
    let target = Target::start();
    for load_test in
        [scenario::http(&target, "/", ""), scenario::python(&target, ""), scenario::perl(&target, "")]
    {
        let users = if load_test.contains("external") {
            ["-u", "4", "--hits", "250000"]
        } else {
            ["-u", "100", "--hits", "10000"]
        };
        assert_exact(&scenario::folder(&load_test), &target, &users, 1_000_000);
    }
}
