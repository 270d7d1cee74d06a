//! `loads report`: what a run's results say, for people and for other programs.
//!
//! [`render`] is pure; the file that comes in is what `loads run --results` writes, or the report that the operator
//! keeps of a run.

mod junit;
mod table;

use std::path::{Path, PathBuf};

use loads_wire::RunResult;
use loads_wire::result::SCHEMA;

use crate::exit::Exit;

/// Options of `loads report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Results as `loads run --results` writes them; `-` reads standard input.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// What to make of them.
    #[arg(short, long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Where to write it; `-` is standard output. Default: for html a file named after the results, beside
    /// which it is put; standard output for the others.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a report can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One page with everything in it, for any browser, without network.
    Html,
    /// The results again (docs/results.md).
    Json,
    /// A row for each label, method and status.
    Csv,
    /// JUnit's XML: the test is a suite, each criterion a case.
    Junit,
}

/// Writes a report.
pub fn report(args: &Args) -> Result<(), Exit> {
    let name = args.results.display().to_string();
    let result = parse(&name, &read(&args.results)?)?;
    let text = render(&result, args.format).map_err(Exit::error)?;
    match output(args) {
        Some(path) => write(&path, &args.results, &text),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// The report of a run.
pub fn render(result: &RunResult, format: Format) -> Result<String, String> {
    match format {
        Format::Html => Ok(loads_page::report(result)),
        Format::Json => {
            serde_json::to_string_pretty(result).map(|json| json + "\n").map_err(|e| e.to_string())
        }
        Format::Csv => table::render(result).map_err(|e| format!("the table can not be written: {e}")),
        Format::Junit => junit::render(result).map_err(|e| format!("the XML can not be written: {e}")),
    }
}

fn output(args: &Args) -> Option<PathBuf> {
    match &args.output {
        Some(path) if path == Path::new("-") => None,
        Some(path) => Some(path.clone()),
        None if args.format != Format::Html => None,
        None if args.results == Path::new("-") => Some("report.html".into()),
        None => Some(args.results.with_extension("html")),
    }
}

fn read(path: &Path) -> Result<String, Exit> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|e| {
        let path = path.display();
        Exit::usage(format!("{path} can not be read: {e}; give a file that `loads run --results` wrote"))
    })
}

fn write(path: &Path, results: &Path, text: &str) -> Result<(), Exit> {
    if path == results {
        let path = path.display();
        return Err(Exit::usage(format!(
            "the report would go over the results in {path}; choose another file with --output"
        )));
    }
    std::fs::write(path, text).map_err(|e| {
        let path = path.display();
        Exit::usage(format!(
            "the report can not be written to {path}: {e}; choose another file with --output"
        ))
    })?;
    eprintln!("report written to {}", path.display());
    Ok(())
}

/// Says what is wrong with a file that is no result: nearly any JSON object could be read as one without figures.
fn parse(name: &str, text: &str) -> Result<RunResult, Exit> {
    let refuse = |why: String| Exit::usage(format!("{name} is no result of a run: {why}"));
    let hint = "give a file that `loads run --results` wrote";
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| refuse(format!("it is not JSON ({e}); {hint}")))?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => {
            return Err(refuse(format!(
                "its schema is {other:?}, and this program reads {SCHEMA}; use the version of loads that wrote it"
            )));
        }
        None => return Err(refuse(format!("it has no field `schema` that says {SCHEMA}; {hint}"))),
    }
    serde_json::from_value(value).map_err(|e| refuse(format!("{e}; {hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(results: &str, format: Format, output: Option<&str>) -> Args {
        Args { results: results.into(), format, output: output.map(PathBuf::from) }
    }

    fn message(text: &str) -> String {
        format!("{:?}", parse("x.json", text).unwrap_err())
    }

    #[test]
    fn what_is_no_result_is_refused_with_what_is_wrong_and_what_to_do() {
        let cases = [
            ("kind: LoadTest", "it is not JSON"),
            ("[1]", "it has no field `schema`"),
            ("{\"hits\": 1}", "it has no field `schema`"),
            ("{\"schema\": \"loads.dev/results/v9\"}", "use the version of loads that wrote it"),
            ("{\"schema\": \"loads.dev/results/v1\", \"hits\": -1}", "invalid value"),
        ];
        for (text, wrong) in cases {
            let message = message(text);
            assert!(message.contains("x.json is no result of a run") && message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn json_is_the_result_again() {
        let result = RunResult { schema: SCHEMA.into(), hits: 7, ..RunResult::default() };
        let json = render(&result, Format::Json).unwrap();
        assert_eq!(parse("-", &json).unwrap(), result);
    }

    #[test]
    fn a_page_goes_into_a_file_beside_its_results_and_the_rest_to_standard_output() {
        let html = |results, output_file| output(&args(results, Format::Html, output_file));
        assert_eq!(html("a/run.json", None), Some("a/run.html".into()));
        assert_eq!(html("-", None), Some("report.html".into()));
        assert_eq!(html("run.json", Some("-")), None);
        assert_eq!(output(&args("run.json", Format::Csv, None)), None);
        assert_eq!(output(&args("run.json", Format::Csv, Some("x"))), Some("x".into()));
    }

    #[test]
    fn results_are_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.html");
        let json =
            render(&RunResult { schema: SCHEMA.into(), ..RunResult::default() }, Format::Json).unwrap();
        std::fs::write(&path, &json).unwrap();
        let refused = report(&args(path.to_str().unwrap(), Format::Html, None)).unwrap_err();
        assert!(format!("{refused:?}").contains("would go over the results"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), json);
    }
}
