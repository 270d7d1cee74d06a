//! Agents that are lost in a run: what they had counted is in the result, and the result says what is not.

use loads_tests::cluster::{LoadTest, Space, process_of, signal_process};
use loads_tests::wait::slowly;
use serde_json::Value;

use super::specs;

/// The run's agent pod of this index.
fn agent(space: &Space, test: &LoadTest<'_>, index: &str) -> Value {
    let selector = format!("{},batch.kubernetes.io/job-completion-index={index}", test.selector());
    space.list("pods", &selector).into_iter().next().unwrap()
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap()
}

#[test]
fn a_deleted_agent_delivers_and_is_replaced() {
    let space = Space::new("replace");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nhits: 1200");
    let pod = agent(&space, &test, "1");
    space.kubectl(&["delete", "pod", name(&pod), "--wait=false"]).ok();
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!((test.result("hits"), target.total()), (4800, 4800), "the successor did what was left");
    assert!(test.report()["notes"].to_string().contains("Agent 1"), "{}", test.report()["notes"]);
}

#[test]
fn an_evicted_agent_is_gone_for_good_under_continue_and_the_result_says_so() {
    let space = Space::new("continue");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 3\nusers: 2\nhits: 1200\nonAgentLoss: Continue");
    let pod = agent(&space, &test, "2");
    let eviction = format!(
        "{{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{{\"name\":\"{}\",\"namespace\":\"{}\"}}}}",
        name(&pod),
        space.name
    );
    let path = format!("/api/v1/namespaces/{}/pods/{}/eviction", space.name, name(&pod));
    let evicted = loads_tests::cluster::kubectl(&["create", "--raw", &path, "-f", "-"], Some(&eviction));
    evicted.ok();
    test.finished();
    assert_eq!(test.result("hits"), target.total(), "what it had counted is not lost");
    assert!(test.result("hits") < 7200, "nobody did its share");
    assert_eq!(test.status()["agents"]["lost"], 1);
    assert!(test.report()["notes"].to_string().contains("went on without it"), "{}", test.report()["notes"]);
}

#[test]
fn a_lost_agent_ends_the_run_under_fail() {
    let space = Space::new("fail");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 300\nonAgentLoss: Fail");
    let pod = agent(&space, &test, "0");
    space.kubectl(&["delete", "pod", name(&pod), "--wait=false"]).ok();
    let (reason, message) = test.finished();
    assert_eq!(reason, "AgentLost", "{message}");
    assert_eq!(test.result("hits"), target.total());
}

#[test]
fn a_killed_agents_counts_survive_it() {
    let space = Space::new("kill");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 4\nhits: 800");
    let pod = agent(&space, &test, "1");
    let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
    let pid = slowly("the agent's process", || process_of(&uid, "agent"));
    signal_process(pid, "KILL");
    test.finished();
    let (report, served) = (test.report(), target.total());
    let figure = |name: &str| report[name].as_u64().unwrap();
    assert!(
        figure("hits") <= served && served <= figure("sent"),
        "{} {served} {}",
        figure("hits"),
        figure("sent")
    );
    assert!(figure("unanswered") <= 4, "{}", figure("unanswered"));
    assert_eq!(report["tests"]["started"], 6400, "the successor did what was left");
    assert!(report["notes"].to_string().contains("Agent 1"), "{}", report["notes"]);
}
