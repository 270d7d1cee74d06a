//! `loads compare`: whether a second run is worse than a first one.

mod judge;
mod text;

use loads_wire::RunResult;
use serde::Serialize;

use self::judge::{Comparison, Finding};
use crate::cluster;
use crate::exit::Exit;
use crate::source::Source;
use crate::summary::Style;

/// Options of `loads compare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run to measure by: a results file, `-`, or `loadtest/NAME` for a run in a cluster.
    before: String,
    /// The run to judge.
    after: String,
    /// Change that does not matter, in percent.
    #[arg(long, default_value_t = 10.0, value_name = "PERCENT", value_parser = tolerance)]
    tolerance: f64,
    /// As text or as JSON.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    cluster: cluster::Options,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

/// Everything that is said about two runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    /// Worse if any figure is.
    finding: Finding,
    /// What makes the comparison doubtful.
    notes: Vec<String>,
    figures: Vec<Comparison>,
    labels: Vec<text::LabelChange>,
}

/// Compares; exit code 99 when the second run is worse.
pub async fn compare(args: Args) -> Result<(), Exit> {
    let before = Source::of(&args.before)?.read(&args.cluster).await?;
    let after = Source::of(&args.after)?.read(&args.cluster).await?;
    let tolerance = args.tolerance / 100.0;
    let figures = judge::judge(&before, &after, tolerance).map_err(|e| Exit::error(e.to_string()))?;
    let worse = figures.iter().any(|figure| figure.finding == Finding::Worse);
    let better = figures.iter().any(|figure| figure.finding == Finding::Better);
    let finding = match (worse, better) {
        (true, _) => Finding::Worse,
        (_, true) => Finding::Better,
        _ => Finding::Same,
    };
    let notes = differences(&before, &after);
    let labels = text::labels(&before, &after, tolerance);
    let verdict = Verdict { finding, notes, figures, labels };
    match args.output {
        Output::Text => print!("{}", text::render(&verdict, &Style::of_stdout())),
        Output::Json => {
            let json = serde_json::to_string_pretty(&verdict).map_err(|e| Exit::error(e.to_string()))?;
            println!("{json}");
        }
    }
    if worse { Err(Exit::silent(99)) } else { Ok(()) }
}

/// What two runs must have in common to be compared.
fn differences(before: &RunResult, after: &RunResult) -> Vec<String> {
    let users = |result: &RunResult| {
        let steps: Vec<_> = result.steps.iter().map(|step| step.users.to_string()).collect();
        steps.join(":")
    };
    let pairs = [
        ("test", before.test.clone(), after.test.clone()),
        ("executor", before.executor.clone(), after.executor.clone()),
        ("number of agents", before.agents.wanted.to_string(), after.agents.wanted.to_string()),
        ("number of users", users(before), users(after)),
    ];
    let differ = pairs.iter().filter(|(_, x, y)| x != y);
    let mut notes: Vec<_> =
        differ.map(|(what, x, y)| format!("The runs differ in their {what}: {x:?} and {y:?}.")).collect();
    for (which, result) in [("first", before), ("second", after)] {
        if matches!(result.verdict, loads_wire::result::Verdict::Running) {
            notes.push(format!("The {which} run is not over yet."));
        }
    }
    notes
}

fn tolerance(text: &str) -> Result<f64, String> {
    let value: f64 = text.trim_end_matches('%').parse().map_err(|_| "give a number such as 10".to_owned())?;
    if (0.0..=1000.0).contains(&value) { Ok(value) } else { Err("give a number from 0 to 1000".to_owned()) }
}
