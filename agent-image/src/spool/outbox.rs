//! Which windows to send when: pure, so that every case of exactness is a plain test.

use crate::clock::SECOND;

/// Windows sent and not yet acknowledged, at most.
const MAX_OUTSTANDING: u64 = 64;
/// Without progress for so long, the first unacknowledged window is sent once more.
const STALLED: u64 = 5 * SECOND;

/// Delivery state of one epoch's windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    acked: u64,
    sent: u64,
    last_progress: u64,
}

impl Outbox {
    /// Nothing sent, nothing acknowledged.
    pub fn new() -> Self {
        Self { acked: 0, sent: 0, last_progress: 0 }
    }

    /// A connection was made and the broker says what it has: go on from there, even if that is less than
    /// was acknowledged before (a broker that lost its store asks for everything again).
    pub fn reconnected(&mut self, committed: u64, now: u64) {
        (self.acked, self.sent, self.last_progress) = (committed, committed, now);
    }

    /// The windows to send now: (first, last). At most 64 are outstanding; a stalled connection is probed
    /// with the first unacknowledged window alone, never with a blind resend of all.
    pub fn next(&mut self, last_seq: u64, now: u64) -> Option<(u64, u64)> {
        if self.sent > self.acked && now.saturating_sub(self.last_progress) >= STALLED {
            self.last_progress = now;
            return Some((self.acked + 1, self.acked + 1));
        }
        let last = last_seq.min(self.acked + MAX_OUTSTANDING);
        if self.sent >= last {
            return None;
        }
        if self.sent == self.acked {
            self.last_progress = now;
        }
        let first = self.sent + 1;
        self.sent = last;
        Some((first, last))
    }

    /// The broker has everything up to `seq`. Returns whether that is news.
    pub fn ack(&mut self, seq: u64, now: u64) -> bool {
        let news = seq > self.acked;
        if news {
            self.acked = seq;
            self.sent = self.sent.max(seq);
            self.last_progress = now;
        }
        news
    }

    /// Everything up to this number is acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Windows sent and not acknowledged.
    pub fn in_flight(&self) -> u64 {
        self.sent - self.acked
    }

    /// Whether everything up to `last_seq` is acknowledged.
    pub fn delivered(&self, last_seq: u64) -> bool {
        self.acked >= last_seq
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_64_windows_are_on_their_way() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.next(1000, 0), Some((1, 64)));
        assert_eq!(outbox.next(1000, 1), None);
        outbox.ack(10, 2);
        assert_eq!(outbox.next(1000, 3), Some((65, 74)));
    }

    #[test]
    fn a_silent_broker_is_probed_with_one_window_after_five_seconds() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.next(20, 0), Some((1, 20)));
        outbox.ack(3, SECOND);
        assert_eq!(outbox.next(20, 5 * SECOND), None);
        assert_eq!(outbox.next(20, 6 * SECOND), Some((4, 4)));
        assert_eq!(outbox.next(20, 6 * SECOND), None);
    }

    #[test]
    fn a_new_connection_goes_on_from_what_the_broker_has() {
        let mut outbox = Outbox::new();
        outbox.next(20, 0);
        outbox.ack(10, 1);
        outbox.reconnected(10, 2);
        assert_eq!(outbox.next(20, 2), Some((11, 20)));
        outbox.reconnected(0, 3); // its store is gone
        assert_eq!(outbox.next(20, 3), Some((1, 20)));
        assert!(!outbox.delivered(20));
        outbox.ack(20, 4);
        assert!(outbox.delivered(20));
    }

    #[test]
    fn an_old_acknowledgement_is_no_news() {
        let mut outbox = Outbox::new();
        outbox.next(5, 0);
        assert!(outbox.ack(5, 1));
        assert!(!outbox.ack(4, 2));
        assert!(outbox.delivered(5));
    }
}
