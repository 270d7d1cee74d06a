//! What criteria ask of the run: which seconds are fit to be judged, and an early end.

use loads_wire::message::StopMode;

use super::{Order, Roster, SECOND};

impl Roster {
    /// Whether load was on all through a second since T, as far as is known: it lies before the end, and in no
    /// pause.
    pub fn is_whole_second(&self, second: u32) -> bool {
        let Some(start) = self.run.start else { return true };
        let from = start + u64::from(second) * SECOND;
        let to = from + SECOND;
        let ends = [self.timetable_end(), self.run.stop.map(|stop| stop.at), self.run.load_ended];
        ends.into_iter().flatten().all(|end| to <= end) && self.run.pauses.within(from, to) == 0
    }

    /// Whether the timetable says which is the last whole second; else it is only known from what was counted.
    pub fn has_timetable(&self) -> bool {
        !self.barrier()
    }

    /// Ends the load because of a criterion; none when it ends already.
    pub fn cut_short(&mut self, now: u64) -> Option<Vec<Order>> {
        if !self.is_loading(now) {
            return None;
        }
        let mut orders = self.order_stop(now, StopMode::Drain, false);
        if let Some(stop) = &mut self.run.stop {
            stop.criterion = true;
        }
        orders.extend(self.settle(now));
        Some(orders)
    }
}
