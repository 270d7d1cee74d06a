//! A killed agent's counts survive it, and its successor does what is left.

use loads_tests::run::signal;
use loads_tests::target::Target;

use super::scenario;

fn kill_one_agent_of_two(load_test: &str, target: &Target, connections: u64) -> loads_tests::run::Done {
    let folder = scenario::folder(load_test);
    let mut going = folder.start(&["loadtest.yaml", "--processes", "--agents", "2"]);
    going.until("hits", || (target.total() > 200).then_some(()));
    signal(going.process("agent", Some(1)), "KILL");
    let done = going.finish();
    let (result, served) = (done.result(), target.total());
    assert!(result.hits <= served, "hits {} > served {served}", result.hits);
    assert!(served <= result.sent, "served {served} > sent {}", result.sent);
    assert!(result.unanswered <= connections, "{} unanswered", result.unanswered);
    assert_eq!(result.sent, result.hits + result.failed_after_send + result.unanswered);
    assert_eq!(result.agents.lost, 1, "{}", done.stdout);
    done
}

#[test]
fn a_killed_http_agent_is_replaced_and_its_hits_are_counted() {
    let target = Target::start();
    let load_test = scenario::http(&target, "/slow?ms=5", "users: 10\nhits: 400");
    let done = kill_one_agent_of_two(&load_test, &target, 10);
    let tests = done.result().tests;
    assert_eq!(tests.started, 8000, "the successor did what was left");
    assert!(tests.lost <= 10, "{tests:?}");
}

#[test]
fn a_killed_python_agent_is_replaced_and_its_hits_are_counted() {
    let target = Target::start();
    let load_test = scenario::python(&target, "users: 10\nhits: 300");
    let done = kill_one_agent_of_two(&load_test, &target, 10);
    assert_eq!(done.result().tests.started, 6000, "the successor did what was left");
}

#[test]
fn without_replacement_the_run_goes_on_and_says_what_is_missing() {
    let target = Target::start();
    let load_test = scenario::http(&target, "/slow?ms=5", "users: 10\nhits: 400\nonAgentLoss: Continue");
    let done = kill_one_agent_of_two(&load_test, &target, 10);
    assert!(done.result().tests.started < 8000);
    assert_eq!(done.code, Some(99), "what was planned was not done\n{}", done.stdout);
    assert!(!done.result().reasons.is_empty());
}
