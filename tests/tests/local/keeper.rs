//! Broker, agent and keeper as a cluster runs them: processes of their own, an agent killed without a word.

use std::path::Path;
use std::process::Child;

use loads_api::lint;
use loads_tests::program::command;
use loads_tests::run::{Folder, signal};
use loads_tests::target::Target;
use loads_tests::wait::until;
use loads_wire::RunResult;

use super::scenario;

/// Memory of its own that a keeper may need: one stands by next to every agent of a cluster. The program's
/// file it shares with the agent.
const KEEPER_KIB: u64 = 4 * 1024;
/// Signal 15 in the kernel's mask of caught signals.
const SIGTERM_BIT: u64 = 1 << 14;

/// Ends with its owner.
struct Process(Child);

impl Process {
    fn start(dir: &Path, role: &str, args: &[&str]) -> Self {
        let endpoint = |name: &str| format!("ipc://{}", dir.join(name).display());
        let mut command = command(&[role, "--control", &endpoint("c"), "--results", &endpoint("r")]);
        if role != "broker" {
            command.args(["--run", "r", "--index", "0", "--state-dir"]).arg(dir.join("agent-0"));
        }
        Self(command.args(args).current_dir(dir).spawn().unwrap())
    }

    fn code(&mut self, what: &str) -> Option<i32> {
        until(what, || self.0.try_wait().unwrap()).code()
    }

    fn status(&self, field: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        status.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned()
    }

    /// Waits until SIGTERM has a handler; returns its own memory in KiB.
    fn stands_by(&self) -> u64 {
        until("a keeper that stands by", || {
            let caught = u64::from_str_radix(&self.status("SigCgt:"), 16).unwrap();
            (caught & SIGTERM_BIT != 0).then_some(())
        });
        self.status("RssAnon:").trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker and an agent in the middle of their load.
fn at_work(folder: &Folder, target: &Target, spec: &str) -> (Process, Process) {
    let load_test = lint::load("test", &scenario::http(target, "/slow?ms=2", spec)).unwrap();
    let plan = serde_json::to_vec(&load_test.plan("r").unwrap()).unwrap();
    std::fs::write(folder.path().join("plan.json"), plan).unwrap();
    let publish = format!("ipc://{}", folder.path().join("p").display());
    let args = ["--plan", "plan.json", "--state-dir", "broker", "--publish", &publish];
    let broker = Process::start(folder.path(), "broker", &args);
    let agent = Process::start(folder.path(), "agent", &["--cores", "1"]);
    until("load", || (target.total() > 500).then_some(()));
    (broker, agent)
}

fn result(folder: &Folder) -> RunResult {
    serde_json::from_slice(&std::fs::read(folder.path().join("broker/result.json")).unwrap()).unwrap()
}

#[test]
fn a_keeper_delivers_what_a_killed_agent_left_and_the_result_says_what_is_missing() {
    let (target, folder) = (Target::start(), Folder::new());
    let (mut broker, agent) = at_work(&folder, &target, "users: 10\nduration: 10m\nonAgentLoss: Continue");
    let mut keeper = Process::start(folder.path(), "keeper", &[]);
    let memory = keeper.stands_by();
    signal(agent.0.id(), "KILL");
    signal(keeper.0.id(), "TERM");
    assert_eq!(keeper.code("the keeper's end"), Some(0));
    broker.code("the broker's end");
    let (result, served) = (result(&folder), target.total());
    assert!(result.hits <= served, "hits {} > served {served}", result.hits);
    assert!(served <= result.sent, "served {served} > sent {}", result.sent);
    assert!(result.hits > 0 && result.unanswered <= 10, "{} unanswered", result.unanswered);
    assert_eq!(result.agents.lost, 1);
    assert!(!result.reasons.is_empty() || !result.notes.is_empty());
    assert!(memory < KEEPER_KIB, "{memory} KiB");
}

#[test]
fn an_agent_that_is_told_to_go_loses_nothing_and_leaves_nothing_to_its_keeper() {
    let (target, folder) = (Target::start(), Folder::new());
    let (mut broker, mut agent) =
        at_work(&folder, &target, "users: 10\nduration: 10m\nonAgentLoss: Continue");
    signal(agent.0.id(), "TERM");
    assert_eq!(agent.code("the agent's end"), Some(143), "never 0, which would complete its index");
    let mut keeper = Process::start(folder.path(), "keeper", &[]);
    keeper.stands_by();
    signal(keeper.0.id(), "TERM");
    assert_eq!(keeper.code("the keeper's end"), Some(0));
    broker.code("the broker's end");
    let (result, served) = (result(&folder), target.total());
    assert_eq!((result.hits, result.unanswered), (served, 0));
}
