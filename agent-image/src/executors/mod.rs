//! The load tools that are built in, one file (or folder) each.

pub mod external;
pub mod http;
pub mod python;

use loads_wire::plan::ExecutorPlan;

use crate::executor::{Error, Executor, ExecutorContext};

/// The registry: the executor that the plan asks for.
pub fn build(context: ExecutorContext) -> Result<Box<dyn Executor>, Error> {
    Ok(match context.plan.executor.clone() {
        ExecutorPlan::Python(options) => Box::new(python::Python::new(context, options)),
        ExecutorPlan::Http(options) => Box::new(http::Http::new(context, options)),
        ExecutorPlan::External(options) => Box::new(external::External::new(context, options)),
    })
}
