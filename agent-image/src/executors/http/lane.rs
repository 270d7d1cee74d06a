//! One engine thread: an epoll loop of its own, with connections, users and recorder of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use rustls::ClientConfig;

use super::connection::Connection;
use super::control::{Command, LaneState};
use super::draw::Random;
use super::load::Load;
use super::scenario::Scenario;
use super::tally::Tally;
use super::user::User;
use crate::clock;
use crate::record::Recorder;

const WAKE: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);
/// Reads of one turn share this buffer: what is in it is used up at once.
const BUFFER: usize = 64 * 1024;
const EVENTS: usize = 1024;

/// What a lane is, for as long as the run lasts.
#[derive(Debug, Clone)]
pub struct Setting {
    /// This lane's number among `lanes`.
    pub lane: u32,
    /// Lanes of this agent.
    pub lanes: u32,
    /// This agent's number among `agents`.
    pub agent: u32,
    /// Agents of the run.
    pub agents: u32,
    /// What is sent.
    pub scenario: Arc<Scenario>,
    /// For https targets.
    pub tls: Option<Arc<ClientConfig>>,
    /// Most connections to one server of this agent.
    pub connections: Option<u32>,
    /// Arrivals per second over all agents.
    pub rate: Option<u32>,
    /// Nanoseconds of ramp-up in each step.
    pub ramp_up: u64,
    /// Nanoseconds until a time-out.
    pub timeout: u64,
    /// Nanoseconds that what is in flight gets at a step's end.
    pub drain: u64,
}

/// A lane, run by [`Lane::run`] on its own thread.
#[derive(Debug)]
pub struct Lane {
    pub(super) setting: Setting,
    pub(super) tally: Tally,
    pub(super) registry: Registry,
    pub(super) state: Arc<LaneState>,
    pub(super) users: Vec<User>,
    /// Place `user × targets + target`.
    pub(super) connections: Vec<Connection>,
    /// For each target, which address comes next.
    pub(super) turns: Vec<usize>,
    pub(super) random: Random,
    pub(super) buffer: Box<[u8]>,
    /// Users that wait for an instant.
    pub(super) waits: BinaryHeap<Reverse<(u64, u32)>>,
    /// Open model: users without a request; the last one used comes first, its connection is warm.
    pub(super) free: Vec<u32>,
    pub(super) load: Option<Load>,
    timer: TimerFd,
    /// What the timer is set to.
    wake_at: u64,
}

/// A poll with its waker, made before the thread so that failing is [`prepare`]'s.
///
/// [`prepare`]: crate::executor::Executor::prepare
pub fn poll() -> io::Result<(Poll, Arc<Waker>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    Ok((poll, waker))
}

impl Lane {
    /// A lane that polls with `poll`.
    pub fn new(setting: Setting, recorder: Recorder, state: Arc<LaneState>, poll: &Poll) -> io::Result<Self> {
        let registry = poll.registry().try_clone()?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let raw = std::os::fd::AsFd::as_fd(&timer).as_raw_fd();
        registry.register(&mut SourceFd(&raw), TIMER, Interest::READABLE)?;
        let seed = clock::now() ^ (u64::from(setting.agent) << 32) ^ (u64::from(setting.lane) << 48);
        Ok(Self {
            turns: vec![setting.lane as usize; setting.scenario.targets.len()],
            tally: Tally::new(recorder, Arc::clone(&setting.scenario)),
            random: Random::new(seed),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            setting,
            registry,
            state,
            users: Vec::new(),
            connections: Vec::new(),
            waits: BinaryHeap::new(),
            free: Vec::new(),
            load: None,
            timer,
            wake_at: u64::MAX,
        })
    }

    /// Works until [`Command::Quit`], or until nobody can send commands any more.
    pub fn run(mut self, mut poll: Poll, commands: &Receiver<Command>) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            if let Err(error) = poll.poll(&mut events, None) {
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                tracing::error!(%error, "http executor: the engine thread can not wait for events and ends");
                return;
            }
            let (mut woken, mut timed) = (false, false);
            for event in &events {
                match event.token() {
                    WAKE => woken = true,
                    TIMER => timed = true,
                    Token(place) => self.on_ready(place, event),
                }
            }
            if woken && !self.obey(commands) {
                return;
            }
            if timed {
                self.wake_at = u64::MAX;
            }
            if timed || woken {
                self.on_time(clock::now());
            } else if self.load.as_ref().is_some_and(Load::is_open) {
                self.admit(clock::now());
            }
            self.finish_if_done();
        }
    }

    /// Whether the event is one of a connection that will not send more.
    pub(super) fn hung_up(event: &Event) -> bool {
        event.is_read_closed() || event.is_error()
    }

    fn obey(&mut self, commands: &Receiver<Command>) -> bool {
        loop {
            match commands.try_recv() {
                Ok(Command::Step(order)) => self.begin_step(order),
                Ok(Command::Stop(mode, done)) => self.stop(mode, done),
                Ok(Command::Quit) | Err(TryRecvError::Disconnected) => {
                    self.cut(clock::now());
                    self.tally.recorder.end_step(clock::now());
                    return false;
                }
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// Makes sure that [`on_time`](Self::on_time) runs at this instant, or before.
    pub(super) fn wake_by(&mut self, instant: u64) {
        if instant >= self.wake_at {
            return;
        }
        self.wake_at = instant;
        // An absolute time of 0 would disarm the timer.
        let at = TimeSpec::from_duration(Duration::from_nanos(instant.max(1)));
        if let Err(error) = self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME) {
            tracing::error!(%error, "http executor: the engine thread can not set its timer");
        }
    }

    /// Gives every user its connections' places, and ends those of users beyond.
    pub(super) fn seat(&mut self, users: usize) {
        self.users.resize_with(users, User::default);
        let places = users * self.setting.scenario.targets.len();
        self.connections.resize_with(places, Connection::new);
    }
}
