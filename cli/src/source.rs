//! Where a result comes from: a file, standard input, or a run in a cluster.

use std::path::{Path, PathBuf};

use loads_wire::RunResult;
use loads_wire::result::SCHEMA;

use crate::cluster::Options;
use crate::exit::Exit;
use crate::invocation;

/// A result that is yet to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `-`
    Stdin,
    /// What `loads run --results` wrote.
    File(PathBuf),
    /// A run in a cluster.
    LoadTest(String),
}

/// How kubectl's users write the kind.
const KINDS: [&str; 4] = ["loadtest/", "loadtests/", "ldt/", "loadtests.loads.dev/"];

impl Source {
    /// `loadtest/NAME` is a run in a cluster, and so is a bare name to `kubectl loads`; anything else is a file.
    pub fn of(text: &str) -> Result<Self, Exit> {
        Self::parse(text, invocation::is_plugin() && !Path::new(text).exists()).ok_or_else(|| {
            Exit::usage("a run has no name: write loadtest/NAME, or the path of a results file")
        })
    }

    fn parse(text: &str, bare_name: bool) -> Option<Self> {
        if text == "-" {
            return Some(Self::Stdin);
        }
        if let Some(name) = KINDS.iter().find_map(|kind| text.strip_prefix(kind)) {
            return (!name.is_empty()).then(|| Self::LoadTest(name.to_owned()));
        }
        let is_path = text.contains('/') || Path::new(text).extension().is_some();
        Some(if bare_name && !is_path { Self::LoadTest(text.to_owned()) } else { Self::File(text.into()) })
    }

    /// Reads it.
    pub async fn read(&self, cluster: &Options) -> Result<RunResult, Exit> {
        match self {
            Self::Stdin => {
                let text = std::io::read_to_string(std::io::stdin());
                parse("standard input", &text.map_err(|e| Exit::error(format!("standard input: {e}")))?)
            }
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    Exit::usage(format!(
                        "{} can not be read: {e}; give what `loads run --results` wrote, or loadtest/NAME for a run in a cluster",
                        path.display()
                    ))
                })?;
                parse(&path.display().to_string(), &text)
            }
            Self::LoadTest(name) => cluster.connect().await?.result(name).await,
        }
    }
}

/// Says what is wrong with a file that is no result: nearly any JSON object could be read as one without figures.
fn parse(name: &str, text: &str) -> Result<RunResult, Exit> {
    let refuse = |why: String| Exit::usage(format!("{name} is no result of a run: {why}"));
    let hint = "give a file that `loads run --results` wrote, or loadtest/NAME for a run in a cluster";
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

    #[test]
    fn files_standard_input_and_load_tests_are_told_apart() {
        let load_test = |name: &str| Some(Source::LoadTest(name.into()));
        assert_eq!(Source::parse("-", true), Some(Source::Stdin));
        assert_eq!(Source::parse("ldt/shop", false), load_test("shop"));
        assert_eq!(Source::parse("loadtest/shop", true), load_test("shop"));
        assert_eq!(Source::parse("shop", true), load_test("shop"));
        assert_eq!(Source::parse("shop", false), Some(Source::File("shop".into())));
        assert_eq!(Source::parse("shop.json", true), Some(Source::File("shop.json".into())));
        assert_eq!(Source::parse("ldt/", true), None);
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
}
