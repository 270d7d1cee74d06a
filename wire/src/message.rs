//! Messages between broker, agents and clients: MessagePack maps in a versioned envelope.
//!
//! Fields travel by name, so that a reader of another release skips what it does not know; the version
//! changes only when a meaning does (docs/adr/0004).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::plan::Plan;
use crate::result::RunResult;
use crate::window::Window;

/// Version of every message's meaning.
pub const VERSION: u8 = 1;
/// Largest message that either side sends or accepts, in bytes.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Who sends, for which run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<B> {
    /// [`VERSION`] of the sender.
    pub v: u8,
    /// Run id.
    pub run: String,
    /// The agent's index, 0 for clients.
    pub index: u32,
    /// The agent process' epoch: grows with every process of one index; 0 for clients.
    pub epoch: u64,
    /// What is said.
    pub body: B,
}

/// Agent (or client) to broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToBroker {
    /// First message of every connection on the control socket.
    Register(Register),
    /// Once a second.
    Heartbeat(Heartbeat),
    /// The bundle is in place and the executor prepared.
    Prepared,
    /// Preparing failed; the message says what, where, why and what to do.
    PrepareFailed {
        /// What part of preparing it was.
        #[serde(default)]
        problem: Problem,
        /// For people.
        message: String,
    },
    /// Everything of this step is finished and its windows are in the spool.
    StepDone {
        /// 0-based.
        step: u16,
    },
    /// The agent's last word: all windows up to `last_seq` are all there are.
    Done {
        /// Highest sequence number used in this epoch.
        last_seq: u64,
        /// Epochs of former processes of this index whose windows this process recovered: (epoch, last seq).
        recovered: Vec<(u64, u64)>,
        /// Whether this process goes although its share of the load may not be done: it was told to by its
        /// supervisor (SIGTERM), or only delivers what a killed process left.
        #[serde(default)]
        leaving: bool,
    },
    /// On the results socket: windows in order of their sequence numbers, of the given epoch (that of a
    /// killed process, when its successor recovers them).
    Windows {
        /// Epoch that counted them.
        epoch: u64,
        /// In order, without gaps.
        windows: Vec<Window>,
    },
    /// A client asks for the figures so far.
    Summary,
    /// A client wants the run to end.
    Stop {
        /// How.
        stop: StopMode,
    },
}

/// What part of preparing failed: decides the reason that the LoadTest shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// Files of the bundle are missing, damaged, or not what the run was accepted with.
    Bundle,
    /// A requirement could not be installed.
    Dependency,
    /// The server under test is not one that the operator allows.
    Target,
    /// The test itself, or an option of its executor.
    #[default]
    Test,
}

/// What an agent process says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Process id.
    pub pid: u32,
    /// Host (pod) name.
    pub host: String,
    /// Cores it may use.
    pub cores: u32,
    /// Where it is in the run.
    pub state: AgentState,
    /// If it has started: the start instant T it was given, in nanoseconds of the broker's clock.
    pub started_at: Option<u64>,
    /// Current step.
    pub step: u16,
    /// How long its load was paused so far, the present pause included, in nanoseconds: a broker without
    /// memory learns it from here.
    #[serde(default)]
    pub paused_nanos: u64,
    /// Whether its load is paused now.
    #[serde(default)]
    pub paused: bool,
}

/// Life cycle of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentState {
    /// Unpacking the bundle, preparing the executor.
    Preparing,
    /// Waiting for the start.
    Ready,
    /// Sending load, or waiting at the barrier between steps.
    Running,
    /// Load is over, delivering windows.
    Draining,
    /// Said [`ToBroker::Done`].
    Done,
}

/// A sign of life, with what the broker needs for offsets and for saturation warnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The agent's clock in nanoseconds, echoed in [`ToAgent::HeartbeatAck`].
    pub sent_at: u64,
    /// Where it is in the run.
    pub state: AgentState,
    /// Current step.
    pub step: u16,
    /// Users (or requests in flight) now.
    pub users: u32,
    /// CPU time that the agent and its runners used since the last heartbeat, in milliseconds.
    pub cpu_millis: u32,
    /// Longest delay of the agent's own timer since the last heartbeat, in microseconds.
    pub lag_micros: u32,
    /// How far from T its load really began, in microseconds, once it has.
    pub start_skew_micros: Option<i64>,
}

