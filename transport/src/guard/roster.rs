//! Who is connected: keeps connections below their limits by letting the least useful go.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
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
    silent: BTreeMap<u64, CancellationToken>,
    /// Sent at least one.
    spoken: HashSet<u64>,
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
    /// Moves on from the handshake; false if there is no room.
    pub(crate) fn admit(&self) -> bool {
        let mut seats = self.roster.seats();
        if seats.pending.remove(&self.id).is_none() {
            return false; // evicted a moment ago
        }
        if seats.silent.len() + seats.spoken.len() >= self.roster.limits.max_connections {
            let Some((_, token)) = seats.silent.pop_first() else {
                bump(&self.roster.stats.turned_away);
                return false;
            };
            token.cancel();
            bump(&self.roster.stats.evicted_silent);
        }
        seats.silent.insert(self.id, self.evicted.clone());
        bump(&self.roster.stats.admitted);
        true
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
        assert!(!seats[0].admit(), "an evicted connection gets no place");
    }

    #[test]
    fn under_pressure_the_oldest_silent_connection_goes_and_speakers_stay() {
        let roster = roster(9, 2);
        let [speaker, silent, third, fourth] = [(); 4].map(|()| roster.enter());
        assert!(speaker.admit() && silent.admit());
        speaker.spoke();
        assert!(third.admit());
        assert!(silent.evicted.is_cancelled() && !speaker.evicted.is_cancelled());
        third.spoke();
        assert!(!fourth.admit(), "no silent connection is left to evict");
    }

    #[test]
    fn leaving_frees_the_place() {
        let roster = roster(9, 1);
        let first = roster.enter();
        assert!(first.admit());
        first.spoke();
        drop(first);
        assert!(roster.enter().admit());
        assert_eq!(roster.count(), 0);
    }
}
