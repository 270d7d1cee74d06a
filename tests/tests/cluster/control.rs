//! stop, suspend, scale and delete in a run.

use std::time::Instant;

use loads_tests::cluster::{LoadTest, Space, Target, kubectl};
use loads_tests::wait::slowly;

use super::specs;

/// Waits until the target's count stands still for two questions in a row.
fn silence(target: &Target<'_>) -> f64 {
    let begin = Instant::now();
    let mut before = target.total();
    slowly("silence at the target", || {
        let now = target.total();
        (std::mem::replace(&mut before, now) == now).then_some(())
    });
    begin.elapsed().as_secs_f64()
}

fn no_pods_left(test: &LoadTest<'_>) {
    slowly("no pod of the run is left", || {
        (test.pods("agent").is_empty() && test.pods("broker").is_empty()).then_some(())
    });
}

#[test]
fn stop_drains_and_keeps_the_result() {
    let space = Space::new("stop");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 3\nusers: 4\nduration: 300");
    test.change("{\"stop\":true}");
    let took = silence(&target);
    assert_eq!(test.finished().0, "Stopped");
    println!("load ended {took:.1} s after stop");
    assert_eq!(test.result("hits"), target.total());
    assert_eq!(test.report()["verdict"], "stopped");
    no_pods_left(&test);
}

#[test]
fn suspend_holds_a_load_test_before_it_makes_anything() {
    let space = Space::new("hold");
    let target = space.target();
    let test = space.load_test("run", &specs::http(&target, "/", "agents: 2\nhits: 5\nsuspend: true"));
    test.wait("AgentsReady", "False", "Suspended");
    assert!(test.pods("agent").is_empty());
    // Still editable: nothing of the run is frozen yet.
    test.change("{\"hits\":7,\"suspend\":false}");
    assert_eq!(test.finished().0, "Passed");
    assert_eq!((test.result("hits"), target.total()), (14, 14));
}

#[test]
fn suspend_pauses_a_run_and_it_goes_on_afterwards() {
    let space = Space::new("pause");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 4\nduration: 12");
    test.change("{\"suspend\":true}");
    test.wait("Running", "False", "Suspended");
    silence(&target);
    let before = target.total();
    test.change("{\"suspend\":false}");
    target.wait_for_more_than(before);
    assert_eq!(test.finished().0, "Passed");
    assert_eq!(test.result("hits"), target.total());
}

#[test]
fn scaling_up_and_down_changes_the_load_and_loses_nothing() {
    let space = Space::new("scale");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 45");
    for agents in [4, 1] {
        space.kubectl(&["scale", &test.reference(), &format!("--replicas={agents}")]).ok();
        slowly(&format!("{agents} agents at work"), || {
            (test.status()["agents"]["ready"] == agents).then_some(())
        });
    }
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!(test.result("hits"), target.total());
}

#[test]
fn deleting_the_load_test_ends_its_load_and_leaves_no_pod() {
    let space = Space::new("delete");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 3\nusers: 2\nduration: 300");
    space.kubectl(&["delete", &test.reference(), "--wait=false"]).ok();
    println!("load ended {:.1} s after delete", silence(&target));
    no_pods_left(&test);
}

#[test]
fn deleting_the_namespace_ends_everything() {
    let space = Space::new("namespace");
    let elsewhere = Space::new("elsewhere");
    let target = elsewhere.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 300");
    kubectl(&["delete", "namespace", &space.name, "--wait=false"], None).ok();
    println!("load ended {:.1} s after the namespace's delete", silence(&target));
    no_pods_left(&test);
    kubectl(&["wait", "--for=delete", &format!("namespace/{}", space.name), "--timeout=90s"], None).ok();
}

#[test]
fn a_finished_load_test_goes_after_its_time() {
    let space = Space::new("ttl");
    let target = space.target();
    let test =
        space.load_test("run", &specs::http(&target, "/", "agents: 1\nhits: 1\nttlSecondsAfterFinished: 8"));
    test.finished();
    slowly("the LoadTest is gone", || space.get("loadtest", "run").is_none().then_some(()));
    slowly("its report is gone too", || space.list("configmaps", &test.selector()).is_empty().then_some(()));
}
