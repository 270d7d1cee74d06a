//! Steps keep to their users and their time; a rate keeps to its schedule.

use loads_tests::run::{Folder, signal};
use loads_tests::target::Target;
use loads_tests::wait::until;

use super::scenario;

/// Each user asks for a path of its own and step: so the server's counts tell who sent when.
const TELLING: &str = r"
import time
from loads.case import TestCase


class TestWebSite(TestCase):

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.born = time.time()

    def test_page(self):
        self.session.get(self.server_url + '/')
        self.incr_counter('older-than-a-step' if time.time() - self.born > 10.5 else 'young')
        time.sleep(0.05)
";

#[test]
fn no_user_of_step_one_sends_in_step_two() {
    let target = Target::start();
    let load_test = scenario::python(&target, "users: '5:10'\nduration: 10");
    let folder = Folder::new().with("loadtest.yaml", &load_test).with("example.py", TELLING);
    let done = folder.run(&["loadtest.yaml"]);
    let result = done.result();
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    assert_eq!(result.counters.get("older-than-a-step"), None, "{:?}", result.counters);
    assert_eq!(result.hits, target.total());
    assert_eq!(result.steps.iter().map(|s| s.users).collect::<Vec<_>>(), [5, 10]);
    let (first, second) = (&result.steps[0], &result.steps[1]);
    assert!(second.hits > first.hits, "{} then {}", first.hits, second.hits);
    let users: Vec<u32> = result.seconds.iter().map(|s| s.users).collect();
    assert!(users.iter().all(|n| *n <= 10), "never more than ten at once: {users:?}");
}

#[test]
fn a_rate_is_kept_while_the_server_stalls_and_the_stall_is_seen() {
    let target = Target::start();
    let load_test = scenario::http(&target, "/", "users: 2000\nrate: 500\nduration: 10");
    let folder = scenario::folder(&load_test);
    let mut going = folder.start(&["loadtest.yaml"]);
    going.until("a second of load", || (target.total() > 500).then_some(()));
    signal(target.pid(), "STOP");
    let until_over = std::time::Instant::now() + std::time::Duration::from_secs(2);
    until("two seconds of stall", || (std::time::Instant::now() >= until_over).then_some(()));
    signal(target.pid(), "CONT");
    let done = going.finish();
    let result = done.result();
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    assert!(result.tests.started.abs_diff(5000) <= 50, "{} arrivals", result.tests.started);
    assert_eq!(result.hits, target.total());
    assert!(result.latency_microseconds.max > 1_500_000.0, "{:?}", result.latency_microseconds);
    assert!(result.latency_microseconds.p90 > 500_000.0, "{:?}", result.latency_microseconds);
}
