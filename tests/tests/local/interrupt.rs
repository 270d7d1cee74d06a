//! Ctrl-C once drains, twice cuts; either way every figure is there.

use loads_tests::run::{Done, Going, signal};
use loads_tests::target::Target;

use super::scenario;

fn interrupted(mut going: Going, target: &Target, signals: &[&str]) -> Done {
    going.until("the first hits", || (target.total() > 100).then_some(()));
    for name in signals {
        signal(going.pid(), name);
    }
    going.finish()
}

fn assert_bounds(done: &Done, target: &Target, connections: u64) {
    let (result, served) = (done.result(), target.total());
    assert_eq!(done.code, Some(105), "{}\n{}", done.stdout, done.stderr);
    assert!(result.hits <= served, "hits {} > served {served}", result.hits);
    assert!(served <= result.sent, "served {served} > sent {}", result.sent);
    assert!(result.unanswered <= connections, "{} unanswered", result.unanswered);
    assert_eq!(result.sent, result.hits + result.failed_after_send + result.unanswered);
}

#[test]
fn ctrl_c_drains_and_prints_what_there_is() {
    for executor in ["http", "python"] {
        let target = Target::start();
        let load_test = match executor {
            "http" => scenario::http(&target, "/", "users: 8"),
            _ => scenario::python(&target, "users: 8"),
        };
        let folder = scenario::folder(&load_test);
        let going = folder.start(&["loadtest.yaml", "-d", "100"]);
        let done = interrupted(going, &target, &["INT"]);
        assert_bounds(&done, &target, 0);
        assert_eq!(done.result().hits, target.total(), "a drained run is exact");
        assert!(done.stdout.contains("Hits: "), "{}", done.stdout);
    }
}

#[test]
fn ctrl_c_twice_cuts_and_states_what_is_open() {
    for more in [&[][..], &["--processes", "--agents", "2"]] {
        let target = Target::start();
        let folder = scenario::folder(&scenario::http(&target, "/slow?ms=300", "users: 50"));
        let flags = [&["loadtest.yaml", "-d", "100"], more].concat();
        let done = interrupted(folder.start(&flags), &target, &["INT", "INT"]);
        assert_bounds(&done, &target, 100);
    }
}

#[test]
fn sigterm_is_a_ctrl_c() {
    let target = Target::start();
    let folder = scenario::folder(&scenario::http(&target, "/", "users: 2"));
    let done = interrupted(folder.start(&["loadtest.yaml", "-d", "100"]), &target, &["TERM"]);
    assert_bounds(&done, &target, 0);
}
