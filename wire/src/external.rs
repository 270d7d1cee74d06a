//! The JSON that runners in any language send: lenient where practice was (docs/external-runners.md).
//!
//! One frame is one message, or a batch of them. Keys that a message does not need are skipped whatever is
//! in them, numbers may be written as strings, and of repeated keys the last one counts.

mod fields;
mod started;
mod window;

use std::borrow::Cow;

use crate::Window;
use fields::{Fields, Scalar};

/// What one frame says.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<'a> {
    /// The run that the sender takes part in; none if it does not say.
    pub run_id: Option<Cow<'a, str>>,
    /// What happened, in the order of the frame. A batch groups its messages by kind.
    pub messages: Vec<RunnerMessage<'a>>,
    /// Messages of a batch that make no sense.
    pub bad: u64,
}

/// Something that a runner did.
#[derive(Debug, Clone, PartialEq)]
pub enum RunnerMessage<'a> {
    /// A test execution begins.
    TestStarted,
    /// A test execution is over; how is told by a message of its own.
    TestStopped,
    /// A test execution passed.
    Success,
    /// A test execution skipped itself.
    Skipped,
    /// A test's assertion failed.
    Failure(Exception<'a>),
    /// A test ended by an unexpected exception.
    Error(Exception<'a>),
    /// A request was answered.
    Hit(HitMessage<'a>),
    /// A web socket was opened.
    SocketOpened,
    /// A web socket was closed.
    SocketClosed,
    /// So many bytes came through a web socket.
    SocketMessage(u64),
    /// The test's own counter of this name grew by one.
    Counter(Cow<'a, str>),
    /// Known, and of no meaning to an agent: run begins, run ends.
    Nothing,
    /// A process of the `loads` Python package is ready for its first step.
    Ready {
        /// Its number among the agent's processes.
        process: u32,
    },
    /// A process of the `loads` Python package can not run the test.
    Failed {
        /// Which part of the test's name, or what else, is wrong.
        kind: Cow<'a, str>,
        /// What, where, why and what to do.
        message: Cow<'a, str>,
        /// Stack trace, empty where there is none.
        traceback: Cow<'a, str>,
    },
    /// A process of the `loads` Python package counted this in one second of one step.
    Window {
        /// Its number among the agent's processes.
        process: u32,
        /// Its sequence number is not given yet.
        window: Box<Window>,
    },
    /// A process of the `loads` Python package handed over its last window of this step.
    StepDone {
        /// Its number among the agent's processes.
        process: u32,
        /// 0-based.
        step: u16,
    },
}

/// An answered request.
#[derive(Debug, Clone, PartialEq)]
pub struct HitMessage<'a> {
    /// The URL without query, fragment and user info.
    pub label: Cow<'a, str>,
    /// HTTP method, `GET` if not said.
    pub method: Cow<'a, str>,
    /// HTTP status.
    pub status: u16,
    /// When the request began, in seconds since the Unix epoch, if said readably.
    pub started: Option<f64>,
    /// Nanoseconds to the end of the answer.
    pub elapsed: u64,
}

/// How a test failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exception<'a> {
    /// The test's name.
    pub test: Cow<'a, str>,
    /// Class name, without its module.
    pub class: Cow<'a, str>,
    /// For people.
    pub message: Cow<'a, str>,
    /// Stack trace, empty where there is none.
    pub traceback: Cow<'a, str>,
}

/// Why a frame can not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or not a JSON object.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// Nothing says what it is.
    #[error("data_type is missing")]
    NoType,
    /// No message that a runner may send.
    #[error("data_type {0:?} is unknown, and without \"test\" it is no counter")]
    UnknownType(String),
    /// A part is missing or has no meaning.
    #[error("{data_type} has no usable {field:?}")]
    Field {
        /// Kind of the message.
        data_type: &'static str,
        /// Its part.
        field: &'static str,
    },
}

/// Reads one frame.
pub fn parse(bytes: &[u8]) -> Result<Frame<'_>, Error> {
    let mut fields: Fields<'_> = serde_json::from_slice(bytes)?;
    let run_id = std::mem::take(&mut fields.run_id).text();
    let data_type = std::mem::take(&mut fields.data_type).text().ok_or(Error::NoType)?;
    if data_type != "batch" {
        return Ok(Frame { run_id, messages: vec![message(data_type, fields)?], bad: 0 });
    }
    let mut frame = Frame { run_id, messages: Vec::new(), bad: 0 };
    for (data_type, group) in fields.counts {
        for fields in group {
            match message(data_type.clone(), fields) {
                Ok(message) => frame.messages.push(message),
                Err(_) => frame.bad += 1,
            }
        }
    }
    Ok(frame)
}

