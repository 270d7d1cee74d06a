//! JUnit's XML, which every CI shows: the test is a suite, each criterion a case.
//!
//! A run that did not pass always has a case that did not: where no criterion failed, one for the verdict.

use std::io;

use loads_wire::RunResult;
use loads_wire::result::{CriterionResult, Verdict};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::summary::text::clean;

/// How a case ended.
enum Outcome {
    Passed,
    /// Judged, and found wanting.
    Failed(String),
    /// Could not be judged.
    Error(String),
}

struct Case {
    name: String,
    outcome: Outcome,
}

type Xml = Writer<Vec<u8>>;

/// The document.
pub fn render(result: &RunResult) -> io::Result<String> {
    let cases = cases(result);
    let count =
        |kind: fn(&Outcome) -> bool| cases.iter().filter(|case| kind(&case.outcome)).count().to_string();
    let failures = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let errors = count(|outcome| matches!(outcome, Outcome::Error(_)));
    let (all, time) = (cases.len().to_string(), format!("{:.3}", result.duration_seconds));
    let name = clean(&result.test);
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut suite = xml.create_element("testsuite").with_attributes([
        ("name", name.as_str()),
        ("tests", &all),
        ("failures", &failures),
        ("errors", &errors),
        ("skipped", "0"),
        ("time", &time),
    ]);
    if !result.started_at.is_empty() {
        suite = suite.with_attribute(("timestamp", result.started_at.as_str()));
    }
    suite.write_inner_content(|xml| {
        properties(xml, result)?;
        cases.iter().try_for_each(|case| write_case(xml, &name, &time, case))
    })?;
    // Of strings only strings come.
    Ok(String::from_utf8(xml.into_inner()).unwrap_or_default() + "\n")
}

fn cases(result: &RunResult) -> Vec<Case> {
    let mut cases: Vec<Case> = result.criteria.iter().map(criterion).collect();
    let is_said = cases.iter().any(|case| matches!(case.outcome, Outcome::Failed(_)));
    let passed = result.verdict == Verdict::Passed;
    if cases.is_empty() || !(passed || is_said) {
        cases.push(Case { name: "verdict".into(), outcome: verdict(result) });
    }
    cases
}

fn criterion(criterion: &CriterionResult) -> Case {
    let outcome = if criterion.passed {
        Outcome::Passed
    } else {
        let measured =
            criterion.measured.map_or_else(|| "nothing".into(), |measured| criterion.show(measured));
        let at = criterion.failed_at_second.map(|second| format!(", first at second {second}"));
        let at = at.unwrap_or_default();
        let threshold = criterion.show(criterion.threshold);
        Outcome::Failed(format!("measured {measured}, threshold {threshold}{at}"))
    };
    Case { name: clean(&criterion.criterion), outcome }
}

fn verdict(result: &RunResult) -> Outcome {
    let why =
        if result.reasons.is_empty() { result.reason.clone() } else { clean(&result.reasons.join("\n")) };
    match result.verdict {
        Verdict::Passed => Outcome::Passed,
        Verdict::Failed => Outcome::Failed(why),
        Verdict::Stopped | Verdict::Error => Outcome::Error(why),
        Verdict::Running => Outcome::Error("the run was not over when its results were read".into()),
    }
}

fn properties(xml: &mut Xml, result: &RunResult) -> io::Result<()> {
    let properties = [
        ("run", result.run_id.clone()),
        ("executor", result.executor.clone()),
        ("agents", result.agents.wanted.to_string()),
        ("duration", format!("{:.3}", result.duration_seconds)),
        ("hits", result.hits.to_string()),
        ("verdict", format!("{:?}", result.verdict).to_lowercase()),
    ];
    xml.create_element("properties")
        .write_inner_content(|xml| {
            properties.iter().try_for_each(|(name, value)| {
                let property = xml.create_element("property");
                let value = clean(value);
                property
                    .with_attributes([("name", *name), ("value", value.as_str())])
                    .write_empty()
                    .map(|_| ())
            })
        })
        .map(|_| ())
}

