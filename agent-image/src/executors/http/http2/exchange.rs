//! A request as a stream, and its answer.

use std::cell::Cell;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use loads_wire::ErrorKind;

use super::super::failure::Failure;
use super::super::scenario;
use super::super::tally::Answer;
use super::step::Step;
use super::{Shared, pool};
use crate::clock::{self, SECOND};
use crate::record::Cell as Outcome;

/// How far a request came; read when it is cut.
#[derive(Default)]
struct Progress {
    /// When it was due, or first written.
    began: Cell<u64>,
    sent: Cell<bool>,
    status: Cell<Option<u16>>,
    headers_at: Cell<u64>,
    bytes: Cell<u64>,
    /// Whether the connection gave an answer before.
    reused: Cell<bool>,
}

/// How a request ended.
pub struct Ended {
    /// What it means for its execution.
    pub outcome: Outcome,
    /// Whether the user should rest before the next one.
    pub rest: bool,
}

impl Shared {
    /// Sends the request, and counts what becomes of it. Latency counts from `due` (open model), or from when
    /// it is written.
    pub async fn request(&self, step: &Step, user: u32, number: usize, due: Option<u64>) -> Ended {
        let progress = Progress::default();
        progress.began.set(due.unwrap_or(0));
        let result = tokio::select! {
            biased;
            () = step.cut.cancelled() => {
                self.count_cut(&progress, number);
                return Ended { outcome: Outcome::Interrupted, rest: false };
            }
            result = self.with_retry(&progress, user, number) => result,
        };
        let mut tally = self.tally.borrow_mut();
        let answer = progress.answer(number);
        let Err(failure) = result else {
            let outcome = answer.map_or(Outcome::Errors, |answer| tally.hit(answer));
            return Ended { outcome, rest: false };
        };
        if let Some(answer) = answer {
            tally.hit(answer);
            tally.error(number, &failure);
        } else {
            tally.failed(number, &failure, progress.sent.get());
        }
        Ended { outcome: Outcome::Errors, rest: !progress.reused.get() }
    }

    fn count_cut(&self, progress: &Progress, number: usize) {
        let mut tally = self.tally.borrow_mut();
        if let Some(answer) = progress.answer(number) {
            tally.hit(answer);
        } else if progress.sent.get() {
            tally.recorder.unanswered(1);
        }
    }

    async fn with_retry(&self, progress: &Progress, user: u32, number: usize) -> Result<(), Failure> {
        let first = self.attempt(progress, user, number).await;
        let Err(failure) = first else { return Ok(()) };
        let stale = progress.reused.get() && progress.status.get().is_none() && failure.is_gone();
        if !stale || !self.setting.scenario.requests[number].idempotent {
            return Err(failure);
        }
        if progress.sent.get() {
            self.tally.borrow_mut().recorder.totals_mut().retries += 1;
        }
        self.attempt(progress, user, number).await
    }

    async fn attempt(&self, progress: &Progress, user: u32, number: usize) -> Result<(), Failure> {
        let target = self.setting.scenario.requests[number].target;
        let limit = Duration::from_nanos(self.setting.timeout);
        let seconds = self.setting.timeout / SECOND;
        let opening = self.pool.get(user, &self.setting, target);
        let connection = tokio::time::timeout(limit, opening).await.unwrap_or_else(|_| {
            let message = format!("no connection within {seconds} s");
            Err(Failure::new(ErrorKind::ConnectTimeout, message))
        })?;
        progress.reused.set(connection.answered.get());
        let exchange = self.exchange(progress, connection, number);
        tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
            let message = format!("no complete answer within {seconds} s");
            Err(Failure::new(ErrorKind::ReadTimeout, message))
        })
    }

    async fn exchange(
        &self,
        progress: &Progress,
        mut connection: pool::Connection,
        number: usize,
    ) -> Result<(), Failure> {
        let request = self.build(number)?;
        connection.sender.ready().await.map_err(|error| pool::of(&error))?;
        if !progress.sent.replace(true) {
            if progress.began.get() == 0 {
                progress.began.set(clock::now());
            }
            self.tally.borrow_mut().recorder.sent();
        }
        let response = connection.sender.send_request(request).await.map_err(|error| pool::of(&error))?;
        progress.headers_at.set(clock::now());
        progress.status.set(Some(response.status().as_u16()));
        connection.answered.set(true);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| pool::of(&error))?;
            progress.bytes.set(progress.bytes.get() + frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        Ok(())
    }

    fn build(&self, number: usize) -> Result<Request<Full<Bytes>>, Failure> {
        let definition: &scenario::Request = &self.setting.scenario.requests[number];
        let target = &self.setting.scenario.targets[definition.target];
        let scheme = if target.tls { "https" } else { "http" };
        let uri = format!("{scheme}://{}{}", target.authority, definition.path);
        let mut builder = Request::builder().method(definition.method.as_str()).uri(uri);
        for (name, value) in &definition.headers {
            // RFC 9113 §8.2.2: what is about a connection has no place in HTTP/2; Host is `:authority`.
            let bound = ["connection", "host", "keep-alive", "upgrade", "proxy-connection"];
            if !bound.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                builder = builder.header(name, value);
            }
        }
        let body = Bytes::from(definition.body.clone().unwrap_or_default());
        builder
            .body(Full::new(body))
            .map_err(|error| Failure::new(ErrorKind::Other("BadRequest".to_owned()), error.to_string()))
    }
}

impl Progress {
    /// The answer as far as it is there, if its headers are.
    fn answer(&self, request: usize) -> Option<Answer> {
        let status = self.status.get()?;
        let (began, headers_at, bytes) = (self.began.get(), self.headers_at.get(), self.bytes.get());
        Some(Answer { request, status, began, headers_at, now: clock::now(), bytes })
    }
}
