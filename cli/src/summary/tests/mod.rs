//! Whole summaries against the texts in golden/, and the results schema against docs/.

use std::path::Path;

use loads_wire::RunResult;
use loads_wire::result::SecondResult;

use super::*;

mod results;
mod schema;

/// Compares with a committed file. `LOADS_REGENERATE=1 cargo test -p loads summary` writes it anew instead.
fn assert_golden(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("LOADS_REGENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{file} has drifted; `LOADS_REGENERATE=1 cargo test -p loads summary` writes it anew.\n\
         --- committed\n{golden}\n--- now\n{text}"
    );
}

fn plain() -> Style {
    Style::new(false, None, false)
}

#[test]
fn a_run_in_which_all_went_well_is_told_briefly() {
    assert_golden("src/summary/golden/passed.txt", &render(&results::passed(), &plain()));
}

#[test]
fn a_run_with_every_kind_of_trouble_names_each() {
    assert_golden("src/summary/golden/failed.txt", &render(&results::failed(), &plain()));
}

#[test]
fn a_run_that_never_started_says_so_and_shows_no_empty_section() {
    let result = RunResult {
        verdict: Verdict::Error,
        reasons: vec!["no agent was ready within 300 s".into()],
        ..RunResult::default()
    };
    assert_golden("src/summary/golden/never-started.txt", &render(&result, &plain()));
}

#[test]
fn no_line_is_wider_than_asked_unless_a_traceback_is() {
    for width in [72, 80, 160] {
        let text = render(&results::failed(), &Style { width, colour: false });
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn colour_changes_no_character_of_the_text() {
    let style = Style { width: 80, colour: true };
    let coloured = render(&results::failed(), &style);
    assert!(coloured.contains("Verdict: \x1b[31mfailed\x1b[0m"), "{coloured}");
    assert_eq!(console::strip_ansi_codes(&coloured), render(&results::failed(), &plain()));
}

#[test]
fn the_live_line_shows_the_last_second_that_has_settled() {
    let second = |second, hits, users| SecondResult { second, hits, users, ..SecondResult::default() };
    let mut result = RunResult { duration_seconds: 3.6, hits: 260, ..RunResult::default() };
    result.seconds = vec![second(0, 50, 1), second(1, 90, 2), second(2, 100, 3), second(3, 20, 3)];
    assert_eq!(live_line(&result), "3 s  260 hits  100 RPS  0 errors  3 users");
    result.duration_seconds = 3.4;
    assert_eq!(live_line(&result), "3 s  260 hits  90 RPS  0 errors  2 users");
    result.seconds.clear();
    (result.tests.errors, result.failed_before_send) = (1, 2);
    assert_eq!(live_line(&result), "3 s  260 hits  0 RPS  1 error  2 requests failed  0 users");
}
