//! What happens while there is no operator. All of these take it away from everybody, so they run alone.

use loads_tests::cluster::{Space, kubectl};
use loads_tests::wait::slowly;

use super::specs;

/// No operator while this lives.
struct Away;

impl Away {
    fn begin() -> Self {
        scale("0");
        let left = || kubectl(&["-n", "loads-system", "get", "pods", "-o", "name"], None).ok();
        slowly("the operators are gone", || left().trim().is_empty().then_some(()));
        Self
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        scale("2");
        let ready =
            ["-n", "loads-system", "rollout", "status", "deployment/loads-operator", "--timeout=120s"];
        kubectl(&ready, None);
    }
}

fn scale(replicas: &str) {
    let replicas = format!("--replicas={replicas}");
    kubectl(&["-n", "loads-system", "scale", "deployment/loads-operator", &replicas], None).ok();
}

#[test]
fn alone_a_new_load_test_without_an_operator_is_not_taken_for_finished() {
    let space = Space::new("nobody");
    let _away = Away::begin();
    let test = space.load_test(
        "run",
        "executor: http\nserverURL: http://nobody\nhttp: {requests: [{path: /}]}\nagents: 1\nhits: 1",
    );
    // kstatus: Reconciling=True is InProgress, whatever else there is.
    assert_eq!(test.condition("Reconciling").0, "True");
    assert_eq!(test.condition("Finished").0, "False");
    assert_eq!(test.condition("Succeeded").0, "Unknown");
}

#[test]
fn alone_a_run_whose_operator_is_gone_for_good_ends() {
    let space = Space::new("orphaned");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 10");
    let away = Away::begin();
    // The broker waits a minute for somebody to take the result, then lets the agents go.
    slowly("the Job is complete", || {
        let jobs = space.list("jobs", &test.selector());
        let conditions = jobs[0]["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|c| c["type"] == "Complete" && c["status"] == "True").then_some(())
    });
    let served = target.total();
    drop(away);
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "the broker kept the result: {message}");
    assert_eq!((test.result("hits"), target.total()), (served, served));
}

#[test]
fn alone_a_run_older_than_its_start_timeout_outlives_the_operators_restart() {
    let space = Space::new("restart");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 60\nstartTimeout: 10");
    let away = Away::begin();
    let accepted = test.status()["conditions"][0]["lastTransitionTime"].as_str().unwrap().to_owned();
    let accepted: jiff::Timestamp = accepted.parse().unwrap();
    // The operator gives a run 20 s beyond its own limit.
    slowly("a run that could have been taken for late", || {
        (jiff::Timestamp::now().duration_since(accepted).as_secs() > 35).then_some(())
    });
    drop(away);
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!(test.result("hits"), target.total());
}

#[test]
fn alone_a_namespace_deleted_without_an_operator_leaves_nothing() {
    let space = Space::new("nsgone");
    let elsewhere = Space::new("nsgone-target");
    let target = elsewhere.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 300");
    let _away = Away::begin();
    kubectl(&["delete", "namespace", &space.name, "--wait=false"], None).ok();
    slowly("no pod of the run is left", || {
        (test.pods("agent").is_empty() && test.pods("broker").is_empty()).then_some(())
    });
    kubectl(&["wait", "--for=delete", &format!("namespace/{}", space.name), "--timeout=90s"], None).ok();
}
