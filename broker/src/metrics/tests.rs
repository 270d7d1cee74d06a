//! What a scrape promises: the result's own counts, bounded series, names and labels by the rules.

use std::collections::{BTreeMap, BTreeSet};

use loads_wire::control::Stage;
use loads_wire::metrics::{Kind, encode, markdown, replace_part};
use loads_wire::plan::{Length, Step};
use loads_wire::result::CriterionResult;
use loads_wire::window::{ErrorSample, ErrorSource};
use loads_wire::{ErrorKind, Row, Window};

use super::{Figures, MAX_SERIES, Scope, edges, table, write::samples};
use crate::aggregate::{Aggregate, Detail, RunFacts, test_plan};
use crate::service::LeftOut;

fn figures(aggregate: &Aggregate, criteria: Vec<CriterionResult>) -> Figures {
    let facts = RunFacts { started_at: Some(1_000_000_000), now: 21_000_000_000, ..RunFacts::default() };
    let mut result =
        aggregate.result(&test_plan(&[Step { users: 3, length: Length::Seconds(60) }]), &facts, Detail::Live);
    result.agents.wanted = 2;
    result.criteria = criteria;
    Figures {
        measured: aggregate.measured(&facts, &edges(&result.criteria)),
        result,
        stage: Stage::Running,
        step: 0,
        progress: 25,
        times: (Some(1.0), None),
        agents: vec![("running", 2), ("lost", 0)],
        left_out: LeftOut::default(),
    }
}

fn row(label: &str, status: u16, times: &[u64]) -> Row {
    let mut row = Row { label: label.into(), method: "GET".into(), status, bytes: 7, ..Row::default() };
    for nanos in times {
        row.latency.record(*nanos);
    }
    row
}

fn small() -> Aggregate {
    let rows =
        vec![row("/", 200, &[2_000_000; 5]), row("/", 500, &[400_000_000]), row("/b", 200, &[1_000_000])];
    let mut window = Window { second: 18, rows, users: 6, ..Window::default() };
    (window.totals.hits, window.totals.sent, window.totals.bytes) = (9, 12, 77);
    (window.totals.undetailed, window.totals.started, window.totals.success) = (2, 4, 3);
    (window.totals.failed_before_send, window.totals.failed_after_send) = (1, 2);
    window.counters = vec![("bought".into(), 5)];
    let refused = ErrorSample { kind: ErrorKind::Refused, source: ErrorSource::Request, count: 3, ..error() };
    window.errors = vec![refused];
    let mut aggregate = Aggregate::default();
    aggregate.add(0, 1, &window);
    aggregate
}

fn error() -> ErrorSample {
    ErrorSample {
        kind: ErrorKind::Dns,
        source: ErrorSource::Request,
        label: "/".into(),
        message: "m".into(),
        traceback: String::new(),
        count: 1,
    }
}

