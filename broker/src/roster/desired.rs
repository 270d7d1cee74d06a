//! What the operator wants of the run: the whole wish every time, so that hearing it twice does no harm.

use loads_wire::control::Desired;
use loads_wire::message::StopMode;

use super::{Order, Roster};

impl Roster {
    /// Takes up a wish, unless a later one is known.
    pub fn desire(&mut self, now: u64, wish: Desired) -> Vec<Order> {
        let before = self.run.desired;
        if before.is_some_and(|before| wish.generation < before.generation) {
            return Vec::new();
        }
        // What is stored stays stored.
        let result_stored = wish.result_stored || self.result_stored();
        let desired = Some(Desired { result_stored, ..wish });
        if desired != before {
            self.run.desired = desired;
            self.changed = true;
        }
        let mut orders = self.scale(now, wish.agents, before.is_some());
        orders.extend(self.suspend(now, wish.suspend));
        if wish.stop {
            orders.extend(self.order_stop(now, StopMode::Drain, true));
        }
        orders.extend(self.settle(now));
        orders
    }

    /// Generation of the wish that holds, 0 before the first.
    pub fn generation(&self) -> i64 {
        self.run.desired.map_or(0, |desired| desired.generation)
    }

    /// Whether the operator keeps the final result.
    pub fn result_stored(&self) -> bool {
        self.run.desired.is_some_and(|desired| desired.result_stored)
    }
}
