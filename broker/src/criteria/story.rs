//! What the judge has to say: figures for programs, sentences for people.

use loads_wire::Criterion;
use loads_wire::result::CriterionResult;

use super::{Caught, Judge, Standing};

/// How the criteria stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// In the order of the LoadTest.
    pub results: Vec<CriterionResult>,
    /// A sentence for each that fails the run.
    pub failed: Vec<String>,
    /// A sentence for each that does not, and is worth telling.
    pub notes: Vec<String>,
}

impl Judge {
    /// How the criteria stand.
    pub fn judgement(&self) -> Judgement {
        let mut judgement = Judgement::default();
        for (criterion, standing) in self.criteria.iter().zip(&self.standings) {
            let caught = standing.caught.as_ref();
            let failed = caught.filter(|_| criterion.fail);
            judgement.results.push(CriterionResult {
                criterion: criterion.text.clone(),
                passed: failed.is_none(),
                measured: standing.measured,
                threshold: criterion.threshold,
                failed_at_second: failed.and_then(|caught| caught.second),
            });
            match caught {
                Some(caught) if criterion.fail => {
                    judgement.failed.push(sentence(criterion, standing, *caught));
                }
                Some(caught) => judgement.notes.push(sentence(criterion, standing, *caught)),
                None => judgement.notes.extend(self.never_judged(criterion, standing)),
            }
        }
        judgement
    }

    /// A criterion that nothing was judged by passes: a mistyped label must not go unnoticed.
    fn never_judged(&self, criterion: &Criterion, standing: &Standing) -> Option<String> {
        if !self.finished || !self.begun || standing.measured.is_some() {
            return None;
        }
        let text = &criterion.text;
        let why = match (&criterion.label, criterion.frame) {
            (Some(label), _) => format!("no request in a whole second of load had the label {label}"),
            (None, Some(_)) => {
                "the run had no whole seconds of load with requests, or too few for its time".to_owned()
            }
            (None, None) => "the run had no requests".to_owned(),
        };
        Some(format!("Criterion `{text}` was never judged: {why}."))
    }
}

fn sentence(criterion: &Criterion, standing: &Standing, caught: Caught) -> String {
    let unit = criterion.unit();
    let word = if criterion.fail { "failed" } else { "was noted" };
    let when = match caught.second {
        Some(second) => format!("at second {second}"),
        None => "over the whole run".to_owned(),
    };
    let measured = standing.measured.map(|measured| unit.show(measured)).unwrap_or_default();
    let threshold = unit.show(criterion.threshold);
    let ended = if caught.stopped { "; it ended the run early" } else { "" };
    format!(
        "Criterion `{}` {word} {when}: measured {measured}, threshold {threshold}{ended}.",
        criterion.text
    )
}
