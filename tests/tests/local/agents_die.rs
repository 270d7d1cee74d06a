//! A killed agent's counts survive it, and its successor does what is left.

use std::path::{Path, PathBuf};

use loads_tests::run::{Done, Going, children, signal};
use loads_tests::target::Target;
use loads_tests::wait::until;

use super::scenario;

fn kill_one_agent_of_two(load_test: &str, target: &Target, connections: u64) -> Done {
    kill_agent_after(200, load_test, target, connections)
}

fn kill_agent_after(requests: u64, load_test: &str, target: &Target, connections: u64) -> Done {
    let done = end_one_agent_of_two(load_test, target, requests, |going| {
        signal(going.process("agent", Some(1)), "KILL");
    });
    let (result, served) = (done.result(), target.total());
    assert!(served <= result.sent, "served {served} > sent {}", result.sent);
    assert_eq!(result.agents.lost, 1, "{}", done.stdout);
    assert!(result.unanswered <= connections, "{} unanswered", result.unanswered);
    done
}

fn end_one_agent_of_two(load_test: &str, target: &Target, requests: u64, end: impl Fn(&Going)) -> Done {
    let folder = scenario::folder(load_test);
    let mut going = folder.start(&["loadtest.yaml", "--processes", "--agents", "2"]);
    going.until("requests", || (target.total() > requests).then_some(()));
    end(&going);
    let done = going.finish();
    let (result, served) = (done.result(), target.total());
    assert!(result.hits <= served, "hits {} > served {served}", result.hits);
    assert_eq!(result.sent, result.hits + result.failed_after_send + result.unanswered);
    done
}

/// Processes that work in this folder or below it: all that a run in it started.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let works_there = |process: &PathBuf| {
        std::fs::read_link(process.join("cwd")).is_ok_and(|place| place.starts_with(folder))
    };
    listed.filter(works_there).collect()
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

#[test]
fn what_runners_told_before_their_agent_was_killed_is_counted_and_the_successor_does_the_rest() {
    let target = Target::start();
    let load_test = scenario::perl(&target, "users: 3\nhits: 1500");
    let done = kill_one_agent_of_two(&load_test, &target, 3);
    let tests = done.result().tests;
    assert_eq!(tests.started, 9000, "the successor did what was left\n{}", done.stdout);
    assert!(tests.lost <= 3, "{tests:?}");
    assert!(done.result().notes.iter().all(|note| !note.contains("had heard")), "{:?}", done.result().notes);
}

#[test]
fn without_replacement_the_killed_agents_runners_are_still_counted_to_the_last_request() {
    let target = Target::start();
    let load_test = scenario::perl(&target, "users: 3\nduration: 12\nonAgentLoss: Continue");
    let done = kill_one_agent_of_two(&load_test, &target, 3);
    let tests = done.result().tests;
    assert_eq!(tests.started, tests.success + tests.lost, "{tests:?}");
}

#[test]
fn a_request_that_outlasts_its_agent_is_unanswered_and_its_execution_lost() {
    let target = Target::start();
    let url = target.url();
    let load_test = scenario::perl(&target, "users: 3\nhits: 2");
    let slow = load_test.replace(&format!("serverURL: {url}"), &format!("serverURL: {url}/slow?ms=4000"));
    let done = kill_agent_after(5, &slow, &target, 3);
    let result = done.result();
    assert_eq!(
        (result.tests.started, result.tests.lost, result.tests.success),
        (12, 3, 9),
        "{}",
        done.stdout
    );
    assert_eq!((result.sent, result.unanswered, result.hits), (12, 3, 9));
    assert_eq!(target.total(), 12);
    assert!(result.reasons.iter().any(|reason| reason.contains("3 test executions are lost")));
}

#[test]
fn where_nobody_outlived_the_agent_the_result_says_that_requests_may_be_missing() {
    let target = Target::start();
    let load_test = scenario::perl(&target, "users: 3\nhits: 1500");
    let done = end_one_agent_of_two(&load_test, &target, 200, |going| {
        let agent = going.process("agent", Some(1));
        let keeper = until("the keeper", || children(agent).first().copied());
        // As a container ends: all at once.
        signal(agent, "STOP");
        signal(keeper, "KILL");
        signal(agent, "KILL");
    });
    let result = done.result();
    assert!(result.notes.iter().any(|note| note.contains("nobody had heard")), "{:?}", result.notes);
    assert!((1..=3).contains(&result.tests.lost), "{:?}", result.tests);
    assert_eq!(result.unanswered, result.tests.lost, "one possible request for each");
}

#[test]
fn nothing_outlives_a_run_that_is_killed_as_a_whole() {
    let target = Target::start();
    let folder = scenario::folder(&scenario::perl(&target, "users: 3\nduration: 600"));
    let mut going = folder.start(&["loadtest.yaml", "--processes", "--agents", "2"]);
    going.until("requests", || (target.total() > 200).then_some(()));
    let family: Vec<u32> = [1, 0].map(|index| going.process("agent", Some(index))).to_vec();
    let broker = going.process("broker", None);
    signal(going.pid(), "STOP");
    family.into_iter().chain([broker, going.pid()]).for_each(|pid| signal(pid, "KILL"));
    going.finish();
    until("the end of every process", || processes_in(folder.path()).is_empty().then_some(()));
}
