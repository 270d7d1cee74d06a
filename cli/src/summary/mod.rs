//! The result of a run as text for people. Pure: from [`RunResult`] to a string; only [`Style::of_stdout`]
//! looks at the terminal.
//!
//! The first eleven lines are those of Loads 0.3, so that what read them once can read them still.

use loads_wire::RunResult;
use loads_wire::result::Verdict;

use self::text::{clean, duration, one_line, wrap};

mod criteria;
mod errors;
mod live;
mod notes;
mod style;
mod table;
#[cfg(test)]
mod tests;
pub mod text;

pub use live::live_line;
pub use style::Style;
pub use table::Table;
pub use text::seconds;

/// Rows of the table by URL; the results file has them all.
const MOST_ROWS: usize = 20;

/// The whole summary, ending in a newline.
pub fn render(result: &RunResult, style: &Style) -> String {
    let sections = [
        figures(result),
        tests(result, style),
        percentiles(result),
        by_step(result, style),
        by_url(result, style),
        errors::section(result, style),
        counters(result, style),
        criteria::section(result, style),
        notes::section(result, style),
        verdict(result, style),
    ];
    let mut out = sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n");
    out.push('\n');
    out
}

/// The original's first block. Its blank before the last colon is the original's too.
fn figures(result: &RunResult) -> String {
    [
        format!("Duration: {:.2} seconds", result.duration_seconds),
        format!("Hits: {}", result.hits),
        format!("Started: {}", started(&result.started_at)),
        format!("Approximate Average RPS: {:.0}", result.requests_per_second),
        format!("Average request time: {}", seconds(result.latency_microseconds.mean)),
        format!("Opened web sockets: {}", result.web_sockets.opened),
        format!("Bytes received via web sockets : {}", result.web_sockets.bytes_received),
    ]
    .join("\n")
}

/// RFC 3339 as the original wrote it: `2013-06-14 12:15:42.860586`, with the zone, which it left to guess.
fn started(at: &str) -> String {
    match at.strip_suffix('Z').and_then(|at| at.split_once('T')) {
        Some((date, time)) => format!("{date} {time} UTC"),
        None if at.is_empty() => "never".to_owned(),
        None => at.to_owned(),
    }
}

/// The original's second block, and below it what it had no word for.
fn tests(result: &RunResult, style: &Style) -> String {
    let tests = &result.tests;
    let bad = |count: u64, line: String| if count > 0 { style.red(&line) } else { line };
    let mut lines = vec![
        format!("Success: {}", tests.success),
        bad(tests.errors, format!("Errors: {}", tests.errors)),
        bad(tests.failures, format!("Failures: {}", tests.failures)),
    ];
    let unusual = [("Skipped", tests.skipped), ("Interrupted", tests.interrupted), ("Lost", tests.lost)];
    let unusual = unusual.iter().filter(|(_, count)| *count > 0);
    lines.extend(unusual.map(|(name, count)| format!("{name}: {count}")));
    lines.join("\n")
}

fn percentiles(result: &RunResult) -> String {
    let latency = &result.latency_microseconds;
    if result.hits == result.undetailed {
        return String::new();
    }
    let named = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p95", latency.p95),
        ("p99", latency.p99),
        ("max", latency.max),
    ];
    named.map(|(name, micros)| format!("{name} {}", duration(micros))).join("  ")
}

/// Only where there is more than one: else it would say again what stands above.
fn by_step(result: &RunResult, style: &Style) -> String {
    if result.steps.len() < 2 {
        return String::new();
    }
    let mut table =
        Table::new(style, ["Step", "Users", "Seconds", "Hits", "Success", "Errors", "Failures", "p95"]);
    for step in &result.steps {
        table.row([
            (step.step + 1).to_string(),
            step.users.to_string(),
            format!("{:.2}", step.seconds),
            step.hits.to_string(),
            step.tests.success.to_string(),
            step.tests.errors.to_string(),
            step.tests.failures.to_string(),
            duration(step.latency_microseconds.p95),
        ]);
    }
    table.render()
}

fn by_url(result: &RunResult, style: &Style) -> String {
    if result.labels.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, ["Method", "URL", "Status", "Hits", "Mean", "p95", "Max"]).flexible(1);
    for label in result.labels.iter().take(MOST_ROWS) {
        let latency = &label.latency_microseconds;
        let cells = [
            one_line(&label.method),
            one_line(&label.label),
            label.status.to_string(),
            label.hits.to_string(),
            duration(latency.mean),
            duration(latency.p95),
            duration(latency.max),
        ];
        if label.unexpected > 0 { table.bad_row(cells) } else { table.row(cells) }
    }
    table.render() + &more(result.labels.len(), MOST_ROWS, "rows")
}

/// Says how many of `all` are not shown.
fn more(all: usize, shown: usize, what: &str) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        more => format!("\n… and {more} more {what} in the results file"),
    }
}

fn counters(result: &RunResult, style: &Style) -> String {
    if result.counters.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, ["Counter", "Value"]).flexible(0);
    for (name, value) in &result.counters {
        table.row([one_line(name), value.to_string()]);
    }
    table.render()
}

fn verdict(result: &RunResult, style: &Style) -> String {
    let word = match result.verdict {
        Verdict::Running => "still running".to_owned(),
        Verdict::Passed => style.green("passed"),
        Verdict::Failed => style.red("failed"),
        Verdict::Stopped => style.yellow("stopped"),
        Verdict::Error => style.red("error"),
    };
    let mut out = format!("Verdict: {word}");
    for reason in &result.reasons {
        out.push('\n');
        out.push_str(&wrap(&clean(reason), style.width, "  - ", "    "));
    }
    out
}
