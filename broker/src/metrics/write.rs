//! One sample after the other.

use loads_wire::ErrorKind;
use loads_wire::control::Stage;
use loads_wire::metrics::{Definition, Samples, encode};
use loads_wire::result::Verdict;

use super::{Figures, MAX_SERIES, Scope, table as t};
use crate::aggregate::QUANTILES;

const STAGES: [(Stage, &str); 5] = [
    (Stage::Waiting, "Waiting"),
    (Stage::Suspended, "Suspended"),
    (Stage::Running, "Running"),
    (Stage::Draining, "Draining"),
    (Stage::Finished, "Finished"),
];
const VERDICTS: [(Verdict, &str); 5] = [
    (Verdict::Running, "running"),
    (Verdict::Passed, "passed"),
    (Verdict::Failed, "failed"),
    (Verdict::Stopped, "stopped"),
    (Verdict::Error, "error"),
];
/// Label of hits without details.
const UNDETAILED: &str = "undetailed";

/// The text of a scrape.
pub fn text(figures: &Figures, scope: &Scope) -> Result<String, prometheus::Error> {
    let samples = samples(figures, scope);
    debug_assert!(samples.series() <= MAX_SERIES, "{} series", samples.series());
    encode(&samples.families())
}

/// Every sample.
pub(super) fn samples(figures: &Figures, scope: &Scope) -> Samples {
    let run = figures.result.run_id.as_str();
    let mut to =
        Samples::new(&[("namespace", &scope.namespace), ("loadtest", &scope.loadtest), ("run", run)]);
    progress(figures, &mut to);
    requests(figures, &mut to);
    durations(figures, &mut to);
    tests(figures, &mut to);
    agents(figures, &mut to);
    own(figures, &mut to);
    criteria(figures, &mut to);
    to
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn counts(to: &mut Samples, list: &[(&Definition, u64)]) {
    for (definition, value) in list {
        to.set(definition, &[], *value as f64);
    }
}

fn progress(figures: &Figures, to: &mut Samples) {
    let result = &figures.result;
    to.set(&t::RUN_INFO, &[&result.test, &result.executor], 1.0);
    for (stage, name) in STAGES {
        to.set(&t::RUN_STAGE, &[name], f64::from(u8::from(stage == figures.stage)));
    }
    for (verdict, name) in VERDICTS {
        to.set(&t::RUN_VERDICT, &[name], f64::from(u8::from(verdict == result.verdict)));
    }
    to.set(&t::RUN_STEP, &[], f64::from(figures.step) + 1.0);
    to.set(&t::RUN_STEPS, &[], result.steps.len() as f64);
    to.set(&t::RUN_PROGRESS, &[], f64::from(figures.progress) / 100.0);
    if let Some(start) = figures.times.0 {
        to.set(&t::RUN_START, &[], start);
    }
    if let Some(end) = figures.times.1 {
        to.set(&t::RUN_END, &[], end);
    }
}

fn requests(figures: &Figures, to: &mut Samples) {
    let result = &figures.result;
    for row in &figures.measured.hits {
        to.set(&t::HITS, &[&row.label, &row.method, &row.status.to_string()], row.hits as f64);
    }
    to.set(&t::HITS, &[UNDETAILED, "", ""], result.undetailed as f64);
    for times in &figures.measured.times {
        to.set(&t::UNEXPECTED, &[&times.label], times.unexpected as f64);
    }
    to.set(&t::FAILED, &["before_send"], result.failed_before_send as f64);
    to.set(&t::FAILED, &["after_send"], result.failed_after_send as f64);
    let known = ErrorKind::NAMED.iter().map(|(name, _)| *name);
    for kind in known.filter(|kind| !result.request_errors.contains_key(*kind)) {
        to.set(&t::ERRORS, &[kind], 0.0);
    }
    for (kind, count) in &result.request_errors {
        to.set(&t::ERRORS, &[kind], *count as f64);
    }
    let sockets = result.web_sockets;
    counts(
        to,
        &[
            (&t::SENT, result.sent),
            (&t::UNANSWERED, result.unanswered),
            (&t::RETRIED, result.retries),
            (&t::RECEIVED, result.bytes),
            (&t::SOCKETS_OPENED, sockets.opened),
            (&t::SOCKETS_CLOSED, sockets.closed),
            (&t::SOCKET_BYTES, sockets.bytes_received),
        ],
    );
}

fn durations(figures: &Figures, to: &mut Samples) {
    let measured = &figures.measured;
    for times in &measured.times {
        to.distribution(&t::DURATION, &[&times.label], &times.distribution);
        for (q, value) in QUANTILES.iter().zip(&times.quantiles) {
            to.set(&t::LABEL_QUANTILE, &[&times.label, &q.to_string()], *value);
        }
    }
    for (window, values) in [("run", &measured.run), ("last", &measured.last)] {
        for (q, value) in QUANTILES.iter().zip(values.iter().flatten()) {
            to.set(&t::QUANTILE, &[&q.to_string(), window], *value);
        }
    }
}

fn tests(figures: &Figures, to: &mut Samples) {
    let tests = figures.result.tests;
    let outcomes = [
        ("success", tests.success),
        ("error", tests.errors),
        ("failure", tests.failures),
        ("skipped", tests.skipped),
        ("interrupted", tests.interrupted),
    ];
    for (outcome, count) in outcomes {
        to.set(&t::TESTS, &[outcome], count as f64);
    }
    counts(
        to,
        &[
            (&t::TESTS_STARTED, tests.started),
            (&t::TESTS_LOST, tests.lost),
            (&t::TESTS_PLANNED, tests.planned),
        ],
    );
    for (counter, count) in &figures.result.counters {
        to.set(&t::CUSTOM, &[counter], *count as f64);
    }
}

fn agents(figures: &Figures, to: &mut Samples) {
    let result = &figures.result;
    for (state, count) in &figures.agents {
        to.set(&t::AGENTS, &[state], f64::from(*count));
    }
    let of_step = result.steps.get(usize::from(figures.step)).map_or(0, |step| step.users);
    let wanted = u64::from(of_step) * u64::from(result.agents.wanted);
    let on = figures.stage == Stage::Running;
    counts(
        to,
        &[
            (&t::USERS, figures.measured.users.into()),
            (&t::USERS_WANTED, if on { wanted } else { 0 }),
            (&t::AGENTS_WANTED, result.agents.wanted.into()),
            (&t::AGENTS_LOST, result.agents.lost.into()),
            (&t::DELAYED, result.delayed),
            (&t::LATE, result.late),
            (&t::BAD, result.bad_messages),
        ],
    );
    to.set(&t::START_SKEW, &[], seconds(result.agents.start_skew_microseconds));
    to.set(&t::GENERATOR_LAG, &[], seconds(result.agents.lag_microseconds));
    to.set(&t::GENERATOR_CPU, &[], seconds(result.agents.cpu_milliseconds * 1_000));
}

/// Of the broker itself.
fn own(figures: &Figures, to: &mut Samples) {
    to.set(&t::LABELS_FOLDED, &[], figures.measured.labels_folded as f64);
    let left_out = figures.left_out;
    let why = [
        ("version", left_out.version),
        ("run", left_out.run),
        ("garbage", left_out.garbage),
        ("window", left_out.windows),
    ];
    for (why, count) in why {
        to.set(&t::LEFT_OUT, &[why], count as f64);
    }
}

fn criteria(figures: &Figures, to: &mut Samples) {
    let mut seen = std::collections::BTreeSet::new();
    for criterion in &figures.result.criteria {
        let name = criterion.criterion.as_str();
        // Written twice it is judged twice, and a series can be told only once.
        if !seen.insert(name) {
            continue;
        }
        to.set(&t::CRITERION_PASSED, &[name], f64::from(u8::from(criterion.passed)));
        to.set(&t::CRITERION_THRESHOLD, &[name], criterion.threshold);
        if let Some(measured) = criterion.measured {
            to.set(&t::CRITERION_MEASURED, &[name], measured);
        }
    }
}
