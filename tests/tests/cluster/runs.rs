//! A run from `kubectl apply` to the verdict.

use loads_tests::cluster::{LoadTest, Space, age, process_of};

use super::specs;

/// Twenty agents of two users: every hit is counted on both sides.
fn twenty_agents(space: &Space, spec: &str, hits: u64) {
    let target = space.target();
    let spec = format!("{}\n{}", spec.replace("http://TARGET", &target.url()), specs::SMALL);
    let test = space.load_test("shop", &spec);
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!((test.result("hits"), target.total()), (hits, hits));
    let agents = &test.status()["agents"];
    assert_eq!(agents["wanted"], 20);
    let skew = agents["startSkewMicroseconds"].as_u64().unwrap();
    println!("start skew of 20 agents: {skew} µs");
    assert!(skew > 0, "it is measured");
    assert_eq!(test.report()["hits"], hits, "the report keeps what the status says");
}

#[test]
fn twenty_http_agents_count_what_the_target_counts() {
    let space = Space::new("http");
    let spec = "executor: http\nserverURL: http://TARGET\nhttp: {requests: [{path: /}]}\nagents: 20\nusers: 2\nhits: 50";
    twenty_agents(&space, spec, 2000);
}

#[test]
fn twenty_python_agents_count_what_the_target_counts() {
    let space = Space::new("python");
    let target = space.target();
    let spec = specs::python(&target, "agents: 20\nusers: 2\nhits: 10");
    twenty_agents(&space, &spec, 400);
}

#[test]
fn twenty_agents_with_external_runners_count_what_the_target_counts() {
    let space = Space::new("external");
    let target = space.target();
    let spec = specs::external(&target, "agents: 20\nusers: 1\nhits: 5");
    twenty_agents(&space, &spec, 100);
}

#[test]
fn fifteen_lines_are_enough_and_the_columns_fit_a_terminal() {
    let space = Space::new("short");
    let target = space.target();
    let manifest = LoadTest::manifest("short", &specs::http(&target, "/", "agents: 2\nhits: 10"));
    assert!(manifest.lines().count() <= 15, "{manifest}");
    space.apply(&manifest).ok();
    let test = LoadTest::existing(&space, "short");
    assert_eq!(test.finished().0, "Passed");
    let shown = space.kubectl(&["get", "ldt"]).ok();
    let mut lines = shown.lines();
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "STATUS", "AGENTS", "PROGRESS", "RPS", "ERR%", "P95", "AGE"]);
    let row = lines.next().unwrap();
    assert!(row.contains("Passed") && row.contains("100%") && row.len() <= 80, "{row}");
}

#[test]
fn the_load_begins_right_after_the_last_process_of_the_run() {
    let space = Space::new("start");
    let target = space.target();
    let test = space.load_test("start", &specs::http(&target, "/", "agents: 5\nduration: 10"));
    test.wait("Running", "True", "");
    let pods = space.list("pods", &test.selector());
    assert_eq!(pods.len(), 6, "five agents and the broker");
    let ages = pods.iter().map(|pod| {
        let component = pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap();
        let pid = process_of(pod["metadata"]["uid"].as_str().unwrap(), component).unwrap();
        age(pid).unwrap()
    });
    let now = jiff::Timestamp::now();
    let youngest = ages.fold(f64::INFINITY, f64::min);
    assert_eq!(test.finished().0, "Passed");
    let report = test.report();
    let began: jiff::Timestamp = report["startedAt"].as_str().unwrap().parse().unwrap();
    let skew = report["agents"]["startSkewMicroseconds"].as_f64().unwrap() / 1e6;
    let waited = youngest - now.duration_since(began).as_secs_f64() + skew;
    println!("load {waited:.3} s after the last process of the run, of it start skew {skew:.3} s");
    // How long is the machine's affair: other runs go on at the same time.
    assert!(waited > 0.0, "{waited}");
}

#[test]
fn events_tell_the_story_of_a_run_in_order() {
    let space = Space::new("events");
    let target = space.target();
    let test = space.load_test("story", &specs::http(&target, "/", "agents: 2\nduration: 2"));
    test.finished();
    let story = || {
        let told = space.kubectl(&[
            "get",
            "events.events.k8s.io",
            "--sort-by=.eventTime",
            "-o",
            "jsonpath={range .items[?(@.regarding.kind==\"LoadTest\")]}{.reason} {end}",
        ]);
        let told = told.ok();
        told.contains("Passed").then_some(told)
    };
    let told = loads_tests::wait::slowly("the verdict among the events", story);
    let told: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(told.first(), Some(&"Accepted"), "{told:?}");
    assert_eq!(told.last(), Some(&"Passed"), "{told:?}");
    assert!(told.contains(&"Running"), "{told:?}");
}

#[test]
fn a_criterion_over_all_agents_ends_the_run_early_and_is_its_reason() {
    let space = Space::new("criteria");
    let target = space.target();
    let more = "agents: 3\nusers: 2\nduration: 120\ncriteria: ['p95<5ms for 3s', 'fail<1%']";
    let test = space.load_test("judged", &specs::http(&target, "/slow?ms=20", more));
    let (reason, message) = test.finished();
    assert_eq!(reason, "CriteriaFailed", "{message}");
    assert!(message.contains("p95<5ms for 3s") && message.contains("5.00 ms"), "{message}");
    assert_eq!(test.result("hits"), target.total());
    let report = test.report();
    let passed: Vec<_> = report["criteria"].as_array().unwrap().iter().map(|one| &one["passed"]).collect();
    assert_eq!(passed, [false, true]);
}
