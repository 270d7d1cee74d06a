//! Pauses of the load: they move the timetable, and no figure counts their time.

use loads_wire::message::{Register, ToAgent};
use serde::{Deserialize, Serialize};

use super::{Order, Roster, SECOND};

/// From when until when the load was paused; the last one may have no end yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pauses(Vec<(u64, Option<u64>)>);

impl Pauses {
    /// Paused time between two instants.
    pub(super) fn within(&self, from: u64, to: u64) -> u64 {
        let overlap = |(begin, end): &(u64, Option<u64>)| {
            end.map_or(to, |end| end.min(to)).saturating_sub(from.max(*begin))
        };
        self.0.iter().map(overlap).sum()
    }

    /// Whether the load is paused, and nobody has said until when.
    pub(super) fn is_open(&self) -> bool {
        self.0.last().is_some_and(|(_, end)| end.is_none())
    }

    /// When the last pause ends, if that is known; else 0.
    pub(super) fn last_end(&self) -> u64 {
        self.0.last().and_then(|(_, end)| *end).unwrap_or(0)
    }

    fn begin(&mut self, at: u64) {
        self.0.push((at.max(self.last_end()), None));
    }

    fn end(&mut self, at: u64) {
        if let Some((_, end @ None)) = self.0.last_mut() {
            *end = Some(at);
        }
    }
}

impl Roster {
    /// Holds the start, or pauses the load, or lets it go on; saying it again changes nothing.
    pub(super) fn suspend(&mut self, now: u64, wish: bool) -> Vec<Order> {
        let Some(start) = self.run.start else {
            self.hold(now, wish);
            return Vec::new();
        };
        if wish == self.run.pauses.is_open() || !self.is_loading(now) {
            return Vec::new();
        }
        self.changed = true;
        if wish {
            self.run.pauses.begin(now.max(start));
            return self.to_all(&ToAgent::Pause);
        }
        let at = self.whole_second(now + self.lead);
        self.run.pauses.end(at);
        self.to_all(&ToAgent::Resume { at, paused_nanos: self.paused_nanos(now) })
    }

    /// The start time-out does not run while the start is held.
    fn hold(&mut self, now: u64, wish: bool) {
        match (wish, self.run.held_since) {
            (true, None) => self.run.held_since = Some(now),
            (false, Some(since)) => {
                self.run.held_since = None;
                self.run.opened_at += now.saturating_sub(since);
            }
            _ => return,
        }
        self.changed = true;
    }

    /// Whether there is load to pause: none before T is ordered, none while it drains.
    pub(super) fn is_loading(&self, now: u64) -> bool {
        let ends = self.run.stop.is_some() || self.run.error.is_some() || self.run.load_ended.is_some();
        self.run.start.is_some() && !ends && self.timetable_end().is_none_or(|end| now < end)
    }

    /// The first whole second of the run from this instant on.
    fn whole_second(&self, from: u64) -> u64 {
        let start = self.run.start.unwrap_or(from);
        start + from.saturating_sub(start).div_ceil(SECOND) * SECOND
    }

    /// Nanoseconds of load since T: pauses taken out.
    pub(super) fn load_time(&self, now: u64) -> u64 {
        let Some(start) = self.run.start else { return 0 };
        now.saturating_sub(start).saturating_sub(self.run.pauses.within(start, now))
    }

    /// When the timetable is over; unknown while the load is paused, or when hits decide.
    pub(super) fn timetable_end(&self) -> Option<u64> {
        let whole = self.run.start? + self.plan.timetable_seconds()? * SECOND;
        (!self.run.pauses.is_open()).then(|| whole + self.run.pauses.within(0, u64::MAX))
    }

    /// Length of all pauses: of the present one, its time so far, or all of it once its end is known.
    pub(super) fn paused_nanos(&self, now: u64) -> u64 {
        self.run.pauses.within(0, now.max(self.run.pauses.last_end()))
    }

    /// Whether an agent that comes now finds the load paused.
    pub(super) fn is_paused(&self, now: u64) -> bool {
        self.is_loading(now) && (self.run.pauses.is_open() || now < self.run.pauses.last_end())
    }

    /// The order that ends the present pause, for those who did not hear it.
    pub(super) fn resumption(&self, now: u64) -> Option<ToAgent> {
        let at = self.run.pauses.last_end();
        (self.is_paused(now) && at > now)
            .then(|| ToAgent::Resume { at, paused_nanos: self.paused_nanos(now) })
    }

    /// A broker without memory believes the agent that knows of most pauses.
    pub(super) fn learn_pauses(&mut self, now: u64, hello: &Register) {
        let Some(start) = self.run.start else { return };
        if hello.paused_nanos > self.run.pauses.within(0, now) {
            let open = self.run.pauses.is_open();
            self.run.pauses = Pauses(vec![(start, Some(start.saturating_add(hello.paused_nanos)))]);
            if open {
                self.run.pauses.begin(now);
            }
        }
        if hello.paused && !self.run.pauses.is_open() {
            self.run.pauses.begin(now);
        }
    }
}
