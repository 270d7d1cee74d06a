//! The broker's figures as the status shows them. Pure.

use loads_api::status::{AgentsStatus, DisplayStatus, LatencyStatus, ResultsStatus, StepStatus, TestsStatus};
use loads_wire::RunResult;
use loads_wire::control::Observed;

/// Agents by the broker's count.
pub fn agents(wanted: u32, observed: Option<&Observed>) -> AgentsStatus {
    observed.map_or(AgentsStatus { wanted, ..AgentsStatus::default() }, |observed| AgentsStatus {
        wanted,
        connected: observed.connected,
        ready: observed.ready,
        lost: observed.result.agents.lost,
        start_skew_microseconds: observed.result.agents.start_skew_microseconds,
    })
}

/// The step that the run is in.
pub fn step(observed: &Observed) -> Option<StepStatus> {
    let users = observed.result.steps.get(usize::from(observed.step))?.users;
    Some(StepStatus {
        current: u32::from(observed.step) + 1,
        total: u32::try_from(observed.result.steps.len()).ok()?,
        users,
    })
}

/// Figures so far.
pub fn results(result: &RunResult) -> ResultsStatus {
    let (tests, latency) = (&result.tests, &result.latency_microseconds);
    ResultsStatus {
        sent: result.sent,
        hits: result.hits,
        failed_before_send: result.failed_before_send,
        failed_after_send: result.failed_after_send,
        unanswered: result.unanswered,
        undetailed: result.undetailed,
        errors: errors(result),
        tests: TestsStatus {
            started: tests.started,
            success: tests.success,
            errors: tests.errors,
            failures: tests.failures,
            skipped: tests.skipped,
            interrupted: tests.interrupted,
            lost: tests.lost,
        },
        requests_per_second: result.requests_per_second.round() as u64,
        latency_microseconds: LatencyStatus {
            mean: latency.mean.round() as u64,
            p50: latency.p50.round() as u64,
            p90: latency.p90.round() as u64,
            p95: latency.p95.round() as u64,
            p99: latency.p99.round() as u64,
            max: latency.max.round() as u64,
        },
    }
}

/// Requests that failed, and hits of a status that was not expected.
fn errors(result: &RunResult) -> u64 {
    let unexpected: u64 = result.labels.iter().map(|label| label.unexpected).sum();
    result.failed_before_send + result.failed_after_send + unexpected
}

/// The columns of `kubectl get`.
pub fn display(wanted: u32, observed: Option<&Observed>) -> DisplayStatus {
    let Some(observed) = observed else {
        return DisplayStatus { agents: format!("0/{wanted}"), ..DisplayStatus::default() };
    };
    let result = &observed.result;
    let requests = result.hits + result.failed_before_send + result.failed_after_send;
    let any = requests > 0;
    let share = 100.0 * errors(result) as f64 / requests.max(1) as f64;
    DisplayStatus {
        agents: format!("{}/{wanted}", observed.ready),
        progress: format!("{}%", observed.progress_percent),
        requests_per_second: if any { format!("{:.0}", result.requests_per_second) } else { String::new() },
        error_percent: if any { format!("{share:.2}") } else { String::new() },
        p95: if result.hits > 0 { millis(result.latency_microseconds.p95) } else { String::new() },
    }
}

fn millis(micros: f64) -> String {
    match micros {
        slow if slow >= 1e6 => format!("{:.2}s", slow / 1e6),
        fast if fast >= 1e4 => format!("{:.0}ms", fast / 1e3),
        faster => format!("{:.2}ms", faster / 1e3),
    }
}
