//! Runners of other languages, as users start them.

use loads_tests::run::{Folder, signal};
use loads_tests::target::Target;

use super::scenario;

/// A LoadTest whose runner is this command.
fn with_command(target: &Target, command: &str) -> Folder {
    let load_test = scenario::perl(target, "");
    let line = load_test.lines().find(|line| line.contains("external: {command")).unwrap();
    scenario::folder(&load_test.replace(line, &format!("  external: {{command: {command}}}")))
}

#[test]
fn every_hit_of_every_runner_is_in_the_result() {
    let target = Target::start();
    let done = scenario::folder(&scenario::perl(&target, "users: '2:3'\nhits: 20\nagents: 2"))
        .run(&["loadtest.yaml"]);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let result = done.result();
    assert_eq!((result.hits, result.sent, result.tests.success), (200, 200, 200));
    assert_eq!(target.total(), 200);
    assert_eq!(result.counters.values().sum::<u64>(), 200, "{:?}", result.counters);
}

#[test]
fn runners_cut_by_ctrl_c_leave_at_most_one_request_each_unanswered() {
    let target = Target::start();
    let folder = scenario::folder(&scenario::perl(&target, "users: 4\nduration: 100"));
    let mut going = folder.start(&["loadtest.yaml"]);
    going.until("hits", || (target.total() > 50).then_some(()));
    signal(going.pid(), "INT");
    signal(going.pid(), "INT");
    let done = going.finish();
    let (result, served) = (done.result(), target.total());
    assert_eq!(done.code, Some(105), "{}\n{}", done.stdout, done.stderr);
    assert!(result.hits <= served && served <= result.sent, "{} {served} {}", result.hits, result.sent);
    assert!(result.unanswered <= 4, "{} unanswered", result.unanswered);
}

#[test]
fn a_runner_that_dies_is_an_error_with_its_exit_code() {
    let target = Target::start();
    let done = with_command(&target, "[sh, -c, 'echo out of cheese; exit 3']").run(&["loadtest.yaml"]);
    assert_eq!(done.code, Some(99), "{}\n{}", done.stdout, done.stderr);
    let error = &done.result().errors[0];
    assert_eq!((error.kind.as_str(), error.source.as_str()), ("other:RunnerExit", "runner"));
    assert!(error.message.contains('3'), "{}", error.message);
}

#[test]
fn a_runner_that_can_not_be_started_says_which() {
    let target = Target::start();
    let done = with_command(&target, "[no-such-runner-anywhere]").run(&["loadtest.yaml"]);
    assert_eq!(done.code, Some(1), "{}\n{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("no-such-runner-anywhere"), "{}", done.stderr);
}
