//! What a Prometheus sees of real runs: it reaches pods by their addresses, so only where nodes are this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use loads_tests::cluster::{Prometheus, Space, kubectl, promtool_check};
use loads_tests::program::root;
use loads_tests::wait::slowly;
use serde_json::Value;

use super::specs;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// (title, query) of every panel of a dashboard.
fn queries(dashboard: &str) -> Vec<(String, String)> {
    let path = root().join(format!("charts/loads-operator/dashboards/{dashboard}.json"));
    let board: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let targets = |panel: &Value| -> Vec<(String, String)> {
        let all = panel["targets"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.iter().map(|target| (text(&panel["title"]), text(&target["expr"]))).collect()
    };
    board["panels"].as_array().unwrap().iter().flat_map(targets).collect()
}

/// The variables as Grafana sets them.
fn filled(query: &str, space: &Space) -> String {
    [
        ("$__rate_interval", "4s"),
        ("$__range", "5m"),
        ("$job", "loads"),
        ("$instance", ".+"),
        ("$namespace", &space.name),
        ("$loadtest", "seen"),
        ("$run", ".+"),
    ]
    .iter()
    .fold(query.to_owned(), |query, (name, value)| query.replace(name, value))
}

#[test]
fn a_run_of_a_minute_is_seen_and_its_result_still_is_after_the_broker_is_gone() {
    let space = Space::new("observed");
    let target = space.target();
    let prometheus = Prometheus::start();
    let begin = now();
    let test = space.load_test("seen", &specs::http(&target, "/", "agents: 5\nusers: 2\nduration: 60"));
    target.wait_for_more_than(100);
    what_is_scraped_is_well_formed(&space, &test.pods("broker")[0]);
    assert_eq!(test.finished().0, "Passed");
    let of_run = format!("{{namespace=\"{}\", loadtest=\"seen\"}}", space.name);
    let hits = test.result("hits");
    assert_eq!(hits, target.total());
    let counted = format!("sum(max_over_time(loads_hits_total{of_run}[5m]))");
    slowly("the last hits in Prometheus", || prometheus.value(&counted).filter(|seen| *seen as u64 == hits));
    let sent = prometheus.value(&format!("max_over_time(loads_requests_sent_total{of_run}[5m])"));
    assert_eq!(sent.unwrap() as u64, test.result("sent"));
    let running = of_run.replace('}', ", state=\"running\"}");
    assert_eq!(prometheus.value(&format!("max_over_time(loads_agents{running}[5m])")), Some(5.0));
    let success = format!("loads_loadtest_success{of_run}");
    slowly("the operator's word on the end", || prometheus.value(&success));
    every_query_has_an_answer(&prometheus, &space, begin);

    slowly("the broker's series to end", || {
        prometheus.ask(&format!("loads_run_info{of_run}")).is_empty().then_some(())
    });
    assert_eq!(prometheus.value(&format!("loads_loadtest_hits{of_run}")), Some(hits as f64));
    assert_eq!(prometheus.value(&success), Some(1.0));
    assert_eq!(
        prometheus.ask(&format!("loads_loadtest_info{of_run}")).len(),
        1,
        "one replica tells, not both"
    );
    space.kubectl(&["delete", "loadtest", "seen"]).ok();
    slowly("the deleted LoadTest to go", || {
        prometheus.ask(&format!("loads_loadtest_info{of_run}")).is_empty().then_some(())
    });
}

fn what_is_scraped_is_well_formed(space: &Space, broker: &str) {
    let path = format!("/api/v1/namespaces/{}/pods/{broker}:8080/proxy/metrics", space.name);
    let text = kubectl(&["get", "--raw", &path], None).ok();
    assert!(
        text.contains(&format!("loads_run_info{{namespace=\"{}\",loadtest=\"seen\",run=", space.name)),
        "{text}"
    );
    assert_eq!(promtool_check(&text), "");
}

/// But those on what this run has not: criteria and counters of its own.
fn every_query_has_an_answer(prometheus: &Prometheus, space: &Space, begin: f64) {
    for dashboard in ["overview", "run", "operator"] {
        for (title, query) in queries(dashboard) {
            if query.contains("loads_criterion_") || query.contains("loads_custom_") {
                continue;
            }
            let query = filled(&query, space);
            // What came within the last second is seen by the next one's range only.
            let values = slowly(&format!("{dashboard}, {title}: {query}"), || {
                Some(prometheus.range(&query, begin, now())).filter(|values| !values.is_empty())
            });
            assert!(
                values.iter().all(|value| value.is_finite() && *value >= 0.0),
                "{dashboard}, {title}: {query}"
            );
        }
    }
}
