//! The load tools that are built in, one file (or folder) each.

pub mod http;

use loads_wire::plan::ExecutorPlan;

use crate::executor::{Error, Executor, ExecutorContext};

/// The registry: the executor that the plan asks for.
pub fn build(context: ExecutorContext) -> Result<Box<dyn Executor>, Error> {
    Ok(match context.plan.executor.clone() {
        ExecutorPlan::Http(options) => Box::new(http::Http::new(context, options)),
        other => return Err(Error::Configuration(format!("no executor {:?} in this build", other.name()))),
    })
}
