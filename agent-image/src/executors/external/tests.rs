//! The executor with real runners: shell and Python processes that misbehave each in its own way.

mod languages;

use std::path::Path;
use std::sync::Arc;

use loads_wire::plan::{ExecutorPlan, Length, OnAgentLoss, Step};
use loads_wire::window::{ErrorSample, ErrorSource};
use loads_wire::{Plan, Totals, Window};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

use super::*;
use crate::clock::{self, SECOND};
use crate::record::{SinkItem, WindowSink};

/// Far above what any run here takes; only a hang reaches it.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(2);

/// A PUSH peer by hand, for `python3` without any package: `send(text)` sends one message.
const PEER: &str = r#"
import os, signal, socket, sys, time
where = os.environ["LOADS_ZMQ_RECEIVER"]
if where.startswith("ipc://"):
    peer = socket.socket(socket.AF_UNIX); peer.connect(where[6:])
else:
    host, port = where[6:].rsplit(":", 1); peer = socket.create_connection((host, int(port)))
ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48) + bytes([4, len(ready)]) + ready)
def send(text):
    body = text.encode()
    peer.sendall(b"\x02" + len(body).to_bytes(8, "big") + body)
HIT = '{"data_type":"add_hit","url":"http://x/?q=1","status":200,"elapsed":0.001}'
def test():
    send('{"data_type":"startTest","test":"t"}'); send(HIT); send('{"data_type":"addSuccess","test":"t"}')
"#;

struct Run {
    executor: External,
    windows: UnboundedReceiver<SinkItem>,
    dir: tempfile::TempDir,
    order: StepOrder,
}

