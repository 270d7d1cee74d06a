//! Many LoadTests at once.

use std::process::Command;
use std::time::{Duration, Instant};

use loads_tests::cluster::{Audit, LoadTest, Space, component, kubectl, process_of};
use loads_tests::wait::{patiently, slowly};

use super::specs;

/// Pretended nodes for as long as this lives.
struct Nodes;

impl Nodes {
    fn begin() -> Self {
        nodes("10");
        Self
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        nodes("0");
    }
}

fn nodes(number: &str) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/nodes");
    let done = Command::new(program).arg(number).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The controllers as Kubernetes starts them, for as long as this lives: with the test cluster's own limit they
/// make ten thousand pods at once, and the API server of two cores has no time for anybody else.
struct UsualControllers;

impl UsualControllers {
    fn begin() -> Self {
        restart_controllers(&[("LOADS_CONTROLLERS_QPS", "20")]);
        Self
    }
}

impl Drop for UsualControllers {
    fn drop(&mut self) {
        restart_controllers(&[]);
    }
}

fn restart_controllers(environment: &[(&str, &str)]) {
    component("stop", "kube-controller-manager", &[]);
    component("start", "kube-controller-manager", environment);
}

/// Ten thousand pods are a lot for two cores.
const LONG: Duration = Duration::from_mins(6);
const PRETENDED: &str = "{nodeSelector: {kwok.x-k8s.io/node: fake}, tolerations: [{operator: Exists}]}";

#[test]
fn one_broken_load_test_among_twenty_delays_none() {
    let space = Space::new("broken");
    let target = space.target();
    let mut manifests = LoadTest::manifest(
        "broken",
        &specs::http(&target, "/", "agents: 1\nhits: 1\nbundle: {includeFiles: [{configMap: none}]}"),
    );
    let good = specs::http(&target, "/", &format!("agents: 1\nhits: 5\n{}", specs::SMALL));
    for number in 0..20 {
        manifests += "---\n";
        manifests += &LoadTest::manifest(&format!("good{number}"), &good);
    }
    space.apply(&manifests).ok();
    for number in 0..20 {
        let test = LoadTest::existing(&space, &format!("good{number}"));
        assert_eq!(test.finished().0, "Passed");
    }
    assert_eq!(target.total(), 100);
    assert_eq!(LoadTest::existing(&space, "broken").condition("Accepted").1, "BundleNotFound");
}

#[test]
#[ignore = "ten thousand pods on two cores, minutes long: -- --ignored alone_two_hundred"]
fn alone_two_hundred_load_tests_of_fifty_agents_are_made_and_ended() {
    let _controllers = UsualControllers::begin();
    let _nodes = Nodes::begin();
    let space = Space::new("many");
    let spec = format!(
        "executor: http\nserverURL: http://nobody:1\nhttp: {{requests: [{{path: /}}]}}\nagents: 50\nduration: 5\nstartTimeout: 180\nagentTemplate: {PRETENDED}\nbrokerTemplate: {PRETENDED}"
    );
    let manifests: Vec<String> = (0..200).map(|n| LoadTest::manifest(&format!("many{n}"), &spec)).collect();
    let begin = Instant::now();
    space.apply(&manifests.join("---\n")).ok();
    let applied = begin.elapsed();
    patiently(LONG, "a Job for each", || {
        (space.list("jobs", "app.kubernetes.io/part-of=loads").len() == 200).then_some(())
    });
    println!(
        "200 LoadTests applied in {:.1} s, all Jobs after {:.1} s",
        applied.as_secs_f64(),
        begin.elapsed().as_secs_f64()
    );
    println!("operators' memory: {:?} KiB", memory());
    patiently(LONG, "the end of each", || {
        let reasons = verdicts(&space);
        (reasons.iter().filter(|reason| *reason == "StartTimeout").count() == 200).then_some(())
    });
    println!("operators' memory: {:?} KiB", memory());
}

/// Why each LoadTest of the namespace has its verdict, or none yet.
fn verdicts(space: &Space) -> Vec<String> {
    let path = "jsonpath={range .items[*]}{.status.conditions[?(@.type=='Succeeded')].reason} {end}";
    let shown = space.kubectl(&["get", "ldt", "-o", path]).ok();
    shown.split_whitespace().map(str::to_owned).collect()
}

/// Peak memory of each operator in KiB.
fn memory() -> Vec<u64> {
    let pods =
        kubectl(&["-n", "loads-system", "get", "pods", "-o", "jsonpath={.items[*].metadata.uid}"], None).ok();
    let peak = |uid: &str| {
        let pid = process_of(uid, "run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?.to_owned();
        line.split_whitespace().nth(1)?.parse().ok()
    };
    pods.split_whitespace().filter_map(peak).collect()
}

#[test]
fn alone_a_hundred_finished_load_tests_cost_no_write() {
    let space = Space::new("idle");
    let spec = "executor: http\nserverURL: http://nobody\nhttp: {requests: [{path: /}]}\nagents: 1\nhits: 1\nstop: true";
    let manifests: Vec<String> = (0..100).map(|n| LoadTest::manifest(&format!("over{n}"), spec)).collect();
    space.apply(&manifests.join("---\n")).ok();
    slowly("the end of each, told in an event", || {
        let ended = verdicts(&space).iter().filter(|reason| *reason == "Stopped").count();
        let told = space.list("events", "").len();
        (ended == 100 && told >= 100).then_some(())
    });
    let audit = Audit::begin();
    let idle = std::env::var("LOADS_IDLE_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(45);
    // Nothing happens: the time itself is what is tested.
    std::thread::park_timeout(Duration::from_secs(idle));
    let asked = audit.requests();
    let writes = |r: &&loads_tests::cluster::Request| !matches!(r.verb.as_str(), "get" | "list" | "watch");
    let writes = asked.iter().filter(writes).filter(|r| r.resource != "leases");
    // Other tests' namespaces may still be on their way out.
    let writes: Vec<_> =
        writes.filter(|r| r.namespace == space.name || !r.namespace.starts_with("test-")).collect();
    println!("{idle} idle seconds: {} requests, {} writes", asked.len(), writes.len());
    assert!(writes.is_empty(), "{writes:?}");
}
