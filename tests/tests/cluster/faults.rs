//! Broker, operator and API server are taken away in a run, and the result is still the target's count.
//! Tests named `alone_…` disturb the whole cluster and run by themselves.

use std::time::Duration;

use loads_tests::cluster::{LoadTest, Space, Target, component, kubectl, process_of, signal_process};
use loads_tests::wait::slowly;

use super::specs;

fn broker(space: &Space, test: &LoadTest<'_>) -> (String, String) {
    let selector = format!("{},app.kubernetes.io/component=broker", test.selector());
    let pod = space.list("pods", &selector).remove(0);
    let meta = |field: &str| pod["metadata"][field].as_str().unwrap().to_owned();
    (meta("name"), meta("uid"))
}

fn exact(test: &LoadTest<'_>, target: &Target<'_>, hits: u64) {
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!((test.result("hits"), target.total()), (hits, hits));
}

#[test]
fn a_killed_broker_container_comes_back_and_nothing_is_lost() {
    let space = Space::new("broker-kill");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nhits: 800");
    let (_, uid) = broker(&space, &test);
    let pid = slowly("the broker's process", || process_of(&uid, "broker"));
    signal_process(pid, "KILL");
    exact(&test, &target, 3200);
}

#[test]
fn a_deleted_broker_pod_is_replaced_by_one_without_memory_and_nothing_is_lost() {
    let space = Space::new("broker-gone");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 3\nusers: 2\nhits: 800");
    let (name, _) = broker(&space, &test);
    space.kubectl(&["delete", "pod", &name, "--wait=false"]).ok();
    exact(&test, &target, 4800);
}

#[test]
fn a_broker_scaled_away_by_hand_is_put_back() {
    let space = Space::new("broker-zero");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nhits: 800");
    let deployment = space.list("deployments", &test.selector()).remove(0);
    let name = format!("deployment/{}", deployment["metadata"]["name"].as_str().unwrap());
    space.kubectl(&["scale", &name, "--replicas=0"]).ok();
    exact(&test, &target, 3200);
}

#[test]
fn a_broker_that_hangs_while_its_successor_runs_doubles_nothing() {
    let space = Space::new("broker-hang");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nhits: 1500");
    let (name, uid) = broker(&space, &test);
    let pid = slowly("the broker's process", || process_of(&uid, "broker"));
    // Stopped, it takes no SIGTERM: both pods exist until the grace time is over.
    signal_process(pid, "STOP");
    space.kubectl(&["delete", "pod", &name, "--wait=false"]).ok();
    exact(&test, &target, 6000);
}

#[test]
fn alone_the_operator_is_killed_at_every_stage_and_the_run_does_not_notice() {
    let space = Space::new("operator");
    let target = space.target();
    let stages = [("Accepted", "True"), ("AgentsReady", "True"), ("Running", "True"), ("Finished", "True")];
    for (number, (condition, status)) in stages.into_iter().enumerate() {
        let before = target.total();
        let name = format!("stage{number}");
        let test =
            space.load_test(&name, &specs::http(&target, "/slow?ms=20", "agents: 2\nusers: 2\nhits: 200"));
        test.wait(condition, status, "");
        kill_operators();
        let (reason, message) = test.finished();
        assert_eq!(reason, "Passed", "killed at {condition}: {message}");
        assert_eq!((test.result("hits"), target.total() - before), (800, 800), "killed at {condition}");
    }
}

fn kill_operators() {
    let pods = ["-n", "loads-system", "delete", "pods", "-l", "app.kubernetes.io/name=loads-operator"];
    kubectl(&[&pods[..], &["--grace-period=0", "--force", "--wait=false"]].concat(), None).ok();
}

#[test]
fn alone_the_api_server_is_away_for_twenty_seconds() {
    let space = Space::new("api");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nhits: 1500");
    component("stop", "kube-apiserver", &[]);
    // Nothing can be asked while it is away: the time itself is what is tested.
    std::thread::park_timeout(Duration::from_secs(20));
    component("start", "kube-apiserver", &[]);
    slowly("the API server answers", || {
        (kubectl(&["get", "--raw", "/readyz"], None).code == 0).then_some(())
    });
    exact(&test, &target, 6000);
}
