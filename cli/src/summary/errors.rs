//! The most common errors, each with one example's traceback.

use loads_wire::RunResult;
use loads_wire::result::ErrorEntry;

use super::more;
use super::style::Style;
use super::text::{clean, one_line, wrap};

/// Kinds of errors shown; the results file has them all.
const MOST_ERRORS: usize = 10;
/// Lines of a traceback shown: its end says what happened.
const MOST_LINES: usize = 20;

/// The section, empty without errors.
pub fn section(result: &RunResult, style: &Style) -> String {
    if result.errors.is_empty() {
        return String::new();
    }
    let mut lines = vec![style.bold("Most common errors")];
    lines.extend(result.errors.iter().take(MOST_ERRORS).map(|error| entry(error, style)));
    lines.join("\n") + &more(result.errors.len(), MOST_ERRORS, "errors")
}

fn entry(error: &ErrorEntry, style: &Style) -> String {
    let source = match error.source.as_str() {
        "testError" => "test error",
        "testFailure" => "test failure",
        other => other,
    };
    let head = format!("{} × {} ({}) {}", error.count, error.kind, source, error.label);
    let mut out = style.red(&wrap(&one_line(&head), style.width, "", "  "));
    if !error.message.is_empty() {
        out.push('\n');
        out.push_str(&wrap(&clean(&error.message), style.width, "  ", "  "));
    }
    for line in traceback(&error.traceback) {
        out.push_str("\n    ");
        out.push_str(&line);
    }
    out
}

fn traceback(text: &str) -> Vec<String> {
    let text = clean(text);
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let cut = lines.len().saturating_sub(MOST_LINES);
    let note = (cut > 0).then(|| format!("… {cut} lines before"));
    note.into_iter().chain(lines[cut..].iter().map(|line| (*line).to_owned())).collect()
}
