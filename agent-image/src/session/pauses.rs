//! Pauses of the run's load, as far as this process knows: pure.

/// The sum of all pauses, and the present one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pauses {
    /// Since when one is on that `nanos` does not count yet.
    since: Option<u64>,
    /// Length of those that are over: the timetable moves by it.
    pub nanos: u64,
    /// When the last one that this process went through ended.
    pub resumed_at: u64,
}

impl Pauses {
    /// Whether the load is paused.
    pub fn on(&self) -> bool {
        self.since.is_some()
    }

    /// Load is paused from `now` on.
    pub fn pause(&mut self, now: u64) {
        self.since.get_or_insert(now);
    }

    /// Load goes on at `at`, after `nanos` of pauses in all.
    pub fn resume(&mut self, at: u64, nanos: u64) {
        *self = Self { since: None, nanos: self.nanos.max(nanos), resumed_at: at };
    }

    /// What the broker says when it takes this process in (again) at `now`: words may have been missed. `nanos`
    /// counts the present pause up to now.
    pub fn learn(&mut self, on: bool, nanos: u64, now: u64) {
        match (self.on(), on) {
            (true, false) => self.resume(now, nanos),
            _ => self.nanos = self.nanos.max(nanos),
        }
        self.since = on.then_some(now);
    }

    /// Length of all pauses, the present one included.
    pub fn so_far(&self, now: u64) -> u64 {
        self.nanos + self.since.map_or(0, |since| now.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_missed_words_learns_of_pauses_when_it_is_taken_in_again() {
        let mut pauses = Pauses::default();
        pauses.learn(false, 7, 100);
        assert_eq!((pauses.on(), pauses.nanos, pauses.resumed_at), (false, 7, 0), "both words missed");
        pauses.learn(true, 7, 200);
        assert!(pauses.on());
        pauses.learn(false, 60, 300);
        assert_eq!((pauses.on(), pauses.nanos, pauses.resumed_at), (false, 60, 300), "the end was missed");
    }

    #[test]
    fn the_present_pause_counts_once() {
        let mut pauses = Pauses::default();
        pauses.pause(100);
        pauses.pause(150);
        assert_eq!(pauses.so_far(160), 60, "from the first word on");
        // The broker's figure has the present pause in it.
        pauses.learn(true, 70, 170);
        assert_eq!(pauses.so_far(180), 80);
        pauses.resume(200, 100);
        assert_eq!((pauses.on(), pauses.so_far(999)), (false, 100));
    }
}
