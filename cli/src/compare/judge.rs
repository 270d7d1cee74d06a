//! Whether a second run is worse than a first one, beyond noise. Pure.
//!
//! Each figure has one value a second; those of both runs are compared by the Mann-Whitney U test, which asks
//! nothing of their distribution. A difference counts when it is both larger than the tolerance and unlikely
//! to be chance: with thousands of seconds everything is significant, with few everything is large.

use loads_wire::RunResult;
use loads_wire::result::SecondResult;
use serde::Serialize;
use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

/// Seconds that a run must have: with fewer the test can not tell chance apart.
pub const LEAST_SECONDS: usize = 5;
/// Chance of calling noise a difference.
const SIGNIFICANCE: f64 = 0.01;
/// An error share below this is not called worse, however often it is multiplied.
const LEAST_ERROR_SHARE: f64 = 0.001;

/// What came of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Finding {
    /// Neither better nor worse beyond noise.
    Same,
    /// Better.
    Better,
    /// Worse.
    Worse,
}

/// One figure of two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Its name.
    pub figure: &'static str,
    /// Unit of the values: `µs`, `/s` or a share from 0 to 1.
    pub unit: &'static str,
    /// Median over the first run's seconds; for shares the whole run's.
    pub before: f64,
    /// The same of the second.
    pub after: f64,
    /// after ÷ before − 1; none when before is 0.
    pub change: Option<f64>,
    /// Chance that such a difference is noise; none for what is not judged by second.
    pub p_value: Option<f64>,
    /// The judgement.
    pub finding: Finding,
}

/// A figure by second, and which direction is bad.
struct Figure {
    name: &'static str,
    unit: &'static str,
    more_is_worse: bool,
    of: fn(&SecondResult) -> f64,
}

const FIGURES: [Figure; 4] = [
    Figure { name: "requests per second", unit: "/s", more_is_worse: false, of: |s| s.hits as f64 },
    Figure { name: "median response time", unit: "µs", more_is_worse: true, of: |s| s.p50 },
    Figure { name: "95th percentile", unit: "µs", more_is_worse: true, of: |s| s.p95 },
    Figure { name: "99th percentile", unit: "µs", more_is_worse: true, of: |s| s.p99 },
];

/// Why two runs can not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too little to judge by.
    #[error(
        "the {run} run has {seconds} full seconds with load, and at least {LEAST_SECONDS} are needed to tell a difference from noise: let it run longer"
    )]
    TooShort {
        /// first or second.
        run: &'static str,
        /// How many it has.
        seconds: usize,
    },
}

/// Compares the second run with the first; `tolerance` is the share of change that does not matter.
pub fn judge(before: &RunResult, after: &RunResult, tolerance: f64) -> Result<Vec<Comparison>, Error> {
    let group = length(&before.seconds).max(length(&after.seconds));
    let (first, second) = (full("first", before, group)?, full("second", after, group)?);
    let mut all: Vec<Comparison> =
        FIGURES.iter().map(|figure| compare(figure, &first, &second, group, tolerance)).collect();
    all.push(errors(before, after));
    Ok(all)
}

/// Seconds that each entry sums up.
fn length(seconds: &[SecondResult]) -> u32 {
    seconds.windows(2).map(|pair| pair[1].second.saturating_sub(pair[0].second)).min().unwrap_or(1).max(1)
}

/// The entries with load but the first and the last, in which load begins and ends.
fn full(run: &'static str, result: &RunResult, group: u32) -> Result<Vec<SecondResult>, Error> {
    let folded = SecondResult::fold(&result.seconds, group);
    let inner = folded.get(1..folded.len().saturating_sub(1)).unwrap_or_default();
    let with_load: Vec<_> = inner.iter().filter(|second| second.hits > 0).cloned().collect();
    if with_load.len() < LEAST_SECONDS {
        return Err(Error::TooShort { run, seconds: with_load.len() });
    }
    Ok(with_load)
}

fn compare(
    figure: &Figure,
    first: &[SecondResult],
    second: &[SecondResult],
    group: u32,
    tolerance: f64,
) -> Comparison {
    let scale = if figure.unit == "/s" { f64::from(group) } else { 1.0 };
    let values = |seconds: &[SecondResult]| -> Vec<f64> {
        seconds.iter().map(|second| (figure.of)(second) / scale).collect()
    };
    let (x, y) = (values(first), values(second));
    let (before, after) = (median(&x), median(&y));
    let change = (before > 0.0).then(|| after / before - 1.0);
    let p_value = p_value(&x, &y);
    let differs = p_value < SIGNIFICANCE && change.is_none_or(|change| change.abs() >= tolerance);
    let finding = match (differs, (after > before) == figure.more_is_worse) {
        (false, _) => Finding::Same,
        (true, true) => Finding::Worse,
        (true, false) => Finding::Better,
    };
    Comparison {
        figure: figure.name,
        unit: figure.unit,
        before,
        after,
        change,
        p_value: Some(p_value),
        finding,
    }
}

/// Share of requests that failed or had an unexpected status. Not by second: errors come in bursts, so that
/// the whole run's share counts, and only one that doubled, and by more than a thousandth, is worse.
fn errors(before: &RunResult, after: &RunResult) -> Comparison {
    let share = |result: &RunResult| {
        let failed: u64 = result.request_errors.values().sum();
        let unexpected: u64 = result.labels.iter().map(|label| label.unexpected).sum();
        let all = result.hits + result.failed_after_send + result.failed_before_send;
        if all == 0 { 0.0 } else { (failed + unexpected) as f64 / all as f64 }
    };
    let (x, y) = (share(before), share(after));
    let finding = match () {
        () if y > x * 2.0 && y - x > LEAST_ERROR_SHARE => Finding::Worse,
        () if x > y * 2.0 && x - y > LEAST_ERROR_SHARE => Finding::Better,
        () => Finding::Same,
    };
    let change = (x > 0.0).then(|| y / x - 1.0);
    Comparison { figure: "error share", unit: "", before: x, after: y, change, p_value: None, finding }
}

/// Chance of a difference at least as large if both came from the same distribution; 1 where the test can
/// say nothing (all values equal).
fn p_value(x: &[f64], y: &[f64]) -> f64 {
    let tested =
        mannwhitneyu(x, y, MannWhitneyUMethod::AsymptoticInclContinuityCorrection, Alternative::TwoSided);
    tested.ok().map(|(_, p)| p).filter(|p| p.is_finite()).unwrap_or(1.0)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        Some(upper) if sorted.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(sorted[middle - 1], *upper),
        None => 0.0,
    }
}

#[cfg(test)]
mod tests;
