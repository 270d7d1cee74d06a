//! A comparison as text for people. Pure.

use std::collections::BTreeMap;

use loads_wire::RunResult;
use serde::Serialize;

use super::Verdict;
use super::judge::{Comparison, Finding};
use crate::summary::{Style, Table, seconds};

/// A label with fewer hits in either run says nothing by its percentile.
const LEAST_HITS: u64 = 100;
/// Labels shown, those that changed most.
const MOST_LABELS: usize = 10;

/// A label whose 95th percentile changed by more than the tolerance: where to look, not a judgement.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelChange {
    /// The label, with method and status.
    pub label: String,
    /// 95th percentile of the first run, microseconds.
    pub before: f64,
    /// The same of the second.
    pub after: f64,
    /// after ÷ before − 1.
    pub change: f64,
}

/// Labels that both runs have, slower ones first.
pub fn labels(before: &RunResult, after: &RunResult, tolerance: f64) -> Vec<LabelChange> {
    let of = |result: &RunResult| -> BTreeMap<String, f64> {
        let enough = result.labels.iter().filter(|label| label.hits >= LEAST_HITS);
        enough
            .map(|l| (format!("{} {} {}", l.method, l.label, l.status), l.latency_microseconds.p95))
            .collect()
    };
    let first = of(before);
    let mut changed: Vec<_> = of(after)
        .into_iter()
        .filter_map(|(label, after)| {
            let before = *first.get(&label).filter(|before| **before > 0.0)?;
            let change = after / before - 1.0;
            (change.abs() >= tolerance).then_some(LabelChange { label, before, after, change })
        })
        .collect();
    changed.sort_by(|x, y| y.change.total_cmp(&x.change));
    changed.truncate(MOST_LABELS);
    changed
}

/// The whole text, ending in a newline.
pub fn render(verdict: &Verdict, style: &Style) -> String {
    let mut parts: Vec<String> = verdict.notes.iter().map(|note| style.yellow(note)).collect();
    parts.push(figures(&verdict.figures, style));
    if verdict.finding != Finding::Same && !verdict.labels.is_empty() {
        parts.push(changes(&verdict.labels, style));
    }
    parts.push(last(verdict, style));
    parts.join("\n\n") + "\n"
}

fn figures(all: &[Comparison], style: &Style) -> String {
    let mut table = Table::new(style, ["Figure", "First", "Second", "Change", "Finding"]).flexible(0);
    for figure in all {
        let cells = [
            figure.figure.to_owned(),
            value(figure.before, figure.unit),
            value(figure.after, figure.unit),
            figure.change.map_or_else(String::new, percent),
            format!("{:?}", figure.finding).to_lowercase(),
        ];
        if figure.finding == Finding::Worse { table.bad_row(cells) } else { table.row(cells) }
    }
    table.render()
}

fn changes(labels: &[LabelChange], style: &Style) -> String {
    let mut table = Table::new(style, ["Where to look", "First p95", "Second p95", "Change"]).flexible(0);
    for label in labels {
        table.row([label.label.clone(), seconds(label.before), seconds(label.after), percent(label.change)]);
    }
    table.render()
}

fn last(verdict: &Verdict, style: &Style) -> String {
    let worse: Vec<_> = verdict.figures.iter().filter(|f| f.finding == Finding::Worse).collect();
    match verdict.finding {
        Finding::Worse => {
            let named: Vec<_> = worse
                .iter()
                .map(|f| {
                    f.change.map_or_else(|| f.figure.to_owned(), |c| format!("{} {}", f.figure, percent(c)))
                })
                .collect();
            style.red(&format!("Regression: {}.", named.join(", ")))
        }
        Finding::Better => style.green("No regression; the second run is better."),
        Finding::Same => style.green("No regression: the differences are within tolerance or noise."),
    }
}

fn value(value: f64, unit: &str) -> String {
    match unit {
        "µs" => seconds(value),
        "/s" => format!("{value:.1}/s"),
        _ => format!("{:.2} %", value * 100.0),
    }
}

fn percent(change: f64) -> String {
    let rounded = (change * 100.0).round();
    if rounded == 0.0 { "0 %".to_owned() } else { format!("{rounded:+.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::result::{LabelResult, Latency};

    fn label(name: &str, hits: u64, p95: f64) -> LabelResult {
        let latency_microseconds = Latency { p95, ..Latency::default() };
        LabelResult {
            label: name.into(),
            method: "GET".into(),
            status: 200,
            hits,
            latency_microseconds,
            ..LabelResult::default()
        }
    }

    fn result(labels: Vec<LabelResult>) -> RunResult {
        RunResult { labels, ..RunResult::default() }
    }

    #[test]
    fn labels_that_became_slower_come_first_and_rare_or_steady_ones_not_at_all() {
        let before = result(vec![
            label("/a", 500, 100.0),
            label("/b", 500, 100.0),
            label("/rare", 9, 1.0),
            label("/c", 500, 100.0),
        ]);
        let after = result(vec![
            label("/a", 500, 150.0),
            label("/b", 500, 300.0),
            label("/rare", 9, 9.0),
            label("/c", 500, 101.0),
        ]);
        let named: Vec<_> = labels(&before, &after, 0.1).into_iter().map(|l| l.label).collect();
        assert_eq!(named, ["GET /b 200", "GET /a 200"]);
    }

    #[test]
    fn a_change_that_rounds_to_none_has_no_sign() {
        assert_eq!([-0.004, 0.0, 0.004, 0.2, -0.17].map(percent), ["0 %", "0 %", "0 %", "+20 %", "-17 %"]);
    }

    #[test]
    fn the_last_line_names_what_became_worse() {
        let figure = Comparison {
            figure: "95th percentile",
            unit: "µs",
            before: 1000.0,
            after: 1200.0,
            change: Some(0.2),
            p_value: Some(0.0001),
            finding: Finding::Worse,
        };
        let verdict =
            Verdict { finding: Finding::Worse, notes: vec![], figures: vec![figure], labels: vec![] };
        let text = render(&verdict, &Style { width: 80, colour: false });
        assert!(text.ends_with("Regression: 95th percentile +20 %.\n"), "{text}");
    }
}