fn write_case(xml: &mut Xml, suite: &str, time: &str, case: &Case) -> io::Result<()> {
    let attributes = [("classname", suite), ("name", case.name.as_str()), ("time", time)];
    let element = xml.create_element("testcase").with_attributes(attributes);
    let (tag, why) = match &case.outcome {
        Outcome::Passed => return element.write_empty().map(|_| ()),
        Outcome::Failed(why) => ("failure", why),
        Outcome::Error(why) => ("error", why),
    };
    let first = why.lines().next().unwrap_or_default();
    element
        .write_inner_content(|xml| {
            let said = xml.create_element(tag).with_attribute(("message", first));
            said.write_text_content(BytesText::new(why)).map(|_| ())
        })
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(verdict: Verdict) -> RunResult {
        RunResult {
            run_id: "shop-1".into(),
            test: "shop <\"&\u{1}\">".into(),
            executor: "http".into(),
            verdict,
            reasons: vec!["3 tests had errors.".into(), "1 agent was lost.".into()],
            started_at: "2026-11-22T10:00:00.000Z".into(),
            duration_seconds: 10.25,
            ..RunResult::default()
        }
    }

    fn with_criteria(verdict: Verdict, passed: [bool; 2]) -> RunResult {
        let criterion = |(criterion, passed): (&str, bool)| CriterionResult {
            criterion: criterion.into(),
            passed,
            measured: Some(0.35),
            threshold: 0.3,
            failed_at_second: (!passed).then_some(4),
        };
        let criteria = ["p95<300ms", "fail>1% over 30s"].into_iter().zip(passed).map(criterion).collect();
        RunResult { criteria, ..result(verdict) }
    }

    #[test]
    fn criteria_are_cases_and_say_what_was_measured() {
        let xml = render(&with_criteria(Verdict::Failed, [false, true])).unwrap();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="shop &lt;&quot;&amp;&quot;&gt;" tests="2" failures="1" errors="0" skipped="0" time="10.250" timestamp="2026-11-22T10:00:00.000Z">
  <properties>
    <property name="run" value="shop-1"/>
    <property name="executor" value="http"/>
    <property name="agents" value="0"/>
    <property name="duration" value="10.250"/>
    <property name="hits" value="0"/>
    <property name="verdict" value="failed"/>
  </properties>
  <testcase classname="shop &lt;&quot;&amp;&quot;&gt;" name="p95&lt;300ms" time="10.250">
    <failure message="measured 350 ms, threshold 300 ms, first at second 4">measured 350 ms, threshold 300 ms, first at second 4</failure>
  </testcase>
  <testcase classname="shop &lt;&quot;&amp;&quot;&gt;" name="fail&gt;1% over 30s" time="10.250"/>
</testsuite>
"#;
        assert_eq!(xml, expected);
    }

    #[test]
    fn without_criteria_the_verdict_is_the_case() {
        let xml = render(&result(Verdict::Passed)).unwrap();
        assert!(xml.contains("tests=\"1\" failures=\"0\" errors=\"0\""), "{xml}");
        let xml = render(&result(Verdict::Failed)).unwrap();
        let failure =
            "<failure message=\"3 tests had errors.\">3 tests had errors.\n1 agent was lost.</failure>";
        assert!(xml.contains("failures=\"1\"") && xml.contains(failure), "{xml}");
    }

    #[test]
    fn a_run_that_did_not_pass_has_a_case_that_did_not() {
        for verdict in [Verdict::Failed, Verdict::Stopped, Verdict::Error, Verdict::Running] {
            for passed in [[true, true], [false, true]] {
                let xml = render(&with_criteria(verdict, passed)).unwrap();
                assert!(
                    xml.contains("<failure ") || xml.contains("<error "),
                    "{verdict:?} {passed:?}: {xml}"
                );
            }
        }
        let xml = render(&with_criteria(Verdict::Passed, [true, true])).unwrap();
        assert!(xml.contains("tests=\"2\"") && !xml.contains("<failure") && !xml.contains("<error"), "{xml}");
    }
}
