//! What LoadTests show, for Prometheus: read from their statuses at each scrape, so that neither the end of a
//! broker nor a restart of the operator forgets a result, and a deleted LoadTest is gone at once.

use std::cmp::Reverse;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use loads_api::LoadTest;
use loads_api::conditions::{ACCEPTED, AGENTS_READY, ConditionStatus, FINISHED, RUNNING, SUCCEEDED, reason};
use loads_api::executors::Executor;
use loads_api::status::{LoadTestStatus, ResultsStatus};
use loads_wire::metrics::Samples;

use super::table as t;

/// LoadTests with metrics of their own, each some sixteen series.
pub const MAX_LOADTESTS: usize = 1_000;

/// Metrics of the LoadTests that there are.
pub fn runs(mut tests: Vec<Arc<LoadTest>>) -> Samples {
    let mut to = Samples::default();
    let finished = |test: &LoadTest| test.status.as_ref().is_some_and(|status| status.is_true(FINISHED));
    let over = tests.iter().filter(|test| finished(test)).count();
    to.set(&t::KNOWN, &["true"], over as f64);
    to.set(&t::KNOWN, &["false"], (tests.len() - over) as f64);
    to.set(&t::LEFT_OUT, &[], tests.len().saturating_sub(MAX_LOADTESTS) as f64);
    // Those that are on first, then the latest.
    tests.sort_by_cached_key(|test| {
        let ended = test.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|at| at.0);
        (finished(test), Reverse(ended), test.metadata.namespace.clone(), test.metadata.name.clone())
    });
    for test in tests.iter().take(MAX_LOADTESTS) {
        one(test, &mut to);
    }
    to
}

fn one(test: &LoadTest, to: &mut Samples) {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let (namespace, loadtest) = (name(&test.metadata.namespace), name(&test.metadata.name));
    let labels = [namespace.as_str(), loadtest.as_str()];
    let none = LoadTestStatus::default();
    let status = test.status.as_ref().unwrap_or(&none);
    let run = status.run_id.as_deref().unwrap_or_default();
    let info = [labels[0], labels[1], run, executor(test.spec.executor), why(status)];
    to.set(&t::TEST_INFO, &info, 1.0);
    let over = status.is_true(FINISHED);
    to.set(&t::TEST_FINISHED, &labels, f64::from(u8::from(over)));
    if over {
        to.set(&t::TEST_SUCCESS, &labels, f64::from(u8::from(status.is_true(SUCCEEDED))));
    }
    let times = [
        (&t::TEST_CREATED, &test.metadata.creation_timestamp),
        (&t::TEST_START, &status.start_time),
        (&t::TEST_END, &status.completion_time),
    ];
    for (definition, at) in times {
        if let Some(Time(at)) = at {
            to.set(definition, &labels, at.as_millisecond() as f64 / 1e3);
        }
    }
    results(status.results.as_ref().unwrap_or(&ResultsStatus::default()), labels, to);
    let ready = status.agents.as_ref().map_or(0, |agents| agents.ready);
    to.set(&t::TEST_WANTED, &labels, f64::from(test.spec.agents));
    to.set(&t::TEST_READY, &labels, if over { 0.0 } else { f64::from(ready) });
}

fn results(results: &ResultsStatus, labels: [&str; 2], to: &mut Samples) {
    let asked = results.hits + results.failed_before_send + results.failed_after_send;
    to.set(&t::TEST_HITS, &labels, results.hits as f64);
    to.set(&t::TEST_RATE, &labels, results.requests_per_second as f64);
    to.set(&t::TEST_ERRORS, &labels, results.errors as f64 / asked.max(1) as f64);
    if results.hits > 0 {
        let latency = &results.latency_microseconds;
        let quantiles =
            [("0.5", latency.p50), ("0.9", latency.p90), ("0.95", latency.p95), ("0.99", latency.p99)];
        for (q, micros) in quantiles {
            to.set(&t::TEST_LATENCY, &[labels[0], labels[1], q], micros as f64 / 1e6);
        }
    }
}

/// The one reason that says most.
fn why(status: &LoadTestStatus) -> &str {
    let of = |type_: &str| status.condition(type_);
    let refused = of(ACCEPTED).filter(|condition| condition.status == ConditionStatus::False);
    let condition = if status.is_true(FINISHED) {
        of(SUCCEEDED)
    } else if status.is_true(RUNNING) {
        of(RUNNING)
    } else {
        refused.or_else(|| of(AGENTS_READY))
    };
    condition.map_or(reason::PENDING, |condition| &condition.reason)
}

fn executor(executor: Executor) -> &'static str {
    match executor {
        Executor::Python => "python",
        Executor::Http => "http",
        Executor::External => "external",
    }
}
