//! `loads wait`: stays until a run in a cluster is over, and ends as its verdict says.

use std::pin::pin;

use futures::TryStreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use loads_api::conditions::{ConditionStatus, FINISHED, SUCCEEDED, reason};
use loads_api::{LoadTest, LoadTestStatus};
use loads_wire::result::Verdict;

use super::{Cluster, Options, find};
use crate::exit::Exit;
use crate::signals::stop_orders;
use crate::summary;

/// Options of `loads wait`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the LoadTest.
    name: String,
    /// Say nothing before the summary.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    cluster: Options,
}

/// Waits; Ctrl-C leaves the run alone.
pub async fn wait(args: Args) -> Result<(), Exit> {
    let mut orders = stop_orders()?;
    let cluster = args.cluster.connect().await?;
    let test = tokio::select! {
        over = until_over(&cluster, &args.name, args.quiet) => over?,
        _ = orders.changed() => return Err(Exit::error("no longer waited for; the run goes on")),
    };
    if let Some(result) = cluster.kept(&test).await? {
        print!("{}", summary::render(&result, &summary::Style::of_stdout()));
        return Exit::of(result.verdict);
    }
    let status = test.status.unwrap_or_default();
    println!("{}", find::state(Some(&status)));
    Exit::of(verdict(&status))
}

/// The LoadTest once it is over.
async fn until_over(cluster: &Cluster, name: &str, quiet: bool) -> Result<LoadTest, Exit> {
    cluster.load_test(name).await?;
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut seen = pin!(watcher(cluster.api::<LoadTest>(), only).default_backoff().applied_objects());
    let mut told = String::new();
    loop {
        let test = match seen.try_next().await {
            Ok(Some(test)) => test,
            Ok(None) => return Err(Exit::error("the watch ended; wait again")),
            Err(error) => {
                // Tried again by the watch itself.
                tracing::debug!(%error, "the watch was interrupted");
                cluster.load_test(name).await?;
                continue;
            }
        };
        let line = line(test.status.as_ref());
        if !quiet && line != told {
            eprintln!("{line}");
            told = line;
        }
        if test.status.as_ref().is_some_and(|status| status.is_true(FINISHED)) {
            return Ok(test);
        }
    }
}

/// How it stands, in one line.
fn line(status: Option<&LoadTestStatus>) -> String {
    let display = status.and_then(|status| status.display.as_ref());
    let results = status.and_then(|status| status.results.as_ref());
    match (display, results) {
        (Some(display), Some(results)) => format!(
            "{:>4}  {} agents  {} hits  {} RPS  {}% errors  p95 {}",
            display.progress,
            display.agents,
            results.hits,
            display.requests_per_second,
            display.error_percent,
            display.p95
        ),
        _ => find::state(status),
    }
}

/// The verdict of a run that left no result: it never sent anything, or its broker was lost.
fn verdict(status: &LoadTestStatus) -> Verdict {
    let Some(condition) = status.condition(SUCCEEDED) else { return Verdict::Error };
    match (condition.status, condition.reason.as_str()) {
        (ConditionStatus::True, _) => Verdict::Passed,
        (_, reason::STOPPED) => Verdict::Stopped,
        (_, reason::TESTS_FAILED | reason::CRITERIA_FAILED | reason::INCOMPLETE) => Verdict::Failed,
        _ => Verdict::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn over(status: &str, reason: &str) -> LoadTestStatus {
        serde_json::from_value(
            json!({"conditions": [{"type": "Succeeded", "status": status, "reason": reason,
            "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
        )
        .unwrap()
    }

    #[test]
    fn a_run_without_a_result_ends_as_its_condition_says() {
        assert_eq!(verdict(&over("True", "Passed")), Verdict::Passed);
        assert_eq!(verdict(&over("False", "Stopped")), Verdict::Stopped);
        assert_eq!(verdict(&over("False", "CriteriaFailed")), Verdict::Failed);
        assert_eq!(verdict(&over("False", "StartTimeout")), Verdict::Error);
        assert_eq!(verdict(&LoadTestStatus::default()), Verdict::Error);
    }

    #[test]
    fn a_line_has_the_figures_once_there_are_some_and_the_cause_of_waiting_before() {
        let mut status: LoadTestStatus = serde_json::from_value(json!({
            "display": {"agents": "2/2", "progress": "40%", "requestsPerSecond": "12", "errorPercent": "0.5", "p95": "3ms"}
        }))
        .unwrap();
        assert!(line(Some(&status)).contains("no operator"));
        status.results = Some(serde_json::from_value(json!({"hits": 7})).unwrap());
        assert_eq!(line(Some(&status)), " 40%  2/2 agents  7 hits  12 RPS  0.5% errors  p95 3ms");
    }
}
