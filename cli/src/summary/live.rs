//! One line about a run in progress, for the progress bar.

use loads_wire::RunResult;
use loads_wire::result::SecondResult;

use super::text::count;

/// Seconds after its end until a second's windows have all arrived.
const SETTLED: f64 = 0.5;

/// Elapsed time, hits, hits of the last full second, errors and users; failed requests only if there are any.
pub fn live_line(result: &RunResult) -> String {
    let last = last_full_second(result);
    let users = last.map_or(0, |second| second.users);
    let errors = result.tests.errors + result.tests.failures;
    let failed = result.failed_before_send + result.failed_after_send;
    let failed = if failed > 0 { format!("  {} failed", count(failed, "request")) } else { String::new() };
    format!(
        "{:.0} s  {}  {} RPS  {}{failed}  {}",
        result.duration_seconds.floor(),
        count(result.hits, "hit"),
        last.map_or(0, |second| second.hits),
        count(errors, "error"),
        count(u64::from(users), "user"),
    )
}

/// The second before the present one would jump while its windows come in: the last that has settled.
fn last_full_second(result: &RunResult) -> Option<&SecondResult> {
    let ended = (result.duration_seconds - SETTLED).floor() as u32;
    result.seconds.iter().rev().find(|second| second.second + 1 == ended)
}