fn plan(users: u32, length: Length, command: &[&str]) -> Plan {
    let command = command.iter().map(|item| (*item).to_owned()).collect();
    Plan {
        run_id: "r".into(),
        test: "t".into(),
        executor: ExecutorPlan::External(ExternalPlan { command }),
        server_url: Some("http://x".into()),
        agents: 1,
        min_agents: 1,
        steps: vec![Step { users, length }],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 60,
        broker_silence_seconds: 60,
        drain_seconds: 1,
        on_agent_loss: OnAgentLoss::Replace,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

fn executor(plan: Plan, dir: &Path, work_dir: &Path) -> (External, UnboundedReceiver<SinkItem>) {
    let (sink, windows) = WindowSink::channel();
    let ExecutorPlan::External(options) = plan.executor.clone() else { panic!("an external plan") };
    let context = ExecutorContext {
        plan: Arc::new(plan),
        index: 0,
        agent_id: "r-0".into(),
        work_dir: work_dir.to_owned(),
        state_dir: dir.to_owned(),
        python: "python3".into(),
        python_path: Vec::new(),
        cores: 1,
        sink,
    };
    (External::new(context, options), windows)
}

async fn start(users: u32, length: Length, command: &[&str]) -> Run {
    start_plan(plan(users, length, command), None).await
}

/// Starts the plan's only step; the runners work in `work_dir`, else in a directory of the run.
async fn start_plan(plan: Plan, work_dir: Option<&Path>) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let Step { users, length } = plan.steps[0];
    let (mut executor, windows) = executor(plan, dir.path(), work_dir.unwrap_or(dir.path()));
    executor.prepare().await.unwrap();
    let start = clock::now() + SECOND / 20;
    let end =
        if let Length::Seconds(seconds) = length { Some(start + u64::from(seconds) * SECOND) } else { None };
    let order = StepOrder { step: 0, users, length, run_start: start, start, end, executions: None };
    executor.startup(order).await.unwrap();
    Run { executor, windows, dir, order }
}

async fn start_python(users: u32, length: Length, script: &str) -> Run {
    start(users, length, &["python3", "-c", &format!("{PEER}{script}")]).await
}

impl Run {
    /// Drives the step as an agent does; returns all that was counted.
    async fn finish(self) -> (Totals, Vec<ErrorSample>) {
        let (totals, errors, _) = self.finish_with_windows().await;
        (totals, errors)
    }

    async fn finish_with_windows(mut self) -> (Totals, Vec<ErrorSample>, Vec<Window>) {
        let ends = async {
            let over = |now| self.order.end.is_some_and(|end| now >= end);
            while self.executor.check().await.unwrap() == Check::Running && !over(clock::now()) {
                sleep(std::time::Duration::from_millis(10)).await;
            }
            self.executor.shutdown(StopMode::Drain).await.unwrap();
            self.executor.post_process().await.unwrap();
        };
        timeout(PATIENCE, ends).await.expect("the step ends");
        self.counted()
    }

    fn counted(&mut self) -> (Totals, Vec<ErrorSample>, Vec<Window>) {
        let (mut totals, mut errors, mut windows) = (Totals::default(), Vec::new(), Vec::new());
        while let Ok(SinkItem::Window(window)) = self.windows.try_recv() {
            totals.add(&window.totals);
            errors.extend(window.errors.clone());
            windows.push(*window);
        }
        (totals, errors, windows)
    }
}

fn kinds(errors: &[ErrorSample]) -> Vec<String> {
    assert!(errors.iter().all(|error| error.source == ErrorSource::Runner), "{errors:?}");
    errors.iter().map(|error| error.kind.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_users_runner_is_heard_to_its_last_message() {
    let script = "for _ in range(int(os.environ['LOADS_TOTAL_HITS'])): test()";
    let run = start_python(3, Length::Hits(50), script).await;
    let (totals, errors, windows) = run.finish_with_windows().await;
    assert_eq!((totals.hits, totals.sent, totals.started, totals.success), (150, 150, 150, 150));
    assert_eq!(errors, []);
    let row = &windows[0].rows[0];
    assert_eq!((&*row.label, &*row.method, row.status, row.unexpected), ("http://x/", "GET", 200, 0));
    assert!(windows.iter().map(|w| w.users).max() >= Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_load_begins_with_the_first_request_not_with_the_word_of_it() {
    let script = "send(HIT.replace('0.001', '20')); time.sleep(60)";
    let mut run = start_python(1, Length::Seconds(60), script).await;
    assert_eq!(run.executor.began(), None);
    let heard = async {
        loop {
            match run.executor.began() {
                Some(began) => break began,
                None => sleep(std::time::Duration::from_millis(5)).await,
            }
        }
    };
    let began = timeout(PATIENCE, heard).await.expect("the hit is heard");
    assert!(began + 20 * SECOND <= clock::now(), "the request took twenty seconds");
    run.executor.shutdown(StopMode::Now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runners_environment_is_exactly_what_the_protocol_says() {
    let names = "env | grep ^LOADS_ | grep -v RECEIVER | sort | tr '\\n' ' '";
    let mut run = start(2, Length::Hits(7), &["sh", "-c", names]).await;
    let dir = std::mem::replace(&mut run.dir, tempfile::tempdir().unwrap());
    run.finish().await;
    let first = std::fs::read_to_string(dir.path().join("runner-0-1.log")).unwrap();
    let wanted = "LOADS_AGENT_ID=r-0 LOADS_CURRENT_USER=1 LOADS_RUN_ID=r LOADS_SERVER_URL=http://x \
                  LOADS_TOTAL_HITS=7 LOADS_TOTAL_USERS=2 ";
    assert_eq!(first, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_code_is_an_error_with_the_runners_last_words() {
    let (totals, errors) =
        start(1, Length::Hits(1), &["sh", "-c", "echo went wrong; exit 3"]).await.finish().await;
    assert_eq!(kinds(&errors), ["other:RunnerExit"]);
    assert_eq!(errors[0].message, "the runner exited with status 3");
    assert_eq!(errors[0].traceback, "went wrong");
    assert_eq!(totals, Totals::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_runner_sent_before_stays_counted() {
    let script = "test(); send('{\"data_type\":\"startTest\"}'); os.kill(os.getpid(), signal.SIGKILL)";
    let (totals, errors) = start_python(1, Length::Hits(5), script).await.finish().await;
    assert_eq!(kinds(&errors), ["other:RunnerKilled"]);
    assert!(errors[0].message.contains("SIGKILL (9)"), "{}", errors[0].message);
    assert_eq!((totals.hits, totals.started, totals.success, totals.interrupted), (1, 2, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_counted_beside_the_messages_that_make_sense() {
    let script = "send('garbage'); test(); send('{\"data_type\":\"add_hit\"}'); \
                  send('{\"data_type\":\"startTest\",\"run_id\":\"other\"}'); test()";
    let (totals, errors) = start_python(1, Length::Hits(2), script).await.finish().await;
    assert_eq!(kinds(&errors), ["other:RunnerGarbage"; 3]);
    assert_eq!((totals.hits, totals.success, totals.bad_messages), (2, 2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_hangs_is_ended_after_the_drain_time() {
    let script = "test(); time.sleep(600)";
    let (totals, errors) = start_python(2, Length::Seconds(1), script).await.finish().await;
    assert_eq!(kinds(&errors), ["other:RunnerTimeout"]);
    assert_eq!(errors[0].count, 2);
    assert!(errors[0].message.contains("1 s after the step's 1 s"), "{}", errors[0].message);
    assert_eq!((totals.hits, totals.unanswered, totals.sent), (2, 2, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_ignores_sigterm_is_killed_with_all_that_it_started() {
    let script = "signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0: time.sleep(600)
print(child, flush=True)
time.sleep(600)";
    let mut run = start_python(1, Length::Seconds(1), script).await;
    let dir = std::mem::replace(&mut run.dir, tempfile::tempdir().unwrap());
    let (_, errors) = run.finish().await;
    assert_eq!(kinds(&errors), ["other:RunnerTimeout"]);
    assert!(errors[0].message.ends_with("SIGTERM did not end it: killed"), "{}", errors[0].message);
    let child = std::fs::read_to_string(dir.path().join("runner-0-1.log")).unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z"), "the runner's child lives: {state}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_runners_at_once_and_blames_nobody() {
    let mut run = start_python(2, Length::Seconds(600), "while True: test(); time.sleep(0.01)").await;
    while run.executor.users() < 2 {
        run.executor.check().await.unwrap();
        sleep(std::time::Duration::from_millis(10)).await;
    }
    timeout(PATIENCE, run.executor.shutdown(StopMode::Now)).await.expect("stops").unwrap();
    let (totals, errors, _) = run.counted();
    assert_eq!(errors, []);
    assert_eq!(totals.unanswered, 2);
    assert_eq!(totals.sent, totals.hits + 2);
    assert_eq!(totals.started, totals.success + totals.interrupted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_hits_of_one_runner_are_all_counted() {
    let script = "
body = HIT.encode(); frame = b'\\x02' + len(body).to_bytes(8, 'big') + body
for _ in range(1000): peer.sendall(frame * 1000)";
    let (totals, errors) = start_python(1, Length::Hits(1), script).await.finish().await;
    assert_eq!((totals.hits, errors), (1_000_000, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_output_is_read_but_not_all_kept() {
    let mut run =
        start(1, Length::Hits(1), &["sh", "-c", "head -c 3000000 /dev/zero; echo; echo end; exit 1"]).await;
    let dir = std::mem::replace(&mut run.dir, tempfile::tempdir().unwrap());
    let (_, errors) = run.finish().await;
    assert!(errors[0].traceback.ends_with("end"), "the last words are there");
    let kept = std::fs::metadata(dir.path().join("runner-0-1.log")).unwrap().len();
    assert!(kept < 300_000, "{kept} bytes are kept");
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_refused_before_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut executor, _windows) =
        executor(plan(1, Length::Hits(1), &["no-such-runner", "{test}"]), dir.path(), dir.path());
    let error = executor.prepare().await.unwrap_err().to_string();
    assert!(error.contains("no program \"no-such-runner\" in PATH"), "{error}");
}
