//! What the API server itself says of LoadTests, with the operator's CRD on it.

use loads_tests::cluster::Space;

use super::specs;

#[test]
fn a_running_loads_test_can_not_be_changed_added_to_or_taken_from() {
    let space = Space::new("frozen");
    let target = space.target();
    let test = space.load_test("run", &specs::http(&target, "/", "agents: 1\nduration: 20\nrampUp: 1"));
    test.wait("Accepted", "True", "Accepted");
    for change in
        ["{\"duration\":30}", "{\"rate\":5}", "{\"rampUp\":null}", "{\"serverURL\":\"http://other\"}"]
    {
        let patch = format!("{{\"spec\":{change}}}");
        let refused = space.kubectl(&["patch", "ldt/run", "--type=merge", "-p", &patch]);
        assert_ne!(refused.code, 0, "{change}");
        assert!(refused.stderr.contains("must stay as it is once the run has begun"), "{}", refused.stderr);
    }
}

#[test]
fn a_path_that_leaves_the_bundle_is_refused_at_once() {
    let space = Space::new("dots");
    let spec = "test: a.B.c\nagents: 1\nbundle: {files: {'../a.py': x}}";
    let refused = space.apply(&loads_tests::cluster::LoadTest::manifest("dots", spec));
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("relative paths without `..`"), "{}", refused.stderr);
}

#[test]
fn kubectl_explains_every_field() {
    let space = Space::new("explain");
    let shown = space.kubectl(&["explain", "loadtest.spec", "--recursive"]).ok();
    for field in ["onAgentLoss", "agentTemplate", "includeFiles", "expectStatus"] {
        assert!(shown.contains(field), "{field}");
    }
    let one = space.kubectl(&["explain", "loadtest.spec.agents"]).ok();
    assert!(one.contains("Number of agents"), "{one}");
}
