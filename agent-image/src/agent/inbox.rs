//! What the life cycle was told so far, by the broker and by its own process.

use std::collections::BTreeMap;

use loads_wire::Plan;
use loads_wire::message::StopMode;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Outcome;
use crate::clock;
use crate::session::{Event, Pauses};

/// The broker's answer to the registration.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// What to do.
    pub plan: Plan,
    /// Executions left for a replacement, by step.
    pub remaining: Vec<u64>,
    /// Step that the run is in.
    pub step: Option<u16>,
}

/// Orders, as far as they have come.
#[derive(Debug)]
pub struct Inbox {
    hear: mpsc::UnboundedReceiver<Event>,
    signal: watch::Receiver<Option<StopMode>>,
    /// The first welcome; later ones (after a reconnect) change nothing.
    pub welcome: Option<Welcome>,
    /// T.
    pub start: Option<u64>,
    /// Barriers passed.
    pub step_starts: BTreeMap<u16, u64>,
    /// Pauses of the load.
    pub pauses: Pauses,
    /// How the load has to end.
    pub stop: Option<StopMode>,
    /// Whether the broker ended the load, not this process' supervisor.
    pub stopped_by_broker: bool,
    /// When the supervisor (a signal) first told this process to go.
    pub told_to_go: Option<Instant>,
    /// Whether the broker has all that this process has to say.
    pub settled: bool,
    /// Why this life is over.
    pub end: Option<Outcome>,
    /// Whether the broker was silent for too long.
    pub silent: bool,
}

impl Inbox {
    /// Nothing heard yet.
    pub fn new(hear: mpsc::UnboundedReceiver<Event>, signal: watch::Receiver<Option<StopMode>>) -> Self {
        Self {
            hear,
            signal,
            welcome: None,
            start: None,
            step_starts: BTreeMap::new(),
            pauses: Pauses::default(),
            stop: None,
            stopped_by_broker: false,
            told_to_go: None,
            settled: false,
            end: None,
            silent: false,
        }
    }

    /// Waits for the next thing and notes it. Cancel-safe.
    pub async fn next(&mut self) {
        tokio::select! {
            event = self.hear.recv() => match event {
                Some(event) => self.note(event),
                // The conversation is over; if it ended with a word, that was noted before.
                None => {
                    self.end.get_or_insert(Outcome::BrokerLost);
                }
            },
            Ok(()) = self.signal.changed() => {
                let mode = *self.signal.borrow_and_update();
                self.told_to_go.get_or_insert_with(Instant::now);
                self.order_stop(mode);
            }
        }
    }

    /// Waits until `ready` says so, or until the load has to end, or this life has.
    pub async fn until(&mut self, ready: impl Fn(&Self) -> bool) {
        while !ready(self) && self.stop.is_none() && self.end.is_none() {
            self.next().await;
        }
    }

    /// Waits until the load has to be cut at once.
    pub async fn until_cut(&mut self) {
        while self.stop != Some(StopMode::Now) && self.end.is_none() {
            self.next().await;
        }
    }

    fn order_stop(&mut self, mode: Option<StopMode>) {
        if self.stop != Some(StopMode::Now) {
            self.stop = mode.or(self.stop);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Welcome { plan, remaining, step, paused, paused_nanos } => {
                self.silent = false;
                let begun = self.start.is_some() || step.is_some();
                self.pauses.learn(paused && begun, paused_nanos, clock::now());
                self.welcome.get_or_insert(Welcome { plan: *plan, remaining, step });
            }
            Event::Start(at) => self.start = self.start.or(Some(at)),
            Event::StepStart(step, at) => {
                self.step_starts.entry(step).or_insert(at);
            }
            // Before the start there is no load to pause: the broker holds the start back.
            Event::Pause => {
                let begun = self.start.is_some() || self.welcome.as_ref().is_some_and(|w| w.step.is_some());
                if begun {
                    self.pauses.pause(clock::now());
                }
            }
            Event::Resume { at, paused_nanos } => self.pauses.resume(at, paused_nanos),
            Event::Stop(mode) => {
                self.stopped_by_broker = true;
                self.order_stop(Some(mode));
            }
            Event::Settled => self.settled = true,
            Event::Refused { reason, superseded } => self.end = Some(Outcome::Refused { reason, superseded }),
            Event::Bye => self.end = Some(Outcome::Delivered),
            Event::Silent(seconds) => {
                tracing::error!(seconds, "the broker is silent for too long: the load ends here");
                self.silent = true;
                self.order_stop(Some(StopMode::Drain));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cut_is_never_softened_to_a_drain() {
        let (say, hear) = mpsc::unbounded_channel();
        let (_signal, stop) = watch::channel(None);
        let mut inbox = Inbox::new(hear, stop);
        for event in [Event::Stop(StopMode::Now), Event::Stop(StopMode::Drain), Event::Silent(60)] {
            say.send(event).unwrap();
            inbox.next().await;
        }
        assert_eq!(inbox.stop, Some(StopMode::Now));
    }

    #[tokio::test]
    async fn a_pause_counts_only_once_there_is_load_to_pause() {
        let (say, hear) = mpsc::unbounded_channel();
        let (_signal, stop) = watch::channel(None);
        let mut inbox = Inbox::new(hear, stop);
        for (event, paused) in [
            (Event::Pause, false),
            (Event::Start(5), false),
            (Event::Pause, true),
            (Event::Resume { at: 9, paused_nanos: 3 }, false),
        ] {
            say.send(event.clone()).unwrap();
            inbox.next().await;
            assert_eq!(inbox.pauses.on(), paused, "{event:?}");
        }
        assert_eq!((inbox.pauses.nanos, inbox.pauses.resumed_at), (3, 9));
    }

    #[tokio::test]
    async fn a_signal_is_told_apart_from_the_brokers_stop() {
        let (say, hear) = mpsc::unbounded_channel();
        let (signal, stop) = watch::channel(None);
        let mut inbox = Inbox::new(hear, stop);
        signal.send_replace(Some(StopMode::Drain));
        inbox.next().await;
        assert!(inbox.told_to_go.is_some() && !inbox.stopped_by_broker);
        say.send(Event::Stop(StopMode::Drain)).unwrap();
        inbox.next().await;
        assert!(inbox.stopped_by_broker);
    }

    #[tokio::test]
    async fn the_first_start_instant_stays() {
        let (say, hear) = mpsc::unbounded_channel();
        let (_signal, stop) = watch::channel(None);
        let mut inbox = Inbox::new(hear, stop);
        for at in [5, 9] {
            say.send(Event::Start(at)).unwrap();
            inbox.next().await;
        }
        assert_eq!(inbox.start, Some(5));
    }
}