/// Series with their values as they are written, without the labels that all have.
fn scrape(figures: &Figures) -> BTreeMap<String, String> {
    let text = encode(&samples(figures, &Scope::default()).families()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let split = lines.map(|line| line.rsplit_once(' ').unwrap());
    split
        .map(|(series, value)| {
            let series = series.replace("run=\"r1\"", "").replace("{,", "{").replace("{}", "");
            (series, value.to_owned())
        })
        .collect()
}

#[test]
fn a_scrape_tells_what_the_result_says() {
    let figures = figures(&small(), Vec::new());
    let scrape = scrape(&figures);
    let result = &figures.result;
    let sum = |name: &str| {
        let of_name = scrape.iter().filter(|(series, _)| series.split('{').next() == Some(name));
        of_name.map(|(_, value)| value.parse::<u64>().unwrap()).sum::<u64>()
    };
    assert_eq!(sum("loads_hits_total"), result.hits);
    assert_eq!(sum("loads_requests_sent_total"), result.sent);
    assert_eq!(sum("loads_requests_failed_total"), result.failed_before_send + result.failed_after_send);
    assert_eq!(sum("loads_request_errors_total"), 3);
    assert_eq!(sum("loads_received_bytes_total"), result.bytes);
    assert_eq!(sum("loads_tests_total"), result.tests.success);
    assert_eq!(sum("loads_request_duration_seconds_count"), result.hits - result.undetailed);
    assert_eq!(scrape["loads_custom_total{counter=\"bought\"}"], "5");
    assert_eq!(scrape["loads_hits_total{label=\"/\",method=\"GET\",status=\"200\"}"], "5");
    assert_eq!(scrape["loads_request_duration_seconds_bucket{label=\"/\",le=\"0.0025\"}"], "5");
    let median = &scrape["loads_request_duration_quantile_seconds{q=\"0.5\",window=\"run\"}"];
    let median: f64 = median.parse().unwrap();
    assert!((median * 1e6 - result.latency_microseconds.p50).abs() < 1e-3);
    assert_eq!((scrape["loads_users"].as_str(), scrape["loads_users_wanted"].as_str()), ("6", "6"));
    assert_eq!(scrape["loads_run_stage{stage=\"Running\"}"], "1");
}

#[test]
fn known_series_are_zero_before_anything_happened() {
    let scrape = scrape(&figures(&Aggregate::default(), Vec::new()));
    for zero in [
        "loads_requests_sent_total",
        "loads_hits_total{label=\"undetailed\",method=\"\",status=\"\"}",
        "loads_request_errors_total{kind=\"dns\"}",
        "loads_requests_failed_total{phase=\"after_send\"}",
        "loads_tests_total{outcome=\"success\"}",
        "loads_generator_cpu_seconds_total",
    ] {
        assert_eq!(scrape[zero], "0", "{zero}");
    }
    assert!(scrape.values().all(|value| value.parse::<f64>().unwrap().is_finite()));
}

#[test]
fn a_criterion_shows_what_it_measured_and_its_threshold_is_a_bound() {
    let criterion = CriterionResult {
        criterion: "p95<300ms".into(),
        passed: true,
        measured: Some(0.25),
        threshold: 0.3,
        failed_at_second: None,
    };
    let scrape = scrape(&figures(&small(), vec![criterion.clone(), criterion]));
    assert_eq!(scrape["loads_criterion_passed{criterion=\"p95<300ms\"}"], "1");
    assert_eq!(scrape["loads_criterion_measured{criterion=\"p95<300ms\"}"], "0.25");
    assert_eq!(scrape["loads_criterion_threshold{criterion=\"p95<300ms\"}"], "0.3");
    assert_eq!(scrape["loads_request_duration_seconds_bucket{label=\"/\",le=\"0.3\"}"], "5");
}

#[test]
fn whatever_a_test_makes_up_the_series_stay_within_their_bound() {
    let mut aggregate = Aggregate::default();
    for round in 0..100u16 {
        let rows = (0..100u16).map(|n| {
            let method = format!("M{}", n % 50);
            Row { method, ..row(&format!("/{round}/{n}"), n, &[1_000_000]) }
        });
        let errors =
            (0..20).map(|n| ErrorSample { kind: ErrorKind::Other(format!("E{round}{n}")), ..error() });
        let counters = (0..50).map(|n| (format!("c{round}-{n}"), 1));
        let (rows, errors, counters) = (rows.collect(), errors.collect(), counters.collect());
        aggregate.add(0, 1, &Window { rows, errors, counters, ..Window::default() });
    }
    for status in 0..5_000 {
        let rows = vec![row("/", status, &[1])];
        aggregate.add(0, 1, &Window { rows, ..Window::default() });
    }
    let criterion = |n| CriterionResult {
        criterion: format!("p{n}<1s"),
        threshold: f64::from(n) / 7.0,
        measured: Some(1.0),
        ..CriterionResult::default()
    };
    let series = samples(&figures(&aggregate, (1..=32).map(criterion).collect()), &Scope::default()).series();
    assert!(series > MAX_SERIES / 2, "the worst case is not reached: {series}");
    assert!(series <= MAX_SERIES, "{series} series");
}

#[test]
fn every_series_is_told_once_and_every_metric_of_the_table_is_told() {
    let criteria = vec![CriterionResult { measured: Some(1.0), ..CriterionResult::default() }];
    let told = Figures { times: (Some(1.0), Some(2.0)), ..figures(&small(), criteria) };
    let scope = Scope { namespace: "n".into(), loadtest: "l".into() };
    let families = samples(&told, &scope).families();
    let names: BTreeSet<&str> = families.iter().map(prometheus::proto::MetricFamily::name).collect();
    assert_eq!(names, table::ALL.iter().map(|definition| definition.name).collect());
    let text = encode(&families).unwrap();
    let series: Vec<&str> = text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(s, _)| s).collect();
    assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len());
    let labelled = |line: &&&str| line.contains("{namespace=\"n\",loadtest=\"l\",run=\"r1\"");
    assert!(text.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>().iter().all(|l| labelled(&l)));
}

#[test]
fn names_follow_the_rules() {
    for definition in table::ALL {
        let name = definition.name;
        assert!(name.starts_with("loads_") && !name.starts_with("loads_operator_"), "{name}");
        assert_eq!(definition.kind == Kind::Counter, name.ends_with("_total"), "{name}");
        assert!(definition.help.ends_with('.'), "{name}");
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let made = replace_part(&text, "run metrics", &markdown(table::ALL)).unwrap();
    if std::env::var_os("LOADS_REGENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    } else {
        assert!(
            text == made,
            "docs/metrics.md is stale: LOADS_REGENERATE=1 cargo test -p loads-broker reference"
        );
    }
}

/// What a run of the http executor without criteria has not: a real Prometheus reads it beside one
/// (tests/prometheus).
#[test]
fn the_sample_for_dashboards_is_what_a_broker_says() {
    let criterion = |text: &str, passed, measured, threshold| CriterionResult {
        criterion: text.into(),
        passed,
        measured: Some(measured),
        threshold,
        failed_at_second: None,
    };
    let criteria = vec![
        criterion("p95<300ms for 10s, stop as failed", true, 0.21, 0.3),
        criterion("errors: fail of /cart>1%", false, 0.02, 0.01),
    ];
    let scope = Scope { namespace: "team".into(), loadtest: "shop".into() };
    let text = encode(&samples(&figures(&small(), criteria), &scope).families()).unwrap();
    let kept = |line: &&str| line.contains("loads_criterion_") || line.contains("loads_custom_");
    let made = text.lines().filter(kept).collect::<Vec<_>>().join("\n") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/prometheus/broker.prom");
    if std::env::var_os("LOADS_REGENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    } else {
        let stale = "is stale: LOADS_REGENERATE=1 cargo test -p loads-broker dashboards";
        assert!(std::fs::read_to_string(path).unwrap() == made, "{path} {stale}");
    }
}
