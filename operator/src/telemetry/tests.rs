//! What the operator's metrics say of LoadTests, and what their names promise.

use std::collections::BTreeSet;
use std::sync::Arc;

use loads_api::LoadTest;
use loads_wire::metrics::{Definition, Kind, markdown, replace_part};
use serde_json::{Value, json};

use super::runs::MAX_LOADTESTS;
use super::{Metrics, table};
use crate::controller::Error;

fn condition(type_: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": type_, "status": status, "reason": reason, "message": "m",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    })
}

fn load_test(name: &str, status: Value) -> Arc<LoadTest> {
    let mut test = serde_json::to_value(crate::tests::load_test("")).unwrap();
    test["metadata"]["name"] = name.into();
    test["metadata"]["creationTimestamp"] = "2026-01-02T03:00:00Z".into();
    test["status"] = status;
    Arc::new(serde_json::from_value(test).unwrap())
}

fn over(name: &str, passed: bool) -> Arc<LoadTest> {
    let (status, reason) = if passed { ("True", "Passed") } else { ("False", "TestsFailed") };
    let latency = json!({"mean": 4100, "p50": 3000, "p90": 8000, "p95": 9500, "p99": 20000, "max": 31000});
    load_test(
        name,
        json!({
            "runId": "1234",
            "startTime": "2026-01-02T03:04:05Z",
            "completionTime": "2026-01-02T03:05:05Z",
            "agents": {"wanted": 3, "connected": 3, "ready": 3, "lost": 0, "startSkewMicroseconds": 900},
            "results": {
                "hits": 950, "sent": 960, "failedBeforeSend": 40, "failedAfterSend": 10, "errors": 100,
                "requestsPerSecond": 16, "latencyMicroseconds": latency,
            },
            "conditions": [condition("Finished", "True", "Finished"), condition("Succeeded", status, reason)],
        }),
    )
}

fn running(name: &str) -> Arc<LoadTest> {
    let conditions = [condition("Finished", "False", "Running"), condition("Running", "True", "Running")];
    load_test(name, json!({"agents": {"wanted": 3, "connected": 2, "ready": 2}, "conditions": conditions}))
}

/// Every look and watch has happened once, so that each metric has a series.
fn metrics() -> Metrics {
    let metrics = Metrics::new().unwrap();
    metrics.leads(true);
    metrics.watches("Job");
    drop((metrics.reconcile(), metrics.look()));
    (0..9).for_each(|_| metrics.looked(&Ok(())));
    metrics.looked::<()>(&Err(Error::Internal("broken".to_owned())));
    metrics.told(None, over("shop", true).status.as_ref().unwrap());
    metrics
}

fn text(tests: Vec<Arc<LoadTest>>) -> String {
    metrics().text_with(tests).unwrap()
}

#[test]
fn the_result_of_a_run_is_told_after_its_broker_is_gone() {
    let text = text(vec![over("shop", true)]);
    for line in [
        "loads_loadtest_info{namespace=\"team\",loadtest=\"shop\",run=\"1234\",executor=\"http\",reason=\"Passed\"} 1",
        "loads_loadtest_success{namespace=\"team\",loadtest=\"shop\"} 1",
        "loads_loadtest_hits{namespace=\"team\",loadtest=\"shop\"} 950",
        "loads_loadtest_error_ratio{namespace=\"team\",loadtest=\"shop\"} 0.1",
        "loads_loadtest_latency_seconds{namespace=\"team\",loadtest=\"shop\",q=\"0.99\"} 0.02",
        "loads_loadtest_start_timestamp_seconds{namespace=\"team\",loadtest=\"shop\"} 1767323045",
        "loads_loadtest_completion_timestamp_seconds{namespace=\"team\",loadtest=\"shop\"} 1767323105",
        "loads_loadtest_agents_ready{namespace=\"team\",loadtest=\"shop\"} 0",
        "loads_operator_loadtests{finished=\"true\"} 1",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
    }
}

#[test]
fn a_run_that_is_on_has_no_verdict_and_a_failed_one_says_why() {
    let text = text(vec![running("a"), over("b", false), load_test("c", Value::Null)]);
    assert!(!text.contains("loads_loadtest_success{namespace=\"team\",loadtest=\"a\"}"));
    assert!(text.contains("loads_loadtest_agents_ready{namespace=\"team\",loadtest=\"a\"} 2\n"), "{text}");
    assert!(text.contains("loads_loadtest_success{namespace=\"team\",loadtest=\"b\"} 0\n"), "{text}");
    for (name, reason) in [("a", "Running"), ("b", "TestsFailed"), ("c", "Pending")] {
        let line =
            text.lines().find(|l| l.starts_with("loads_loadtest_info") && l.contains(&format!("\"{name}\"")));
        assert!(line.unwrap().contains(&format!("reason=\"{reason}\"")), "{line:?}");
    }
}

#[test]
fn past_the_limit_those_that_ended_longest_ago_are_left_out_and_counted() {
    let mut tests: Vec<_> = (0..MAX_LOADTESTS).map(|n| over(&format!("t{n}"), true)).collect();
    tests.extend([running("on"), load_test("old", json!({
        "completionTime": "2020-01-01T00:00:00Z", "conditions": [condition("Finished", "True", "Finished")],
    }))]);
    let text = text(tests);
    assert!(text.contains("loads_operator_loadtests_left_out 2\n"));
    assert!(text.contains("loadtest=\"on\"") && !text.contains("loadtest=\"old\""));
    let series = text.lines().filter(|line| line.starts_with("loads_loadtest_")).count();
    assert!(series <= 16 * MAX_LOADTESTS, "{series}");
}

#[test]
fn every_metric_of_the_table_is_told_with_its_labels() {
    let text = text(vec![over("shop", true)]);
    let told = |name: &str| text.contains(&format!("# TYPE {name} "));
    for Definition { name, kind, labels, .. } in table::ALL {
        assert!(told(name), "{name}");
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap_or_default();
        assert!(labels.iter().all(|label| line.contains(&format!("{label}=\""))), "{name}: {line}");
        assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
    }
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let known: BTreeSet<&str> = table::ALL.iter().map(|definition| definition.name).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), known);
}

fn golden(path: &str, content: impl Fn(&str) -> String) {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let made = content(&text);
    if std::env::var_os("LOADS_REGENERATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    } else {
        assert!(text == made, "{path} is stale: LOADS_REGENERATE=1 cargo test -p loads-operator telemetry");
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let make = |text: &str| replace_part(text, "operator metrics", &markdown(table::ALL)).unwrap();
    golden("docs/metrics.md", make);
}

/// A real Prometheus reads it, and the dashboards ask for it (tests/prometheus).
#[test]
fn the_sample_for_dashboards_is_what_the_operator_says() {
    let make = |_: &str| {
        let text = text(vec![over("shop", true), over("search", false), running("basket")]);
        // What differs from run to run: how long looks took.
        let time = "loads_operator_reconcile_duration_seconds_";
        let count = text.lines().find_map(|line| line.strip_prefix(time)?.strip_prefix("count "));
        let count = count.unwrap_or_default().to_owned();
        let stable = |line: &str| match (line.strip_prefix(time), line.rsplit_once(' ')) {
            (Some(rest), Some((series, _))) if rest.starts_with("bucket") => format!("{series} {count}\n"),
            (Some(rest), Some((series, _))) if rest.starts_with("sum") => format!("{series} 0.0004\n"),
            _ => format!("{line}\n"),
        };
        text.lines().map(stable).collect()
    };
    golden("tests/prometheus/operator.prom", make);
}
