//! Who is connected: keeps connections below their limits by letting the least useful go.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stats::{Stats, bump};
use crate::Limits;

/// Never used twice in a process, so that a late message can not reach a newer connection.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Connections of one bound socket.
#[derive(Debug)]
pub(crate) struct Roster {
    seats: Mutex<Seats>,
    limits: Limits,
    stats: Arc<Stats>,
    /// Told the id of every connection that ended after it had sent a message.
    gone: Option<UnboundedSender<u64>>,
}

#[derive(Debug, Default)]
struct Seats {
    /// Within the handshake.
    pending: BTreeMap<u64, CancellationToken>,
    /// Admitted, but never sent a message.
    silent: BTreeMap<u64, Silent>,
    /// Sent at least one.
    spoken: HashSet<u64>,
}

#[derive(Debug)]
struct Silent {
    admitted: Instant,
    evicted: CancellationToken,
}

/// What came of asking for a place past the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    In,
    /// All places are taken, one of them by a peer that has this much time left to say something.
    Wait(Duration),
    Out,
}

/// A connection's place; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: u64,
    /// Cancelled when somebody else needs the place.
    pub(crate) evicted: CancellationToken,
    roster: Arc<Roster>,
}

impl Roster {
    pub(crate) fn new(limits: Limits, stats: Arc<Stats>, gone: Option<UnboundedSender<u64>>) -> Arc<Self> {
        Arc::new(Self { seats: Mutex::default(), limits, stats, gone })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place within the handshake; the oldest there makes room.
    pub(crate) fn enter(self: &Arc<Self>) -> Seat {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let evicted = CancellationToken::new();
        let mut seats = self.seats();
        if seats.pending.len() >= self.limits.max_pending {
            self.evict_pending(&mut seats);
        }
        seats.pending.insert(id, evicted.clone());
        Seat { id, evicted, roster: Arc::clone(self) }
    }

    fn evict_pending(&self, seats: &mut Seats) {
        if let Some((_, token)) = seats.pending.pop_first() {
            token.cancel();
            bump(&self.stats.evicted_pending);
        }
    }

    /// Frees a file descriptor, if some half-open connection holds one.
    pub(crate) fn make_room(&self) {
        self.evict_pending(&mut self.seats());
    }

    /// Ends all handshakes; admitted connections go on.
    pub(crate) fn close(&self) {
        for (_, token) in std::mem::take(&mut self.seats().pending) {
            token.cancel();
        }
    }

    /// Connections that are accepted and not yet ended.
    pub(crate) fn count(&self) -> usize {
        let seats = self.seats();
        seats.pending.len() + seats.silent.len() + seats.spoken.len()
    }
}

impl Seat {
    /// Moves on from the handshake, if there is room.
    pub(crate) fn admit(&self, now: Instant) -> Admission {
        let mut seats = self.roster.seats();
        let limits = self.roster.limits;
        if !seats.pending.contains_key(&self.id) {
            return Admission::Out; // evicted a moment ago
        }
        if seats.silent.len() + seats.spoken.len() >= limits.max_connections {
            let Some(oldest) = seats.silent.first_entry() else { return Admission::Out };
            let left = limits.quiet.saturating_sub(now.saturating_duration_since(oldest.get().admitted));
            if !left.is_zero() {
                return Admission::Wait(left);
            }
            oldest.remove().evicted.cancel();
            bump(&self.roster.stats.evicted_silent);
        }
        seats.pending.remove(&self.id);
        seats.silent.insert(self.id, Silent { admitted: now, evicted: self.evicted.clone() });
        bump(&self.roster.stats.admitted);
        Admission::In
    }

    /// Notes that a message came: from now on this connection is not evicted.
    pub(crate) fn spoke(&self) {
        let mut seats = self.roster.seats();
        if seats.silent.remove(&self.id).is_some() {
            seats.spoken.insert(self.id);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.roster.seats();
        seats.pending.remove(&self.id);
        seats.silent.remove(&self.id);
        let spoke = seats.spoken.remove(&self.id);
        drop(seats);
        if spoke && let Some(gone) = &self.roster.gone {
            // Nobody listens any more when the socket itself is gone.
            let _ = gone.send(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(max_pending: usize, max_connections: usize) -> Arc<Roster> {
        let limits = Limits { max_connections, max_pending, ..Limits::default() };
        Roster::new(limits, Arc::default(), None)
    }

    #[test]
    fn a_newcomer_evicts_the_oldest_handshake() {
        let roster = roster(2, 9);
        let seats = [roster.enter(), roster.enter(), roster.enter()];
        assert_eq!(seats.each_ref().map(|s| s.evicted.is_cancelled()), [true, false, false]);
        assert_eq!(seats[0].admit(Instant::now()), Admission::Out, "an evicted connection gets no place");
    }

    #[test]
    fn under_pressure_the_oldest_silent_connection_goes_and_speakers_stay() {
        let roster = roster(9, 2);
        let [speaker, silent, third, fourth] = [(); 4].map(|()| roster.enter());
        let start = Instant::now();
        let later = start + roster.limits.quiet;
        assert_eq!([speaker.admit(start), silent.admit(start)], [Admission::In; 2]);
        speaker.spoke();
        assert_eq!(third.admit(later), Admission::In);
        assert!(silent.evicted.is_cancelled() && !speaker.evicted.is_cancelled());
        third.spoke();
        assert_eq!(fourth.admit(later), Admission::Out, "no silent connection is left to evict");
    }

    #[test]
    fn who_was_just_let_in_keeps_the_place_until_it_had_time_to_speak() {
        let roster = roster(9, 1);
        let [first, second] = [(); 2].map(|()| roster.enter());
        let start = Instant::now();
        assert_eq!(first.admit(start), Admission::In);
        let millisecond = Duration::from_millis(1);
        let almost = start + roster.limits.quiet - millisecond;
        assert_eq!(second.admit(almost), Admission::Wait(millisecond));
        assert!(!first.evicted.is_cancelled());
        assert_eq!(second.admit(almost + millisecond), Admission::In);
        assert!(first.evicted.is_cancelled());
    }

    #[test]
    fn leaving_frees_the_place() {
        let roster = roster(9, 1);
        let first = roster.enter();
        let now = Instant::now();
        assert_eq!(first.admit(now), Admission::In);
        first.spoke();
        drop(first);
        assert_eq!(roster.enter().admit(now), Admission::In);
        assert_eq!(roster.count(), 0);
    }
}
