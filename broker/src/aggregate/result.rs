//! From merged figures to the result that people and programs read.

use loads_wire::Totals;
use loads_wire::plan::{Length, Plan};
use loads_wire::result::{Agents, Latency, RunResult, SCHEMA, StepResult, Tests, WebSockets};
use loads_wire::window::ErrorSource;

use super::verdict::Fault;
use super::{Aggregate, StepFigures};
use crate::criteria::Judgement;

/// How much of the lists goes into a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything: the stored result.
    Full,
    /// The last minute, the most hit labels, the most common errors: bounded in size, for displays.
    Live,
    /// The last hours, more of the lists: bounded too, for the page.
    Watched,
}

impl Detail {
    fn limits(self) -> (usize, usize, usize) {
        match self {
            Self::Full => (usize::MAX, usize::MAX, usize::MAX),
            Self::Live => (20, 10, 60),
            Self::Watched => (100, 50, 4 * 3600),
        }
    }
}

/// A result no longer than `detail` says.
pub fn cut(mut result: RunResult, detail: Detail) -> RunResult {
    let (labels, errors, seconds) = detail.limits();
    result.labels.truncate(labels);
    result.errors.truncate(errors);
    result.seconds.drain(..result.seconds.len().saturating_sub(seconds));
    result
}

/// What is known of a run besides its windows; the roster tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFacts {
    /// T, in nanoseconds since the Unix epoch.
    pub started_at: Option<u64>,
    /// End of the load, in nanoseconds since the Unix epoch.
    pub ended_at: Option<u64>,
    /// When these facts were gathered.
    pub now: u64,
    /// Whether every figure is in.
    pub done: bool,
    /// Length of each step so far, in nanoseconds, barriers taken out.
    pub step_nanos: Vec<u64>,
    /// Test executions handed out, by step; zeros when durations decide.
    pub planned: Vec<u64>,
    /// The processes (index, epoch) of which more is to be expected.
    pub alive: Vec<(u32, u64)>,
    /// Whether the run was ended early on request.
    pub stopped: bool,
    /// Whether a criterion ended it early: what was not begun is not missing.
    pub cut: bool,
    /// How the criteria stand.
    pub criteria: Judgement,
    /// Why the run could not be carried out.
    pub error: Option<Fault>,
    /// Why the run failed, other than by its tests.
    pub failed: Option<Fault>,
    /// For [`RunResult::notes`].
    pub notes: Vec<String>,
    /// For [`RunResult::agents`].
    pub agents: Agents,
}

impl Aggregate {
    /// The figures so far (or, when `facts.done`, for good).
    pub fn result(&self, plan: &Plan, facts: &RunFacts, detail: Detail) -> RunResult {
        let (labels, errors, seconds) = detail.limits();
        let totals = &self.totals;
        let latency = self.latency();
        let steps = self.steps_result(plan, facts);
        let steps_seconds = steps.iter().map(|step| step.seconds).sum::<f64>();
        let per = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
        let mut result = RunResult {
            schema: SCHEMA.to_owned(),
            run_id: plan.run_id.clone(),
            test: plan.test.clone(),
            executor: plan.executor.name().to_owned(),
            notes: facts.notes.iter().chain(&facts.criteria.notes).cloned().chain(unheard(totals)).collect(),
            started_at: facts.started_at.map(rfc3339).unwrap_or_default(),
            finished_at: facts.ended_at.map(rfc3339).unwrap_or_default(),
            duration_seconds: facts.duration_nanos() as f64 / 1e9,
            steps_seconds,
            hits: totals.hits,
            sent: totals.sent,
            failed_after_send: totals.failed_after_send,
            failed_before_send: totals.failed_before_send,
            unanswered: totals.unanswered,
            undetailed: totals.undetailed,
            retries: totals.retries,
            bytes: totals.bytes,
            tests: sum_tests(steps.iter().map(|step| step.tests)),
            requests_per_second: per(totals.hits as f64, steps_seconds),
            latency_microseconds: Latency::from(&latency),
            mean_headers_microseconds: per(self.headers_sum as f64 / 1e3, latency.count() as f64),
            web_sockets: WebSockets {
                opened: totals.sockets_opened,
                closed: totals.sockets_closed,
                bytes_received: totals.socket_bytes,
            },
            counters: self.counters.clone(),
            errors: self.errors.result(errors),
            request_errors: self.errors.by_kind(ErrorSource::Request),
            statuses: self.statuses.iter().map(|(status, n)| (status.to_string(), *n)).collect(),
            labels: self.labels.result(labels),
            labels_folded: self.labels.folded(),
            seconds: self.seconds.result(seconds),
            agents: facts.agents,
            criteria: facts.criteria.results.clone(),
            delayed: totals.delayed,
            late: totals.late,
            bad_messages: totals.bad_messages,
            steps,
            ..RunResult::default()
        };
        (result.verdict, result.reason, result.reasons) = self.verdict(facts, &result);
        result
    }

    fn steps_result(&self, plan: &Plan, facts: &RunFacts) -> Vec<StepResult> {
        let none = StepFigures::default();
        let gone = |index, epoch| facts.done || !facts.alive.contains(&(index, epoch));
        let of_step = |(number, step): (usize, &loads_wire::plan::Step)| {
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            let figures = self.steps.get(&number).unwrap_or(&none);
            let at = |list: &[u64]| list.get(usize::from(number)).copied().unwrap_or(0);
            StepResult {
                step: number,
                users: step.users,
                seconds: at(&facts.step_nanos) as f64 / 1e9,
                hits: figures.totals.hits,
                tests: Tests {
                    planned: if matches!(step.length, Length::Hits(_)) { at(&facts.planned) } else { 0 },
                    started: figures.totals.started,
                    success: figures.totals.success,
                    errors: figures.totals.errors,
                    failures: figures.totals.failures,
                    skipped: figures.totals.skipped,
                    interrupted: figures.totals.interrupted,
                    lost: self.lost(number, gone),
                },
                latency_microseconds: Latency::from(&figures.latency),
            }
        };
        plan.steps.iter().enumerate().map(of_step).collect()
    }
}

/// What nobody can know of runners that were killed with their agent and everything around it.
fn unheard(totals: &Totals) -> Option<String> {
    let n = totals.unheard;
    let processes =
        if n == 1 { "One agent process was".to_owned() } else { format!("{n} agent processes were") };
    (n > 0).then(|| {
        format!(
            "{processes} killed together with all runners: requests of which they had told and nobody had heard are \
             in no figure. Of each execution known to be open, one request counts as unanswered; the server may \
             have counted more than `sent`."
        )
    })
}

impl RunFacts {
    fn duration_nanos(&self) -> u64 {
        self.started_at.map_or(0, |start| self.ended_at.unwrap_or(self.now).saturating_sub(start))
    }
}

fn sum_tests(steps: impl Iterator<Item = Tests>) -> Tests {
    steps.fold(Tests::default(), |sum, step| Tests {
        planned: sum.planned + step.planned,
        started: sum.started + step.started,
        success: sum.success + step.success,
        errors: sum.errors + step.errors,
        failures: sum.failures + step.failures,
        skipped: sum.skipped + step.skipped,
        interrupted: sum.interrupted + step.interrupted,
        lost: sum.lost + step.lost,
    })
}

/// RFC 3339 in UTC; an instant that no calendar has is left out.
fn rfc3339(nanos: u64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanos)).map(|at| format!("{at:.3}")).unwrap_or_default()
}
