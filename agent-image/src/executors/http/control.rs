//! How the executor and its lanes (engine threads) talk: a few messages a step, none a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;

use loads_wire::message::StopMode;
use tokio::sync::oneshot;

use crate::executor::StepOrder;

/// What a lane is told.
#[derive(Debug)]
pub enum Command {
    /// Carry out this step.
    Step(StepOrder),
    /// End the step; answered when its last window is handed over.
    Stop(StopMode, oneshot::Sender<()>),
    /// Close everything and end the thread.
    Quit,
}

/// What a lane shows of itself.
#[derive(Debug, Default)]
pub struct LaneState {
    finished: AtomicBool,
    users: AtomicU32,
    began: AtomicU64,
}

impl LaneState {
    /// Whether all load of the step is finished.
    pub fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Says whether it is.
    pub fn set_finished(&self, finished: bool) {
        self.finished.store(finished, Ordering::Release);
    }

    /// When the step's first execution began, on this process' clock.
    pub fn began(&self) -> Option<u64> {
        Some(self.began.load(Ordering::Relaxed)).filter(|began| *began > 0)
    }

    /// Says when; 0 before it has.
    pub fn set_began(&self, now: u64) {
        self.began.store(now, Ordering::Relaxed);
    }

    /// Users active now.
    pub fn users(&self) -> u32 {
        self.users.load(Ordering::Relaxed)
    }

    /// Says how many are.
    pub fn set_users(&self, users: u32) {
        self.users.store(users, Ordering::Relaxed);
    }
}

/// The way to one kind of lane.
#[derive(Debug)]
pub enum Mailbox {
    /// A lane with an epoll loop of its own.
    Epoll(std::sync::mpsc::Sender<Command>, Arc<mio::Waker>),
    /// A lane with a runtime of its own.
    Runtime(tokio::sync::mpsc::UnboundedSender<Command>),
}

impl Mailbox {
    /// Hands a command over; a lane that is gone gets none, which its caller sees from the missing answer.
    pub fn send(&self, command: Command) {
        match self {
            Self::Epoll(sender, waker) => {
                if sender.send(command).is_ok() {
                    let _ = waker.wake();
                }
            }
            Self::Runtime(sender) => drop(sender.send(command)),
        }
    }
}

/// The executor's end of a lane.
#[derive(Debug)]
pub struct LaneHandle {
    /// Where its commands go.
    pub mailbox: Mailbox,
    /// What it shows.
    pub state: Arc<LaneState>,
    /// Ends after [`Command::Quit`].
    pub thread: JoinHandle<()>,
}