/// Broker to agent (or client).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// Answer to Register.
    Welcome {
        /// What to do.
        plan: Box<Plan>,
        /// For each epoch of this index the broker knows: the highest sequence number it has committed.
        committed: Vec<(u64, u64)>,
        /// Executions of each step that a replacement has left to do; empty for a first process.
        remaining: Vec<u64>,
        /// Step the run is in, if it has started.
        step: Option<u16>,
        /// Which broker process speaks: a later one of the same run has a higher number. An agent obeys the
        /// highest that it heard of.
        #[serde(default)]
        broker_epoch: u64,
        /// How long the run's load was paused so far, in nanoseconds: the timetable moves by it.
        #[serde(default)]
        paused_nanos: u64,
        /// Whether the load is paused now.
        #[serde(default)]
        paused: bool,
    },
    /// Answer to Heartbeat.
    HeartbeatAck {
        /// Copied from the heartbeat.
        sent_at: u64,
        /// The broker's clock when it answered, in nanoseconds since the Unix epoch.
        broker_now: u64,
    },
    /// Load begins at this instant.
    Start {
        /// T, in nanoseconds of the broker's clock.
        at: u64,
    },
    /// All agents finished the step before: begin this one at this instant (hits steps only; duration
    /// steps follow the timetable).
    StepStart {
        /// 0-based.
        step: u16,
        /// In nanoseconds of the broker's clock.
        at: u64,
    },
    /// No new test executions until [`ToAgent::Resume`]; those in flight may finish.
    Pause,
    /// Load goes on at this instant, and ends later by the length of all pauses.
    Resume {
        /// In nanoseconds of the broker's clock.
        at: u64,
        /// Length of all pauses up to `at`, in nanoseconds.
        paused_nanos: u64,
    },
    /// End the load.
    Stop {
        /// How.
        stop: StopMode,
    },
    /// All windows of this epoch up to and including `seq` are committed.
    Ack {
        /// Epoch of the windows.
        epoch: u64,
        /// Cumulative.
        seq: u64,
    },
    /// This window can not be read and will never be: count it as refused and go on after it.
    Nack {
        /// Epoch of the window.
        epoch: u64,
        /// Its number.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// Everything is committed and stored: leave.
    Bye,
    /// This process must not go on.
    Refused {
        /// Why, for people.
        reason: String,
        /// Whether a newer process of the same index took over.
        superseded: bool,
    },
    /// Answer to [`ToBroker::Summary`]; also the live stream's message.
    Summary {
        /// Figures so far.
        result: Box<RunResult>,
        /// Whether they are final.
        done: bool,
    },
}

/// How to end the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopMode {
    /// No new test executions; those in flight may finish within the drain time.
    Drain,
    /// Cut everything at once; what is in flight is counted as unanswered.
    Now,
}

/// Why a message can not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not MessagePack, or not of this shape.
    #[error("message can not be decoded: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// Can not be written (never seen; types above always can).
    #[error("message can not be encoded: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The sender speaks another version.
    #[error(
        "message has version {0}, this program speaks version {VERSION}: use the same release of loads for broker and agents"
    )]
    Version(u8),
    /// The sender belongs to another run.
    #[error("message is of run {0:?}, not of this run: each broker serves one run")]
    Run(String),
}

/// Only the part of an envelope that must be understood first.
#[derive(Deserialize)]
struct Head {
    v: u8,
    run: String,
}

impl<B: Serialize + DeserializeOwned> Envelope<B> {
    /// Wraps a message of this release.
    pub fn new(run: &str, index: u32, epoch: u64, body: B) -> Self {
        Self { v: VERSION, run: run.to_owned(), index, epoch, body }
    }

    /// MessagePack with field names.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        Ok(rmp_serde::to_vec_named(self)?)
    }

    /// Reads a message of the given run; another version or run is told apart from garbage.
    pub fn decode(bytes: &[u8], run: &str) -> Result<Self, Error> {
        let head: Head = rmp_serde::from_slice(bytes)?;
        if head.v != VERSION {
            return Err(Error::Version(head.v));
        }
        if head.run != run {
            return Err(Error::Run(head.run));
        }
        Ok(rmp_serde::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Envelope<ToBroker> {
        Envelope::new("r1", 3, 7, ToBroker::Prepared)
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let mut window = Window { seq: 1, second: 2, ..Window::default() };
        let mut row =
            crate::Row { label: "/".into(), method: "GET".into(), status: 200, ..Default::default() };
        row.latency.record(123_456);
        row.headers_sum = u128::from(u64::MAX) * 4;
        window.rows.push(row);
        let sent = Envelope::new("r1", 0, 1, ToBroker::Windows { epoch: 1, windows: vec![window] });
        let bytes = sent.encode().unwrap();
        assert_eq!(Envelope::<ToBroker>::decode(&bytes, "r1").unwrap(), sent);
    }

    #[test]
    fn another_version_or_run_is_refused_by_name() {
        let mut message = ready();
        assert!(
            matches!(Envelope::<ToBroker>::decode(&message.encode().unwrap(), "r2"), Err(Error::Run(r)) if r == "r1")
        );
        message.v = 9;
        assert!(matches!(
            Envelope::<ToBroker>::decode(&message.encode().unwrap(), "r1"),
            Err(Error::Version(9))
        ));
    }

    #[test]
    fn garbage_is_an_error_not_a_panic() {
        assert!(matches!(Envelope::<ToBroker>::decode(b"\xff\xff\x00garbage", "r1"), Err(Error::Decode(_))));
    }
}
