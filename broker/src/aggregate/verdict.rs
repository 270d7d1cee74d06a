//! Whether a run passed, and why not: one word for programs, sentences for people.

use loads_wire::result::{RunResult, Verdict, reason};
use loads_wire::window::ErrorSource;
use serde::{Deserialize, Serialize};

use super::{Aggregate, RunFacts};

/// Something that spoils a run, other than its tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// One of [`loads_wire::result::reason`].
    pub reason: String,
    /// What, where, why, and what to do.
    pub message: String,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(reason: &str, message: String) -> Self {
        Self { reason: reason.to_owned(), message }
    }
}

impl Aggregate {
    /// The verdict, its cause in one word, and a sentence for each thing that made it other than passed.
    /// What made it worst decides: a run that could not be carried out, then one that was stopped, then one
    /// that failed.
    pub(super) fn verdict(&self, facts: &RunFacts, result: &RunResult) -> (Verdict, String, Vec<String>) {
        let failed = self.failures(facts, result);
        let stopped = "The run was stopped on request before its end.".to_owned();
        let stopped = facts.stopped.then(|| Fault::new(reason::STOPPED, stopped));
        let verdict = match (facts.done, &facts.error, &stopped, failed.is_empty()) {
            (false, ..) => Verdict::Running,
            (true, Some(_), ..) => Verdict::Error,
            (true, None, Some(_), _) => Verdict::Stopped,
            (true, None, None, false) => Verdict::Failed,
            (true, None, None, true) => Verdict::Passed,
        };
        let all: Vec<Fault> = facts.error.iter().cloned().chain(stopped).chain(failed).collect();
        let word = match verdict {
            Verdict::Running => "",
            _ => all.first().map_or(reason::PASSED, |fault| &fault.reason),
        };
        (verdict, word.to_owned(), all.iter().map(|fault| fault.message.clone()).collect())
    }

    fn failures(&self, facts: &RunFacts, result: &RunResult) -> Vec<Fault> {
        let tests = &result.tests;
        let mut faults: Vec<Fault> = facts.failed.iter().cloned().collect();
        let criteria = facts.criteria.failed.iter();
        faults.extend(criteria.map(|sentence| Fault::new(reason::CRITERIA_FAILED, sentence.clone())));
        let mut fault = |holds: bool, word: &str, sentence: String| {
            if holds {
                faults.push(Fault::new(word, sentence));
            }
        };
        fault(
            tests.errors > 0,
            reason::TESTS_FAILED,
            format!("{} of {} test executions ended in an error.", tests.errors, tests.started),
        );
        fault(
            tests.failures > 0,
            reason::TESTS_FAILED,
            format!("{} of {} test executions failed.", tests.failures, tests.started),
        );
        let runners: u64 = self.errors.by_kind(ErrorSource::Runner).values().sum();
        fault(
            tests.lost > 0,
            reason::INCOMPLETE,
            format!(
                "{} test executions are lost: the process that ran them was killed before they ended.",
                tests.lost
            ),
        );
        fault(
            runners > 0,
            reason::TESTS_FAILED,
            format!("Runner processes misbehaved {runners} times; the errors say how."),
        );
        let refused = self.refused_windows;
        fault(
            refused > 0,
            reason::INCOMPLETE,
            format!("{refused} windows of agents could not be read; what they counted is missing."),
        );
        if facts.done && facts.error.is_none() && !facts.stopped {
            let missing = tests.planned.saturating_sub(tests.started);
            fault(
                missing > 0 && !facts.cut,
                reason::INCOMPLETE,
                format!("{missing} of {} planned test executions were never begun.", tests.planned),
            );
            let nothing = tests.started == 0 && result.hits == 0;
            fault(
                nothing,
                reason::INCOMPLETE,
                "Nothing was measured: no test was begun and no request was answered.".to_owned(),
            );
        }
        faults
    }
}
