//! Agents that do not come: no load is sent, and the LoadTest says why.

use loads_tests::cluster::Space;

use super::specs;

/// Waits for this reason of AgentsReady, then for the end of the start time-out; nothing was sent.
fn never_starts(space: &Space, more: &str, reason: &str, words: &str) {
    let target = space.target();
    let test = space.load_test("waits", &specs::http(&target, "/", &format!("startTimeout: 30\n{more}")));
    let (_, _, message) = test.wait("AgentsReady", "False", reason);
    assert!(message.contains(words), "{message}");
    let (verdict, message) = test.finished();
    assert_eq!(verdict, "StartTimeout", "{message}");
    assert!(message.contains("30 s"), "{message}");
    assert_eq!(target.total(), 0, "no load is sent");
}

#[test]
fn a_quota_one_pod_short_is_named_and_no_load_is_sent() {
    let space = Space::new("quota");
    // Target, broker, and two of three agents.
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {pods: '4'}}";
    space.apply(quota).ok();
    never_starts(&space, "agents: 3\nhits: 1", "QuotaExceeded", "exceeded quota: few");
}

#[test]
fn an_image_that_can_not_be_pulled_is_named() {
    let space = Space::new("image");
    let more = "agents: 1\nhits: 1\nagentTemplate: {image: 'localhost:1/none:1'}";
    never_starts(&space, more, "ImagePullFailed", "localhost:1/none:1");
}

#[test]
fn a_broker_that_crashes_again_and_again_is_named() {
    let space = Space::new("crash");
    // The agents' image has no broker that could start with a read-only plan of another kind of user.
    let more =
        "agents: 1\nhits: 1\nbrokerTemplate: {resources: {limits: {memory: 6Mi}, requests: {memory: 6Mi}}}";
    never_starts(&space, more, "CrashLoop", "broker");
}

#[test]
fn agents_that_end_before_they_register_are_named() {
    let space = Space::new("never");
    // Its runtime ends the program because of this.
    let more = "agents: 2\nhits: 1\nagentTemplate: {env: [{name: TOKIO_WORKER_THREADS, value: none}]}";
    never_starts(&space, more, "CrashLoop", "exit code 101");
}

#[test]
fn pods_that_fit_no_node_are_named_with_the_schedulers_words() {
    let space = Space::new("node");
    let more = "agents: 1\nhits: 1\nagentTemplate: {nodeSelector: {pool: none}}";
    never_starts(&space, more, "Unschedulable", "node");
}

#[test]
fn fewer_agents_than_wanted_are_enough_where_the_load_test_says_so() {
    let space = Space::new("quorum");
    let target = space.target();
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {pods: '4'}}";
    space.apply(quota).ok();
    let more = "agents: 3\nminAgents: 2\nstartTimeout: 40\nduration: 2";
    let test = space.load_test("quorum", &specs::http(&target, "/", more));
    test.finished();
    assert!(target.total() > 0);
    assert_eq!(test.result("hits"), target.total());
}
