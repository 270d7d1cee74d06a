//! All windows of this agent, its former processes' included, on their way to the broker.

use std::io;

use loads_wire::Window;

use crate::spool::{Former, Outbox, Spool};

/// Windows in one message, at most.
const BATCH: u64 = 16;

#[derive(Debug)]
struct Lane {
    epoch: u64,
    spool: Spool,
    outbox: Outbox,
}

/// Spools and outboxes of every epoch; the newest one is last and the only one that grows.
#[derive(Debug)]
pub struct Delivery {
    lanes: Vec<Lane>,
    refused: u64,
}

impl Delivery {
    /// Takes over what former processes left, and this process' own empty spool.
    pub fn new(formers: Vec<Former>, epoch: u64, own: Spool) -> Self {
        let lane = |(epoch, spool)| Lane { epoch, spool, outbox: Outbox::new() };
        let formers = formers.into_iter().map(|f| (f.epoch, f.spool));
        Self { lanes: formers.chain([(epoch, own)]).map(lane).collect(), refused: 0 }
    }

    /// Spools a window of this process.
    pub fn append(&mut self, window: Window) -> io::Result<()> {
        let own = self.lanes.last_mut();
        own.map_or(Ok(()), |lane| lane.spool.append(window).map(|_| ()))
    }

    /// The broker says what it has of each epoch; an epoch that it does not name is unknown to it.
    pub fn reconnected(&mut self, committed: &[(u64, u64)], now: u64) {
        for lane in &mut self.lanes {
            let has = committed.iter().find(|(epoch, _)| *epoch == lane.epoch).map_or(0, |(_, seq)| *seq);
            lane.outbox.reconnected(has, now);
        }
    }

    /// A new connection: whatever is not acknowledged has to be sent over it.
    pub fn rewind(&mut self, now: u64) {
        for lane in &mut self.lanes {
            lane.outbox.reconnected(lane.outbox.acked(), now);
        }
    }

    /// What is left to do of each step: the broker's figure less what former processes began in windows
    /// that it has not got yet. Without this, a successor would do those executions again.
    pub fn left_to_do(&self, remaining: Vec<u64>, committed: &[(u64, u64)]) -> Vec<u64> {
        let mut left = remaining;
        let formers = self.lanes.split_last().map_or([].as_slice(), |(_, formers)| formers);
        for lane in formers {
            let has = committed.iter().find(|(epoch, _)| *epoch == lane.epoch).map_or(0, |(_, seq)| *seq);
            for window in (has + 1..=lane.spool.last_seq()).filter_map(|seq| lane.spool.read(seq).ok()) {
                if let Some(step) = left.get_mut(usize::from(window.step)) {
                    *step = step.saturating_sub(window.totals.started);
                }
            }
        }
        left
    }

    /// The next windows to send, oldest epoch first. A window that can not be read back is left out, and
    /// the ones before it are sent alone.
    pub fn next(&mut self, now: u64) -> Option<(u64, Vec<Window>)> {
        for lane in &mut self.lanes {
            let last = lane.spool.last_seq().min(lane.outbox.acked() + lane.outbox.in_flight() + BATCH);
            if let Some((first, last)) = lane.outbox.next(last, now) {
                let windows = (first..=last).map_while(|seq| lane.spool.read(seq).ok()).collect();
                return Some((lane.epoch, windows));
            }
        }
        None
    }

    /// The broker has committed everything of this epoch up to `seq`.
    pub fn ack(&mut self, epoch: u64, seq: u64, now: u64) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.epoch == epoch) {
            lane.outbox.ack(seq, now);
        }
    }

    /// The broker will never take this window: go on after it. Returns how many were refused so far.
    pub fn refused(&mut self, epoch: u64, seq: u64, now: u64) -> u64 {
        self.refused += 1;
        self.ack(epoch, seq, now);
        self.refused
    }

    /// Whether the broker has everything.
    pub fn delivered(&self) -> bool {
        self.lanes.iter().all(|lane| lane.outbox.delivered(lane.spool.last_seq()))
    }

    /// Whether there is nothing at all to deliver.
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.spool.last_seq() == 0)
    }

    /// Highest number of this process' windows.
    pub fn last_seq(&self) -> u64 {
        self.lanes.last().map_or(0, |lane| lane.spool.last_seq())
    }

    /// Former epochs and the highest number of each.
    pub fn recovered(&self) -> Vec<(u64, u64)> {
        let (_, formers) = self.lanes.split_last().map_or((None, [].as_slice()), |(own, f)| (Some(own), f));
        formers.iter().map(|lane| (lane.epoch, lane.spool.last_seq())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::Totals;

    fn window(hits: u64) -> Window {
        Window { totals: Totals { hits, ..Totals::default() }, ..Window::default() }
    }

    fn spool_of(dir: &std::path::Path, hits: &[u64]) -> Spool {
        let mut spool = Spool::open(dir).unwrap();
        for h in hits {
            spool.append(window(*h)).unwrap();
        }
        spool
    }

    #[test]
    fn what_a_former_process_left_goes_out_first_and_under_its_own_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let former = Former { epoch: 3, spool: spool_of(&dir.path().join("a"), &[1, 2]) };
        let mut delivery = Delivery::new(vec![former], 9, spool_of(&dir.path().join("b"), &[5]));
        delivery.reconnected(&[(3, 1)], 0);
        let sent = |d: &mut Delivery| {
            d.next(0).map(|(epoch, ws)| (epoch, ws.iter().map(|w| w.totals.hits).collect::<Vec<_>>()))
        };
        assert_eq!(sent(&mut delivery), Some((3, vec![2])));
        assert_eq!(sent(&mut delivery), Some((9, vec![5])));
        assert_eq!(sent(&mut delivery), None);
        assert!(!delivery.delivered());
        delivery.ack(3, 2, 1);
        delivery.ack(9, 1, 1);
        assert!(delivery.delivered());
        assert_eq!((delivery.recovered(), delivery.last_seq()), (vec![(3, 2)], 1));
    }

    #[test]
    fn a_successor_does_not_do_again_what_the_broker_has_not_heard_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&dir.path().join("a")).unwrap();
        for (step, started) in [(0, 10), (1, 4), (1, 3)] {
            let totals = Totals { started, ..Totals::default() };
            spool.append(Window { step, totals, ..Window::default() }).unwrap();
        }
        let delivery =
            Delivery::new(vec![Former { epoch: 3, spool }], 9, spool_of(&dir.path().join("b"), &[]));
        assert_eq!(delivery.left_to_do(vec![0, 20], &[(3, 2)]), [0, 17]);
        assert_eq!(delivery.left_to_do(vec![10, 20], &[]), [0, 13]);
        assert_eq!(delivery.left_to_do(Vec::new(), &[]), [0; 0]);
    }

    #[test]
    fn a_batch_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool_of(&dir.path().join("a"), &(0..50).collect::<Vec<_>>());
        let mut delivery = Delivery::new(Vec::new(), 1, spool);
        delivery.reconnected(&[], 0);
        let sizes: Vec<_> = std::iter::from_fn(|| delivery.next(0)).map(|(_, ws)| ws.len()).collect();
        assert_eq!(sizes, [16, 16, 16, 2]);
    }
}
