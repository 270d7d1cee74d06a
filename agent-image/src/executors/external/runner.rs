//! One runner process: watched, ended, and what its end means.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use loads_wire::ErrorKind;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::launch::User;
use super::output::Output;
use crate::clock::SECOND;

/// How long an ended runner's last words are waited for.
const LAST_WORDS: u64 = SECOND / 5;

/// One user's runner.
#[derive(Debug)]
pub(super) struct Runner {
    pub user: User,
    pub output: Output,
    state: State,
    /// The last signal that we sent.
    cut: Option<Signal>,
}

#[derive(Debug)]
enum State {
    /// Its start is yet to come.
    Waiting,
    /// The launcher is at it.
    Starting,
    /// It is there, or there as a zombie: only then is its number certain to be its own, so it is not
    /// collected before the end of the step.
    There { child: Child, ended_at: Option<u64>, told: bool },
    /// It never came to be.
    Never,
}

impl Runner {
    pub(super) fn new(user: User) -> Self {
        Self { user, output: Output::new(), state: State::Waiting, cut: None }
    }

    /// Whether it is to be started now.
    pub(super) fn is_due(&self, now: u64) -> bool {
        matches!(self.state, State::Waiting) && now >= self.user.start
    }

    pub(super) fn starting(&mut self) {
        self.state = State::Starting;
    }

    /// The launcher's answer: none if it could not be started.
    pub(super) fn started(&mut self, child: Option<Child>) {
        self.state = match child {
            Some(child) => State::There { child, ended_at: None, told: false },
            None => State::Never,
        };
        if let Some(signal) = self.cut {
            self.signal(signal);
        }
    }

    /// Whether its process runs, or is about to.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.state, State::Starting | State::There { ended_at: None, .. })
    }

    /// Whether there is nothing more to come from it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Never | State::There { told: true, .. })
    }

    /// Notes whether it has ended.
    pub(super) fn watch(&mut self, now: u64) {
        let State::There { child, ended_at: ended_at @ None, .. } = &mut self.state else { return };
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(Pid::from_raw(child.id().cast_signed())), flags) {
            Ok(WaitStatus::StillAlive) => {}
            // An error means that it is nobody's child any more.
            Ok(_) | Err(_) => *ended_at = Some(now),
        }
    }

    /// Sends a signal to it and to all that it started; one that has not begun yet never will.
    pub(super) fn cut(&mut self, signal: Signal) {
        if self.is_alive() {
            self.cut = Some(signal);
            self.signal(signal);
        } else if matches!(self.state, State::Waiting) {
            self.state = State::Never;
        }
    }

    fn signal(&self, signal: Signal) {
        if let State::There { child, .. } = &self.state {
            // Gone in the meantime: as wanted.
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), signal);
        }
    }

    /// Its end, told once, when its last words are there.
    pub(super) fn take_end(&mut self, now: u64) -> Option<End> {
        let State::There { child, ended_at: Some(ended_at), told: told @ false } = &mut self.state else {
            return None;
        };
        if !self.output.is_complete() && now < *ended_at + LAST_WORDS {
            return None;
        }
        *told = true;
        // What it left running in its group goes with it; its number is its own until it is collected here.
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        let status = child.wait().ok()?;
        Some(End { status, cut: self.cut })
    }

    /// Gives up on one that does not even end by SIGKILL.
    pub(super) fn abandon(&mut self) {
        if !self.is_over() {
            self.state = State::Never;
        }
    }
}

/// How a runner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub status: ExitStatus,
    /// The signal that we sent, if we cut it.
    pub cut: Option<Signal>,
}

impl End {
    /// Kind and message of the error that this end is, if it is one. `late` says why it was cut, if that was
    /// its own fault.
    pub(super) fn error(self, late: Option<&str>) -> Option<(ErrorKind, String)> {
        let kind = |class: &str| ErrorKind::Other(class.to_owned());
        match (self.cut, late) {
            (Some(Signal::SIGKILL), Some(why)) => {
                Some((kind("RunnerTimeout"), format!("{why}, and SIGTERM did not end it: killed")))
            }
            (Some(_), Some(why)) => Some((kind("RunnerTimeout"), format!("{why}: ended by SIGTERM"))),
            (Some(_), None) => None,
            (None, _) => match (self.status.code(), self.status.signal()) {
                (Some(0), _) => None,
                (Some(code), _) => {
                    Some((kind("RunnerExit"), format!("the runner exited with status {code}")))
                }
                (None, Some(number)) => {
                    let name = Signal::try_from(number).map_or("a signal", Signal::as_str);
                    let message = format!("the runner was killed by {name} ({number}), not by the agent");
                    Some((kind("RunnerKilled"), message))
                }
                (None, None) => Some((kind("RunnerExit"), format!("the runner ended: {}", self.status))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: i32, cut: Option<Signal>, late: Option<&str>) -> Option<String> {
        let end = End { status: ExitStatus::from_raw(status), cut };
        end.error(late).map(|(kind, message)| format!("{kind}: {message}"))
    }

    #[test]
    fn each_way_to_end_badly_has_its_own_name_and_message() {
        assert_eq!(error(3 << 8, None, None).unwrap(), "other:RunnerExit: the runner exited with status 3");
        let killed = error(9, None, None).unwrap();
        assert_eq!(killed, "other:RunnerKilled: the runner was killed by SIGKILL (9), not by the agent");
        let term = error(15, Some(Signal::SIGTERM), Some("too long")).unwrap();
        assert_eq!(term, "other:RunnerTimeout: too long: ended by SIGTERM");
        let kill = error(9, Some(Signal::SIGKILL), Some("too long")).unwrap();
        assert_eq!(kill, "other:RunnerTimeout: too long, and SIGTERM did not end it: killed");
    }

    #[test]
    fn a_clean_exit_and_a_wanted_end_are_no_errors() {
        assert_eq!(error(0, None, None), None);
        assert_eq!(error(15, Some(Signal::SIGTERM), None), None);
    }
}
