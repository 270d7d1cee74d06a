//! The API server's verdict without an API server: the file's YAML, unknown fields, the CRD's schema,
//! its defaults, its CEL rules, in this order and in the server's words.

mod cel;
mod document;
mod metadata;
mod schema;
mod unknown;

use std::fmt;

use serde_json::Value;

use crate::loadtest::LoadTest;
use document::Positions;

/// A place in a file, both figures from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One thing that is wrong with a LoadTest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as its caller named it.
    pub file: String,
    /// Where in the file; none when the object did not come from a file.
    pub place: Option<Place>,
    /// What is wrong, in the API server's words where it would say anything.
    pub message: String,
    /// What to do, where the message does not say it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(formatter, ":{line}:{column}")?;
        }
        write!(formatter, ": {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(formatter, " ({hint})"))
    }
}

impl std::error::Error for Problem {}

/// A problem before it is known where the file has it.
#[derive(Debug)]
struct Finding {
    /// The field as the server names it, such as `spec.http.requests[0].path`.
    path: String,
    message: String,
    hint: Option<String>,
    /// The server looks at no CEL rule while there is one of these.
    blocking: bool,
}

impl Finding {
    /// A fault of a field, as the server's field errors read.
    fn field(path: &str, message: &str) -> Self {
        let name = if path.is_empty() { "<nil>" } else { path };
        Self { path: path.to_owned(), message: format!("{name}: {message}"), hint: None, blocking: false }
    }

    fn blocking(self) -> Self {
        Self { blocking: true, ..self }
    }
}

/// A LoadTest from the text of a file, with the server's defaults; or everything that is wrong with it.
pub fn load(file: &str, text: &str) -> Result<LoadTest, Vec<Problem>> {
    let (value, positions) = document::parse(text).map_err(|fault| {
        vec![Problem { file: file.to_owned(), place: fault.place, message: fault.message, hint: fault.hint }]
    })?;
    judge(value).map_err(|findings| placed(file, findings, Some(&positions)))
}

/// The problems of the text of a file; none when a cluster with this version's CRD would take it.
pub fn lint(file: &str, text: &str) -> Vec<Problem> {
    load(file, text).err().unwrap_or_default()
}

/// The problems of a LoadTest that was put together in memory; `origin` stands for the file's name.
pub fn check(origin: &str, test: &LoadTest) -> Vec<Problem> {
    let judged = serde_json::to_value(test).map_err(|error| vec![Finding::field("", &error.to_string())]);
    judged.and_then(judge).err().map_or_else(Vec::new, |findings| placed(origin, findings, None))
}

/// The problems that the API server would have with a change of a LoadTest.
pub fn check_change(origin: &str, old: &LoadTest, new: &LoadTest) -> Vec<Problem> {
    let json =
        |test| serde_json::to_value(test).map_err(|error| vec![Finding::field("", &error.to_string())]);
    let findings = match (json(old), json(new), crate::crd::schema()) {
        (Ok(old), Ok(new), Ok(schema)) => cel::faults(schema, &new, Some(&old)),
        (Err(findings), ..) | (_, Err(findings), _) => findings,
        (_, _, Err(error)) => vec![Finding::field("", &error)],
    };
    placed(origin, findings, None)
}

fn placed(file: &str, findings: Vec<Finding>, positions: Option<&Positions>) -> Vec<Problem> {
    let mut problems: Vec<_> = findings
        .into_iter()
        .map(|Finding { path, message, hint, .. }| Problem {
            file: file.to_owned(),
            place: positions.filter(|_| !path.is_empty()).map(|positions| positions.of(&path)),
            message,
            hint,
        })
        .collect();
    problems.sort_by_key(|problem| (problem.place.is_none(), problem.place));
    problems
}

/// What the server would do with the object, step by step.
fn judge(mut value: Value) -> Result<LoadTest, Vec<Finding>> {
    let internal =
        |error: &dyn fmt::Display| vec![Finding::field("", &format!("can not be judged: {error}"))];
    let schema = crate::crd::schema().map_err(|error| internal(&error))?;
    metadata::kind(&value).map_err(|finding| vec![finding])?;
    // The server takes the status from the status subresource only.
    value.as_object_mut().map(|object| object.remove("status"));
    document::drop_nulls(&mut value, schema);

    let mut findings = unknown::fields(&value, schema);
    findings.extend(metadata::name(&value));
    let value = kube::core::cel::apply_defaults(schema, &value);
    findings.extend(schema::faults(schema, &value).map_err(|error| internal(&error))?);
    findings.extend(schema::duplicates("", schema, &value));
    if findings.iter().any(|finding| finding.blocking) {
        findings.push(Finding::field(
            "",
            "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
        ));
    } else {
        findings.extend(cel::faults(schema, &value, None));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let test: LoadTest = serde_json::from_value(value).map_err(|error| internal(&error))?;
    test.plan("lint").map_err(|error| {
        vec![Finding { path: error.path(), message: error.to_string(), hint: None, blocking: false }]
    })?;
    Ok(test)
}

#[cfg(test)]
mod tests;
