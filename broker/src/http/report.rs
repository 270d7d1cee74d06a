//! The result as the report ConfigMap keeps it: pure.
//!
//! What is many goes first: seconds are summed up in longer and longer groups, then the rarest labels and
//! errors are left out. Totals are never touched, and a note says what is not there.

use loads_wire::RunResult;
use loads_wire::result::SecondResult;

/// Seconds in a group, as far as is needed.
const GROUPS: [u32; 10] = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600];
/// Bytes of an error's example, once errors have to be cut.
const EXAMPLE: usize = 2_000;

/// The result as JSON of at most `limit` bytes; none when even its totals do not fit.
pub fn fit(result: &RunResult, limit: usize) -> Option<Vec<u8>> {
    let mut cut = result.clone();
    for group in GROUPS {
        cut.seconds = SecondResult::fold(&result.seconds, group);
        cut.notes = notes(result, &cut, group);
        if let Some(json) = within(&cut, limit) {
            return Some(json);
        }
    }
    let group = GROUPS[GROUPS.len() - 1];
    cut.errors.iter_mut().for_each(|error| shorten(&mut error.traceback));
    loop {
        cut.notes = notes(result, &cut, group);
        if let Some(json) = within(&cut, limit) {
            return Some(json);
        }
        if !halve_largest(&mut cut) {
            return None;
        }
    }
}

fn within(result: &RunResult, limit: usize) -> Option<Vec<u8>> {
    serde_json::to_vec(result).ok().filter(|json| json.len() <= limit)
}

/// Leaves out the rarer half of the list that takes most room; false when there is none left.
fn halve_largest(cut: &mut RunResult) -> bool {
    let size = |json: serde_json::Result<Vec<u8>>| json.map_or(0, |json| json.len());
    let sizes = [
        size(serde_json::to_vec(&cut.labels)),
        size(serde_json::to_vec(&cut.errors)),
        size(serde_json::to_vec(&cut.seconds)),
        size(serde_json::to_vec(&cut.counters)),
    ];
    let largest = (0..sizes.len()).max_by_key(|list| sizes[*list]).filter(|list| sizes[*list] > 2);
    match largest {
        Some(0) => cut.labels.truncate(cut.labels.len() / 2),
        Some(1) => cut.errors.truncate(cut.errors.len() / 2),
        Some(2) => cut.seconds.truncate(cut.seconds.len() / 2),
        Some(_) => {
            let keep = cut.counters.len() / 2;
            cut.counters = std::mem::take(&mut cut.counters).into_iter().take(keep).collect();
        }
        None => return false,
    }
    true
}

fn notes(result: &RunResult, cut: &RunResult, group: u32) -> Vec<String> {
    let mut said = Vec::new();
    if group > 1 {
        said.push(format!("each {group} seconds are summed up, with the percentiles of the worst one"));
    }
    let mut left_out = |all: usize, kept: usize, what: &str| {
        if kept < all {
            said.push(format!("{} of {all} {what} are left out", all - kept));
        }
    };
    left_out(result.labels.len(), cut.labels.len(), "labels, those with the fewest hits,");
    left_out(result.errors.len(), cut.errors.len(), "kinds of errors, the rarest,");
    left_out(result.counters.len(), cut.counters.len(), "counters");
    let folded = SecondResult::fold(&result.seconds, group).len();
    left_out(folded, cut.seconds.len(), "groups of seconds, the last ones,");
    let mut notes = result.notes.clone();
    if !said.is_empty() {
        notes.push(format!("To make this report small enough, {}.", said.join("; ")));
    }
    notes
}

fn shorten(text: &mut String) {
    text.truncate(text.floor_char_boundary(EXAMPLE));
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::result::{ErrorEntry, LabelResult};

    fn result(seconds: u32, labels: usize, errors: usize) -> RunResult {
        let second = |second| SecondResult { second, hits: 3, p95: f64::from(second), ..Default::default() };
        let label =
            |n| LabelResult { label: format!("/{n}"), hits: (labels - n) as u64, ..Default::default() };
        let error = |n| ErrorEntry {
            kind: format!("other:E{n}"),
            source: "request".into(),
            label: "/".into(),
            message: "m".into(),
            traceback: "é".repeat(10_000),
            count: 1,
        };
        RunResult {
            hits: 9_999,
            notes: vec!["As before.".into()],
            seconds: (0..seconds).map(second).collect(),
            labels: (0..labels).map(label).collect(),
            errors: (0..errors).map(error).collect(),
            ..RunResult::default()
        }
    }

    fn fitted(result: &RunResult, limit: usize) -> RunResult {
        let json = fit(result, limit).unwrap();
        assert!(json.len() <= limit);
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn what_fits_is_not_touched() {
        let result = result(100, 3, 1);
        assert_eq!(fitted(&result, 900 * 1024), result);
    }

    #[test]
    fn a_long_run_keeps_its_sums_in_groups_of_seconds() {
        let small = fitted(&result(7_200, 3, 0), 100_000);
        assert_eq!(small.seconds.iter().map(|second| second.hits).sum::<u64>(), 3 * 7_200);
        let [first, second] = [&small.seconds[0], &small.seconds[1]];
        assert_eq!((first.second, first.p95), (0, f64::from(second.second - 1)), "the worst second's");
        assert_eq!((small.labels.len(), small.notes.len()), (3, 2));
        assert!(small.notes[1].contains("seconds are summed up"), "{:?}", small.notes);
    }

    #[test]
    fn the_rarest_labels_and_errors_go_last_and_the_note_counts_them() {
        let small = fitted(&result(100, 5_000, 40), 50_000);
        assert_eq!((small.hits, small.labels[0].label.as_str()), (9_999, "/0"));
        let left_out = 5_000 - small.labels.len();
        let note = &small.notes[1];
        assert!(left_out > 0 && note.contains(&format!("{left_out} of 5000 labels")), "{note}");
        assert!(small.errors.iter().all(|error| error.traceback.len() <= EXAMPLE));
    }

    #[test]
    fn what_can_not_fit_is_none_and_not_a_broken_report() {
        assert!(fit(&result(10, 10, 1), 100).is_none());
    }
}
