//! The load tools that are built in, one file (or folder) each.

pub mod external;
pub mod http;
pub mod python;

use std::path::Path;

use loads_wire::plan::ExecutorPlan;

use crate::executor::{Error, Executor, ExecutorContext};

/// The registry: the executor that the plan asks for. `keeper` is the program that keeps runners in other
/// languages in a process of its own, if there is one.
pub fn build(context: ExecutorContext, keeper: Option<&Path>) -> Result<Box<dyn Executor>, Error> {
    Ok(match context.plan.executor.clone() {
        ExecutorPlan::Python(options) => Box::new(python::Python::new(context, options)),
        ExecutorPlan::Http(options) => Box::new(http::Http::new(context, options)),
        ExecutorPlan::External(options) => external::build(context, options, keeper),
    })
}
