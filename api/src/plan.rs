//! From a LoadTest to the plan that broker and agents read: every default filled in, every list spelled out.

use loads_wire::Criterion;
use loads_wire::criteria::CriterionError;
use loads_wire::plan as wire;

use crate::executors::{Executor, HttpOptions, HttpRequest, PythonOptions};
use crate::loadtest::{LoadTest, LoadTestSpec, OnAgentLoss};
use crate::quantity::{QuantityError, Span};

/// Most executions in flight on each agent when there is a rate and `users` is left out.
pub const USERS_WITH_RATE: u32 = 10_000;

/// Why a LoadTest that got past its schema or did not have to can not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A quantity is not well formed.
    #[error("spec.{field}: {source}")]
    Quantity {
        /// The field below `spec`.
        field: &'static str,
        /// What is wrong with it.
        source: QuantityError,
    },
    /// A field that the rest of the spec asks for is not there.
    #[error("spec.{field}: must be set {when}")]
    Missing {
        /// The field below `spec`.
        field: &'static str,
        /// What asks for it.
        when: &'static str,
    },
    /// Both `hits` and `duration` are there.
    #[error("spec.duration: must set only one of `hits` and `duration`")]
    HitsAndDuration,
    /// A criterion can not be judged.
    #[error("spec.criteria[{index}]: {source}")]
    Criterion {
        /// Its place in the list.
        index: usize,
        /// What is wrong with it.
        source: CriterionError,
    },
}

impl PlanError {
    /// The field, as far as it is one that the rest of the spec has nothing to do with.
    pub fn path(&self) -> String {
        match self {
            Self::Criterion { index, .. } => format!("spec.criteria[{index}]"),
            _ => String::new(),
        }
    }
}

impl LoadTest {
    /// What broker and agents are to do. Pure: the same LoadTest makes the same plan.
    pub fn plan(&self, run_id: &str) -> Result<wire::Plan, PlanError> {
        let spec = &self.spec;
        Ok(wire::Plan {
            run_id: run_id.to_owned(),
            test: self.test_name()?,
            executor: executor(spec)?,
            server_url: spec.server_url.clone(),
            agents: spec.agents,
            min_agents: spec.min_agents.unwrap_or(spec.agents).min(spec.agents),
            steps: steps(spec)?,
            rate: spec.rate,
            ramp_up_seconds: spec.ramp_up.as_ref().map_or(Ok(0), |span| seconds("rampUp", span))?,
            start_timeout_seconds: seconds("startTimeout", &spec.start_timeout)?,
            broker_silence_seconds: seconds("brokerSilence", &spec.broker_silence)?,
            drain_seconds: seconds("drainTimeout", &spec.drain_timeout)?,
            on_agent_loss: match spec.on_agent_loss {
                OnAgentLoss::Replace => wire::OnAgentLoss::Replace,
                OnAgentLoss::Continue => wire::OnAgentLoss::Continue,
                OnAgentLoss::Fail => wire::OnAgentLoss::Fail,
            },
            test_dir: spec.bundle.as_ref().and_then(|bundle| bundle.test_dir.clone()),
            python_deps: spec.bundle.as_ref().map(|bundle| bundle.python_deps.clone()).unwrap_or_default(),
            bundle_digest: None,
            targets: None,
            criteria: criteria(spec)?,
        })
    }

    /// Only python looks a test up by its name; elsewhere the object's own name will do.
    fn test_name(&self) -> Result<String, PlanError> {
        let own_name = || (self.spec.executor != Executor::Python).then(|| self.metadata.name.clone())?;
        self.spec
            .test
            .clone()
            .or_else(own_name)
            .ok_or(PlanError::Missing { field: "test", when: "when `executor` is `python`" })
    }
}

fn seconds(field: &'static str, span: &Span) -> Result<u32, PlanError> {
    span.seconds().map_err(|source| PlanError::Quantity { field, source })
}

fn criteria(spec: &LoadTestSpec) -> Result<Vec<String>, PlanError> {
    let judged = |(index, text): (usize, &String)| {
        let parsed = Criterion::parse(text).map_err(|source| PlanError::Criterion { index, source });
        parsed.map(|criterion| criterion.text)
    };
    spec.criteria.iter().enumerate().map(judged).collect()
}

/// Every entry of `users` with every entry of `hits`, users outside; with a duration one step for each entry.
fn steps(spec: &LoadTestSpec) -> Result<Vec<wire::Step>, PlanError> {
    let users = match &spec.users {
        Some(users) => users.steps().map_err(|source| PlanError::Quantity { field: "users", source })?,
        None => vec![if spec.rate.is_some() { USERS_WITH_RATE } else { 1 }],
    };
    let lengths = match (&spec.hits, &spec.duration) {
        (Some(_), Some(_)) => return Err(PlanError::HitsAndDuration),
        (None, Some(duration)) => vec![wire::Length::Seconds(seconds("duration", duration)?)],
        (None, None) => vec![wire::Length::Hits(1)],
        (Some(hits), None) => hits
            .steps()
            .map_err(|source| PlanError::Quantity { field: "hits", source })?
            .into_iter()
            .map(wire::Length::Hits)
            .collect(),
    };
    Ok(users
        .iter()
        .flat_map(|users| lengths.iter().map(|length| wire::Step { users: *users, length: *length }))
        .collect())
}

fn executor(spec: &LoadTestSpec) -> Result<wire::ExecutorPlan, PlanError> {
    Ok(match spec.executor {
        Executor::Python => {
            let PythonOptions { patching, processes } = spec.python.clone().unwrap_or_default();
            wire::ExecutorPlan::Python(wire::PythonPlan { patching, processes })
        }
        Executor::Http => {
            let options = spec
                .http
                .as_ref()
                .ok_or(PlanError::Missing { field: "http", when: "when `executor` is `http`" })?;
            wire::ExecutorPlan::Http(http(options)?)
        }
        Executor::External => {
            let options = spec
                .external
                .as_ref()
                .ok_or(PlanError::Missing { field: "external", when: "when `executor` is `external`" })?;
            wire::ExecutorPlan::External(wire::ExternalPlan { command: options.command.clone() })
        }
    })
}

fn http(options: &HttpOptions) -> Result<wire::HttpPlan, PlanError> {
    Ok(wire::HttpPlan {
        requests: options.requests.iter().map(request).collect(),
        http2: options.http2,
        connections: options.connections,
        timeout_seconds: seconds("http.timeout", &options.timeout)?,
        insecure_skip_verify: options.insecure_skip_verify,
    })
}

fn request(request: &HttpRequest) -> wire::HttpRequest {
    let HttpRequest { method, path, headers, body, label, weight, expect_status } = request.clone();
    wire::HttpRequest { method, path, headers, body, label, weight, expect_status }
}

#[cfg(test)]
mod tests;
