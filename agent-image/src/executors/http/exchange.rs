//! A request and its answer: sending, judging, retrying, timing out, cutting.

use loads_wire::ErrorKind;
use mio::Token;
use mio::event::Event;

use super::connection::{Phase, Received};
use super::failure::Failure;
use super::lane::Lane;
use super::load::Load;
use super::tally::Answer;
use super::user::User;
use crate::clock::{self, SECOND};
use crate::record::Cell;

/// How long a user rests after a connection that never gave an answer: a dead server is asked ten times a
/// second by each user, not as often as the machine can.
pub const BACK_OFF: u64 = SECOND / 10;

impl Lane {
    fn place(&self, user: u32) -> usize {
        let scenario = &self.setting.scenario;
        let request = self.users[user as usize].request;
        user as usize * scenario.targets.len() + scenario.requests[request].target
    }

    /// Begins the user's current request. Latency counts from `due` in the open model, from the first byte
    /// written in the closed one.
    #[inline]
    pub(super) fn begin_request(&mut self, user: u32, due: u64, now: u64) {
        let current = &mut self.users[user as usize];
        (current.began, current.sent, current.retried) = (due, false, false);
        let place = self.place(user);
        if self.connections[place].phase == Phase::Idle {
            self.transmit(user, place, now);
        } else {
            self.connect(user, place, now);
        }
    }

    fn connect(&mut self, user: u32, place: usize, now: u64) {
        let target = place % self.setting.scenario.targets.len();
        let connection = &mut self.connections[place];
        connection.deadline = now + self.setting.timeout;
        connection.untried = self.setting.scenario.targets[target].addresses.len();
        let failure = self.setting.scenario.targets[target].no_address.clone();
        self.try_address(user, place, failure);
    }

    /// Tries the next address of the target; `failure` is what the request ends with if there is none.
    fn try_address(&mut self, user: u32, place: usize, mut failure: Failure) {
        let number = place % self.setting.scenario.targets.len();
        while self.connections[place].untried > 0 {
            let target = &self.setting.scenario.targets[number];
            let address = target.addresses[self.turns[number] % target.addresses.len()];
            self.turns[number] = self.turns[number].wrapping_add(1);
            let connection = &mut self.connections[place];
            connection.untried -= 1;
            let tls = self.setting.tls.as_ref();
            match connection.open(&self.registry, Token(place), address, target, tls) {
                Ok(()) => return,
                Err(error) => failure = error.into(),
            }
        }
        self.fail(user, place, &failure, clock::now());
    }

    #[inline]
    fn transmit(&mut self, user: u32, place: usize, now: u64) {
        let open = self.load.as_ref().is_some_and(Load::is_open);
        let current = &mut self.users[user as usize];
        if !current.sent {
            current.sent = true;
            if !open {
                current.began = now;
            }
            self.tally.recorder.sent();
        }
        let request = &self.setting.scenario.requests[current.request];
        let deadline = now + self.setting.timeout;
        if let Err(error) = self.connections[place].send(&request.bytes, request.is_head, deadline) {
            self.fail(user, place, &error.into(), clock::now());
        }
    }

