//! What users see of a run: page, report, wait and compare, through kubectl and the API server alone.

use std::process::Command;

use loads_tests::cluster::{Plugin, Space};
use loads_tests::program::root;

use super::specs;

#[test]
fn the_page_of_a_run_moves_in_a_browser_and_survives_the_brokers_end() {
    let space = Space::new("page");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 75");
    let plugin = Plugin::new();
    let page = plugin.page(&["run", "-n", &space.name]);
    let selector = format!("{},app.kubernetes.io/component=broker", test.selector());
    let kill = format!("kubectl -n {} delete pod -l {selector} --wait=false", space.name);
    let browser = Command::new("node")
        .args(["--test", "--test-reporter=spec", "tests/cluster/watched.mjs"])
        .current_dir(root().join("page/web"))
        .envs([("LOADS_PAGE_URL", page.url.as_str()), ("LOADS_KILL_BROKER", &kill)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&browser.stdout);
    assert!(browser.status.success(), "{said}\n{}", String::from_utf8_lossy(&browser.stderr));
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!(test.result("hits"), target.total());
}

#[test]
fn waiting_ends_as_the_verdict_says_and_a_report_is_there_when_the_broker_is_gone() {
    let space = Space::new("wait");
    let target = space.target();
    space.load_test("good", &specs::http(&target, "/", "agents: 2\nhits: 5"));
    let plugin = Plugin::new();
    let waited = plugin.run(&["wait", "good", "-n", &space.name]);
    assert_eq!(waited.code, 0, "{}", waited.stderr);
    assert!(waited.stdout.contains("Hits: 10") && waited.stdout.contains("passed"), "{}", waited.stdout);

    let bad = specs::http(&target, "/", "agents: 1\nhits: 5\n")
        .replace("path: '/'", "path: '/', expectStatus: 418");
    space.load_test("bad", &bad);
    let waited = plugin.run(&["wait", "bad", "-n", &space.name, "--quiet"]);
    assert_eq!((waited.code, waited.stderr.as_str()), (99, ""), "{}", waited.stdout);

    space.kubectl(&["delete", "deployments,jobs", "-l", "loads.dev/loadtest=good"]).ok();
    plugin.run(&["report", "good", "-n", &space.name]).ok();
    let html = plugin.file("good.html").unwrap();
    assert!(html.contains("\"hits\":10"), "the report has the result in it");
    let junit = plugin.run(&["report", "loadtest/bad", "-n", &space.name, "--format", "junit"]).ok();
    assert!(junit.contains("<failure"), "{junit}");
}

#[test]
fn a_run_that_is_not_there_or_has_nothing_to_show_is_said_with_what_to_do() {
    let space = Space::new("nothing");
    let plugin = Plugin::new();
    let none = plugin.run(&["report", "none", "-n", &space.name]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("kubectl get loadtests -A"), "{}", none.stderr);
    space.load_test(
        "held",
        "executor: http\nserverURL: http://x\nhttp: {requests: [{path: /}]}\nhits: 1\nsuspend: true",
    );
    let held = plugin.run(&["page", "held", "-n", &space.name]);
    assert_eq!(held.code, 1);
    assert!(held.stderr.contains("no broker runs yet"), "{}", held.stderr);
}

#[test]
fn alone_a_slower_run_is_named_and_noise_is_not() {
    let space = Space::new("compare");
    let target = space.target();
    for (name, ms) in [("before", 40), ("slower", 48), ("again", 40)] {
        let path = format!("/slow?ms={ms}");
        let test = space.load_test(name, &specs::http(&target, &path, "agents: 2\nusers: 2\nduration: 12"));
        assert_eq!(test.finished().0, "Passed");
    }
    let plugin = Plugin::new();
    let compare = |after: &str| plugin.run(&["compare", "before", after, "-n", &space.name]);
    let slower = compare("slower");
    assert_eq!(slower.code, 99, "{}", slower.stdout);
    assert!(slower.stdout.contains("Regression:") && slower.stdout.contains("median response time"));
    let again = compare("again");
    assert_eq!(again.code, 0, "{}", again.stdout);
    print!("{}{}", slower.stdout, again.stdout);
}
