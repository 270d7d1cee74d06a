//! What was counted so far.

use loads_wire::Window;
use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;
use crate::criteria::Judge;
use crate::dedupe::Dedupe;

/// The sum of all windows and what it is the sum of: one thing, so that they can not disagree.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) aggregate: Aggregate,
    pub(super) accepted: Dedupe,
    #[serde(default)]
    pub(super) judge: Judge,
}

impl Counted {
    pub(super) fn add(&mut self, index: u32, epoch: u64, window: &Window) {
        self.aggregate.add(index, epoch, window);
        self.judge.add(index, epoch, window);
    }
}
