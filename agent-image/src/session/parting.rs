//! When a process that goes before its run is over may be gone: pure.

/// How far the last word is.
#[derive(Debug, Default)]
pub struct Parting {
    /// When the last word was said over the present connection.
    said_at: Option<u64>,
    /// The broker answered something that was said after the last word, so it has heard that too.
    heard: bool,
    /// Nobody is there to hear it; only the windows count.
    alone: bool,
    settled: bool,
}

impl Parting {
    /// The last word is said (again, after every new connection).
    pub fn said(&mut self, now: u64) {
        (self.said_at, self.heard) = (Some(now), false);
    }

    /// The broker answers a heartbeat that left at this instant.
    pub fn answered(&mut self, sent_at: u64) {
        self.heard |= self.said_at.is_some_and(|said| sent_at > said);
    }

    /// The broker never took this process in, and there is no window.
    pub fn nothing_to_say(&mut self) {
        self.heard = true;
    }

    /// The broker hears nothing but windows of this process any more.
    pub fn go_alone(&mut self) {
        self.alone = true;
    }

    /// Whether it does.
    pub fn alone(&self) -> bool {
        self.alone
    }

    /// True once: when nothing is left to do for a process that goes.
    pub fn is_settled(&mut self, delivered: bool) -> bool {
        let now = delivered && (self.heard || self.alone) && !self.settled;
        self.settled |= now;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_heard_when_something_said_after_it_is_answered() {
        let mut parting = Parting::default();
        assert!(!parting.is_settled(true));
        parting.said(10);
        parting.answered(9);
        assert!(!parting.is_settled(true), "this heartbeat left before the last word");
        parting.answered(11);
        assert!(!parting.is_settled(false), "windows are on their way");
        assert!(parting.is_settled(true));
        assert!(!parting.is_settled(true), "told once");
    }

    #[test]
    fn a_new_connection_means_to_say_it_again() {
        let mut parting = Parting::default();
        parting.said(10);
        parting.answered(11);
        parting.said(20);
        assert!(!parting.is_settled(true));
    }

    #[test]
    fn a_process_that_was_replaced_waits_for_its_windows_only() {
        let mut parting = Parting::default();
        parting.go_alone();
        assert!(!parting.is_settled(false));
        assert!(parting.is_settled(true));
    }
}
