//! How often the operator asks the API server, by the API server's own audit log.

use loads_tests::cluster::{Audit, Request, Space};
use loads_tests::wait::slowly;

use super::specs;

/// Requests from apply until every child exists.
fn requests_for(agents: u32) -> Vec<Request> {
    let space = Space::new(&format!("requests{agents}"));
    let audit = Audit::begin();
    let spec = format!(
        "executor: http\nserverURL: http://nobody:1\nhttp: {{requests: [{{path: /}}]}}\nagents: {agents}\nduration: 5\nstartTimeout: 60\n{}",
        "agentTemplate: {nodeSelector: {kwok.x-k8s.io/node: fake}, tolerations: [{operator: Exists}]}"
    );
    let test = space.load_test("count", &spec);
    slowly("every child", || {
        let children =
            space.list("jobs,deployments,services,networkpolicies,poddisruptionbudgets", &test.selector());
        (children.len() == 6).then_some(())
    });
    let asked = audit.of(&space.name);
    println!("{agents} agents: {} requests: {asked:?}", asked.len());
    asked
}

#[test]
fn making_a_run_takes_at_most_fifteen_requests_whatever_the_number_of_agents() {
    for agents in [1, 20, 1000] {
        let asked = requests_for(agents);
        assert!(asked.len() <= 15, "{agents} agents: {asked:?}");
        assert!(asked.iter().all(|r| r.code < 400), "{asked:?}");
    }
}

#[test]
fn a_running_status_is_written_at_most_every_five_seconds() {
    let space = Space::new("hot");
    let target = space.target();
    let audit = Audit::begin();
    let test = space.load_test("hot", &specs::http(&target, "/slow?ms=10", "agents: 2\nduration: 30"));
    test.finished();
    let writes = audit.of(&space.name).iter().filter(|r| r.resource == "loadtests/status").count();
    println!("{writes} status writes in a run of 30 s");
    // Every 5 s, and one for each change of a condition: accepted, running, draining, over.
    assert!(writes <= 30 / 5 + 6, "{writes} writes");
}
