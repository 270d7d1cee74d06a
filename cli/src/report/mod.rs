//! `loads report`: what a run's results say, for people and for other programs.
//!
//! [`render`] is pure; the file that comes in is what `loads run --results` writes, or the report that the operator
//! keeps of a run.

mod junit;
mod table;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use loads_wire::RunResult;

use crate::cluster;
use crate::exit::Exit;
use crate::source::Source;

/// Options of `loads report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Results as `loads run --results` writes them, `-` for standard input, or `loadtest/NAME` for a run in a
    /// cluster.
    #[arg(value_name = "RESULTS")]
    results: String,
    /// What to make of them.
    #[arg(short, long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Where to write it; `-` is standard output. Default: for html a file named after the results, beside
    /// which it is put; standard output for the others.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    cluster: cluster::Options,
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
pub async fn report(args: &Args) -> Result<(), Exit> {
    let source = Source::of(&args.results)?;
    let result = source.read(&args.cluster).await?;
    let text = render(&result, args.format).map_err(Exit::error)?;
    if let Some(path) = output(args, &source) {
        return write(&path, &source, &text);
    }
    print(&text)
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

fn output(args: &Args, source: &Source) -> Option<PathBuf> {
    match &args.output {
        Some(path) if path == Path::new("-") => None,
        Some(path) => Some(path.clone()),
        None if args.format != Format::Html => None,
        None => Some(match source {
            Source::Stdin => "report.html".into(),
            Source::File(path) => path.with_extension("html"),
            Source::LoadTest(name) => format!("{name}.html").into(),
        }),
    }
}

/// To standard output, whose reader may have seen enough: `| head` is no error.
fn print(text: &str) -> Result<(), Exit> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Exit::error(format!("the report can not be written to standard output: {e}")))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, source: &Source, text: &str) -> Result<(), Exit> {
    if matches!(source, Source::File(results) if results == path) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn args(results: &str, format: Format, output: Option<&str>) -> Args {
        let cluster = cluster::Options::default();
        Args { results: results.into(), format, output: output.map(PathBuf::from), cluster }
    }

    #[test]
    fn json_is_the_result_again() {
        let result = RunResult { hits: 7, ..RunResult::default() };
        let json = render(&result, Format::Json).unwrap();
        assert_eq!(serde_json::from_str::<RunResult>(&json).unwrap(), result);
    }

    #[test]
    fn a_page_goes_into_a_file_beside_its_results_and_the_rest_to_standard_output() {
        let to =
            |results: &str, format, file| output(&args(results, format, file), &Source::of(results).unwrap());
        let html = |results, file| to(results, Format::Html, file);
        assert_eq!(html("a/run.json", None), Some("a/run.html".into()));
        assert_eq!(html("-", None), Some("report.html".into()));
        assert_eq!(html("run.json", Some("-")), None);
        assert_eq!(html("loadtest/shop", None), Some("shop.html".into()));
        assert_eq!(to("run.json", Format::Csv, None), None);
        assert_eq!(to("run.json", Format::Csv, Some("x")), Some("x".into()));
    }

    #[tokio::test]
    async fn results_are_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.html");
        let json = render(
            &RunResult { schema: loads_wire::result::SCHEMA.into(), ..RunResult::default() },
            Format::Json,
        )
        .unwrap();
        std::fs::write(&path, &json).unwrap();
        let refused = report(&args(path.to_str().unwrap(), Format::Html, None)).await.unwrap_err();
        assert!(format!("{refused:?}").contains("would go over the results"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), json);
    }
}
