//! One user: who sends one request after the other.

use crate::record::Cell;

/// A user's place in its work.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts of a request, an execution and a step: no one state"
)]
pub struct User {
    /// Executions it has yet to begin; `u64::MAX`: until the step ends.
    pub left: u64,
    /// Index of the current request in the scenario.
    pub request: usize,
    /// When the current request was due (open model) or first written: latency counts from here.
    pub began: u64,
    /// Whether the current request counts as sent.
    pub sent: bool,
    /// Whether it was sent once more.
    pub retried: bool,
    /// Whether an execution is going on.
    pub busy: bool,
    /// Whether it has started in this step, and not ended.
    pub running: bool,
    /// The current execution's outcome so far: `Success`, `Failures` or `Errors`.
    pub outcome: Cell,
}

impl Default for User {
    fn default() -> Self {
        Self {
            left: 0,
            request: 0,
            began: 0,
            sent: false,
            retried: false,
            busy: false,
            running: false,
            outcome: Cell::Success,
        }
    }
}

impl User {
    /// Takes one more outcome into the execution's: an error outdoes a failure, both outdo success.
    #[inline]
    pub fn judge(&mut self, outcome: Cell) {
        if self.outcome != Cell::Errors && outcome != Cell::Success {
            self.outcome = outcome;
        }
    }

    /// Takes the right to one more execution, if there is one.
    #[inline]
    pub fn take(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        if self.left != u64::MAX {
            self.left -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_request_decides_the_execution() {
        let judged = |outcomes: &[Cell]| {
            let mut user = User::default();
            for outcome in outcomes {
                user.judge(*outcome);
            }
            user.outcome
        };
        assert_eq!(judged(&[Cell::Success, Cell::Success]), Cell::Success);
        assert_eq!(judged(&[Cell::Failures, Cell::Success]), Cell::Failures);
        assert_eq!(judged(&[Cell::Errors, Cell::Failures]), Cell::Errors);
    }

    #[test]
    fn executions_run_out_unless_they_are_without_end() {
        let mut twice = User { left: 2, ..User::default() };
        assert_eq!([twice.take(), twice.take(), twice.take()], [true, true, false]);
        let mut endless = User { left: u64::MAX, ..User::default() };
        assert!(endless.take() && endless.left == u64::MAX);
    }
}