    /// A connection's readiness event.
    #[inline]
    pub(super) fn on_ready(&mut self, place: usize, event: &Event) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let user = (place / self.setting.scenario.targets.len()) as u32;
        match connection.phase {
            Phase::Closed => {}
            Phase::Idle => connection.check_idle(&mut self.buffer),
            Phase::Connecting | Phase::Handshaking => match connection.advance() {
                Ok(true) => self.transmit(user, place, clock::now()),
                Ok(false) => {}
                Err(error) => self.try_address(user, place, error.into()),
            },
            Phase::Sending | Phase::Receiving => self.on_traffic(user, place, event),
        }
    }

    #[inline]
    fn on_traffic(&mut self, user: u32, place: usize, event: &Event) {
        let connection = &mut self.connections[place];
        // Reading comes first: a server may answer and hang up before it took the whole request.
        match connection.receive(&mut self.buffer, Self::hung_up(event)) {
            Received::Done(now) => return self.answered(user, place, now),
            Received::Failed(failure) => return self.fail(user, place, &failure, clock::now()),
            Received::More => {}
        }
        if connection.phase == Phase::Sending {
            let request = &self.setting.scenario.requests[self.users[user as usize].request];
            if let Err(error) = connection.push(&request.bytes) {
                self.fail(user, place, &error.into(), clock::now());
            }
        }
    }

    /// Counts an answer whose headers are there.
    #[inline]
    fn count_hit(&mut self, user: u32, place: usize, now: u64) -> Cell {
        let User { request, began, .. } = self.users[user as usize];
        let connection = &self.connections[place];
        let status = connection.parser.status().unwrap_or(0);
        let (bytes, headers_at) = (connection.parser.bytes(), connection.headers_at);
        self.tally.hit(Answer { request, status, began, headers_at, now, bytes })
    }

    #[inline]
    fn answered(&mut self, user: u32, place: usize, now: u64) {
        let outcome = self.count_hit(user, place, now);
        self.connections[place].release();
        self.end_request(user, outcome, now, None);
    }

    /// There will be no (complete) answer.
    fn fail(&mut self, user: u32, place: usize, failure: &Failure, now: u64) {
        let connection = &mut self.connections[place];
        let current = &mut self.users[user as usize];
        let in_answer =
            matches!(connection.phase, Phase::Sending | Phase::Receiving) && connection.parser.started();
        let request = &self.setting.scenario.requests[current.request];
        let stale = connection.answered && failure.is_gone() && !in_answer;
        if stale && request.idempotent && !current.retried {
            current.retried = true;
            self.tally.recorder.totals_mut().retries += 1;
            self.connections[place].close();
            return self.connect(user, place, now);
        }
        let pause = (!connection.answered).then_some(BACK_OFF);
        let (number, sent) = (current.request, current.sent);
        if in_answer && connection.parser.status().is_some() {
            // The headers were there: a hit, and an error of its body.
            self.count_hit(user, place, now);
            self.tally.error(number, failure);
        } else {
            self.tally.failed(number, failure, sent);
        }
        self.connections[place].close();
        self.end_request(user, Cell::Errors, now, pause);
    }

    #[inline]
    fn end_request(&mut self, user: u32, outcome: Cell, now: u64, pause: Option<u64>) {
        let current = &mut self.users[user as usize];
        current.judge(outcome);
        let outcome = current.outcome;
        let open = self.load.as_ref().is_none_or(Load::is_open);
        let scenario = &self.setting.scenario;
        let last = open || scenario.weights.is_some() || current.request + 1 >= scenario.requests.len();
        if last {
            return self.end_execution(user, outcome, now, pause);
        }
        current.request += 1;
        if self.is_over(now) {
            self.end_execution(user, Cell::Interrupted, now, None);
        } else if let Some(pause) = pause {
            self.wait(user, now + pause);
        } else {
            self.begin_request(user, now, now);
        }
    }

    /// Ends what takes longer than the test allows.
    pub(super) fn time_out(&mut self, now: u64) {
        let targets = self.setting.scenario.targets.len();
        let seconds = self.setting.timeout / SECOND;
        for place in 0..self.connections.len() {
            if now < self.connections[place].deadline {
                continue;
            }
            let (kind, what) = match self.connections[place].phase {
                Phase::Connecting | Phase::Handshaking => (ErrorKind::ConnectTimeout, "no connection"),
                Phase::Sending | Phase::Receiving => (ErrorKind::ReadTimeout, "no complete answer"),
                Phase::Closed | Phase::Idle => continue,
            };
            let failure = Failure::new(kind, format!("{what} within {seconds} s"));
            self.fail((place / targets) as u32, place, &failure, now);
        }
    }

    /// The user's request is cut by us.
    pub(super) fn cut_request(&mut self, user: u32, now: u64) {
        let place = self.place(user);
        let connection = &self.connections[place];
        let receiving = matches!(connection.phase, Phase::Sending | Phase::Receiving);
        if receiving && connection.parser.status().is_some() {
            self.count_hit(user, place, now);
        } else if self.users[user as usize].sent {
            self.tally.recorder.unanswered(1);
        }
        self.connections[place].close();
    }
}