fn message<'a>(data_type: Cow<'a, str>, fields: Fields<'a>) -> Result<RunnerMessage<'a>, Error> {
    Ok(match &*data_type {
        "add_hit" => RunnerMessage::Hit(hit(fields)?),
        "startTest" => RunnerMessage::TestStarted,
        "stopTest" => RunnerMessage::TestStopped,
        "addSuccess" | "addExpectedFailure" => RunnerMessage::Success,
        "addSkip" => RunnerMessage::Skipped,
        "addFailure" | "addUnexpectedSuccess" => RunnerMessage::Failure(exception(fields)),
        "addError" => RunnerMessage::Error(exception(fields)),
        "socket_open" => RunnerMessage::SocketOpened,
        "socket_close" => RunnerMessage::SocketClosed,
        "socket_message" => RunnerMessage::SocketMessage(fields.size.whole().unwrap_or(0)),
        "incr_counter" => {
            let name = fields.name.text();
            RunnerMessage::Counter(name.ok_or(Error::Field { data_type: "incr_counter", field: "name" })?)
        }
        "startTestRun" | "stopTestRun" | "run-finished" => RunnerMessage::Nothing,
        "loads.ready" => RunnerMessage::Ready { process: fields.process() },
        "loads.failed" => RunnerMessage::Failed {
            kind: fields.kind.text().unwrap_or_default(),
            message: fields.message.text().unwrap_or_default(),
            traceback: fields.traceback.text().unwrap_or_default(),
        },
        "loads.window" => {
            let process = fields.process();
            let window = fields.window.and_then(window::JsonWindow::into_window);
            let window = window.ok_or(Error::Field { data_type: "loads.window", field: "window" })?;
            RunnerMessage::Window { process, window: Box::new(window) }
        }
        "loads.step_done" => {
            let step = fields.step.whole().and_then(|step| u16::try_from(step).ok());
            let step = step.ok_or(Error::Field { data_type: "loads.step_done", field: "step" })?;
            RunnerMessage::StepDone { process: fields.process(), step }
        }
        // The original's Python runner sends a counter's name as the kind of the message.
        _ if !matches!(fields.test, Scalar::Missing) => RunnerMessage::Counter(data_type),
        _ => return Err(Error::UnknownType(data_type.chars().take(80).collect())),
    })
}

fn hit(fields: Fields<'_>) -> Result<HitMessage<'_>, Error> {
    let lacks = |field| Error::Field { data_type: "add_hit", field };
    let url = fields.url.text().ok_or(lacks("url"))?;
    let status =
        fields.status.whole().and_then(|status| u16::try_from(status).ok()).ok_or(lacks("status"))?;
    let elapsed = fields.elapsed.number().filter(|seconds| *seconds >= 0.0).ok_or(lacks("elapsed"))?;
    Ok(HitMessage {
        label: label(url),
        method: fields.method.text().unwrap_or(Cow::Borrowed("GET")),
        status,
        started: started::seconds(&fields.started),
        // A cast from f64 stops at the largest u64: 584 years.
        elapsed: (elapsed * 1e9).round() as u64,
    })
}

fn exception(fields: Fields<'_>) -> Exception<'_> {
    let [class, message, traceback] = fields.exc_info;
    Exception { test: fields.test.text().unwrap_or_default(), class: class_name(class), message, traceback }
}

/// `AssertionError` of `<type 'exceptions.AssertionError'>`.
fn class_name(class: Cow<'_, str>) -> Cow<'_, str> {
    let name = class.rsplit('.').next().unwrap_or_default();
    let name = name.rsplit('\'').find(|part| !part.is_empty() && *part != ">").unwrap_or(name);
    match name.trim() {
        "" => Cow::Borrowed("Exception"),
        name if name.len() == class.len() => class,
        name => Cow::Owned(name.to_owned()),
    }
}

/// The URL without query, fragment and user info: the name of a hit in results.
pub fn label(url: Cow<'_, str>) -> Cow<'_, str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let authority = url[..end].find("://").map_or(0, |at| at + 3);
    let path = url[authority..end].find('/').map_or(end, |at| authority + at);
    let user_info = url[authority..path].rfind('@').filter(|_| authority > 0);
    match (user_info, url) {
        (None, Cow::Borrowed(url)) => Cow::Borrowed(&url[..end]),
        (None, Cow::Owned(mut url)) => {
            url.truncate(end);
            Cow::Owned(url)
        }
        (Some(at), url) => Cow::Owned([&url[..authority], &url[authority + at + 1..end]].concat()),
    }
}

#[cfg(test)]
mod tests;
