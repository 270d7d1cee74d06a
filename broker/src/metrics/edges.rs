//! Upper bounds of the duration histogram: thresholds of the criteria, so that a graph can show exactly the
//! share that met them, among some common ones.

use loads_wire::criteria::{Criterion, Subject};
use loads_wire::result::CriterionResult;

/// From 1 ms to 1 min, in nanoseconds.
const COMMON: [u64; 15] = [
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];
/// Most thresholds that become bounds: each is a series for each label.
const MAX_THRESHOLDS: usize = 8;

/// The bounds in nanoseconds, ascending.
pub fn edges(criteria: &[CriterionResult]) -> Vec<u64> {
    let mut edges = COMMON.to_vec();
    let times = criteria.iter().filter(|criterion| is_time(&criterion.criterion));
    for threshold in times.map(|criterion| (criterion.threshold * 1e9).round() as u64) {
        let full = edges.len() >= COMMON.len() + MAX_THRESHOLDS;
        if threshold > 0 && !full && !edges.contains(&threshold) {
            edges.push(threshold);
        }
    }
    edges.sort_unstable();
    edges
}

/// Whether a criterion judges times to the last byte.
fn is_time(criterion: &str) -> bool {
    let subject = Criterion::parse(criterion).map(|criterion| criterion.subject);
    matches!(subject, Ok(Subject::Percentile(_) | Subject::MeanTime))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(text: &str, threshold: f64) -> CriterionResult {
        CriterionResult { criterion: text.into(), threshold, ..CriterionResult::default() }
    }

    #[test]
    fn thresholds_of_times_are_bounds_and_others_are_not() {
        let criteria = [
            criterion("p95<300ms for 10s, stop as failed", 0.3),
            criterion("slow: avg-rt of /cart>40ms", 0.04),
            criterion("fail of /cart>1% over 30s", 0.01),
            criterion("hits<10 over 5s", 10.0),
            criterion("p99<250ms", 0.25),
        ];
        let edges = edges(&criteria);
        assert_eq!(edges.len(), COMMON.len() + 2);
        assert!(edges.contains(&300_000_000) && edges.contains(&40_000_000) && edges.is_sorted());
    }

    #[test]
    fn there_are_never_more_bounds_than_said() {
        let many: Vec<_> = (1..100).map(|n| criterion("p50<1s", f64::from(n) / 7.0)).collect();
        assert_eq!(edges(&many).len(), COMMON.len() + MAX_THRESHOLDS);
        assert_eq!(edges(&[criterion("p50<0", 0.0), criterion("p50<?", f64::NAN)]), COMMON);
    }
}
