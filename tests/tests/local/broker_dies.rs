//! A broker that is killed or paused in the middle loses nothing, doubles nothing, and slows no agent.

use loads_tests::run::{Going, signal};
use loads_tests::target::Target;
use loads_tests::wait::until;

use super::scenario;

/// Seconds of load.
const SECONDS: u32 = 40;

fn more_hits(target: &Target, n: u64) {
    let from = target.total();
    until("more hits", || (target.total() >= from + n).then_some(()));
}

fn kill_broker(going: &Going, target: &Target) {
    let pid = going.process("broker", None);
    signal(pid, "KILL");
    until("another broker", || (going.process("broker", None) != pid).then_some(()));
    more_hits(target, 500);
}

fn pause_broker(going: &Going, target: &Target, seconds: u64) {
    let pid = going.process("broker", None);
    signal(pid, "STOP");
    // The load goes on meanwhile: by rate, so many hits are so many seconds.
    more_hits(target, seconds * u64::from(RATE));
    signal(pid, "CONT");
}

/// Arrivals per second: far below what two agents can do, so that the rate is theirs to keep.
const RATE: u32 = 200;

#[test]
fn a_broker_killed_twice_and_paused_for_ten_seconds_changes_no_figure() {
    let target = Target::start();
    let spec = format!("users: 20\nagents: 2\nrate: {RATE}\nduration: {SECONDS}");
    let folder = scenario::folder(&scenario::http(&target, "/", &spec));
    let going = folder.start(&["loadtest.yaml", "--processes"]);
    more_hits(&target, 500);
    kill_broker(&going, &target);
    pause_broker(&going, &target, 10);
    kill_broker(&going, &target);
    let done = going.finish();
    let result = done.result();
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    assert_eq!(result.hits, target.total(), "nothing lost, nothing twice");
    assert_eq!((result.undetailed, result.unanswered), (0, 0));
    let planned = f64::from(RATE * SECONDS);
    let share = result.hits as f64 / planned;
    assert!((0.98..=1.02).contains(&share), "{} hits of {planned}", result.hits);
}
