//! What the run was judged by, and how it came out.

use loads_wire::RunResult;

use super::style::Style;
use super::table::Table;
use super::text::one_line;

/// The section, empty without criteria.
pub fn section(result: &RunResult, style: &Style) -> String {
    if result.criteria.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, ["", "Criterion", "Measured", "Threshold", "Failed at"]).flexible(1);
    for criterion in &result.criteria {
        let at = criterion.failed_at_second.map(|second| format!("{second} s"));
        let mark = match (criterion.passed, criterion.measured) {
            (false, _) => "✗",
            (true, Some(_)) => "✓",
            (true, None) => "–",
        };
        let measured = criterion.measured.map(|measured| criterion.show(measured));
        let cells = [
            mark.to_owned(),
            one_line(&criterion.criterion),
            measured.unwrap_or_else(|| "never".to_owned()),
            criterion.show(criterion.threshold),
            at.unwrap_or_default(),
        ];
        if criterion.passed { table.row(cells) } else { table.bad_row(cells) }
    }
    table.render()
}
