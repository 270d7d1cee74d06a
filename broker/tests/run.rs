//! Brokers and agents on real sockets: a broker that dies in the middle changes no figure.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use loads_broker::{Broker, BrokerConfig, BrokerHandle};
use loads_transport::{Dealer, Event};
use loads_wire::message::{AgentState, Envelope, Register, StopMode, ToAgent, ToBroker};
use loads_wire::plan::{ExecutorPlan, Length, OnAgentLoss, Plan, PythonPlan, Step};
use loads_wire::result::Verdict;
use loads_wire::{Row, RunResult, Totals, Window};
use tokio::runtime::Runtime;
use tokio::sync::watch;

const WINDOWS: u64 = 300;
const EPOCH: u64 = 7;

fn plan() -> Plan {
    Plan {
        run_id: "r1".into(),
        test: "t".into(),
        executor: ExecutorPlan::Python(PythonPlan { patching: true, processes: None }),
        server_url: None,
        agents: 2,
        min_agents: 2,
        steps: vec![Step { users: 1, length: Length::Hits(u32::try_from(WINDOWS).unwrap()) }],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 60,
        broker_silence_seconds: 60,
        drain_seconds: 30,
        on_agent_loss: OnAgentLoss::Fail,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

/// A broker in a runtime of its own, so that it can be killed as a whole.
struct Process {
    runtime: Runtime,
    handle: BrokerHandle,
    result: tokio::task::JoinHandle<RunResult>,
}

fn broker(sockets: &Path, state: &Path) -> Process {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let endpoint = |name: &str| format!("ipc://{}/{name}", sockets.display());
    let config = BrokerConfig {
        plan: plan(),
        state_dir: state.to_owned(),
        control: endpoint("control"),
        results: endpoint("results"),
        publish: endpoint("live"),
        start_lead: Duration::from_millis(10),
        tls_dir: None,
        hold_result: false,
    };
    let broker = runtime.block_on(Broker::bind(config)).unwrap();
    let handle = broker.handle();
    let result = runtime.spawn(async { broker.run().await.unwrap() });
    Process { runtime, handle, result }
}

fn window(seq: u64) -> Window {
    let mut row = Row { label: "/".into(), method: "GET".into(), status: 200, ..Row::default() };
    row.latency.record(seq * 1_000);
    let totals = Totals { sent: 1, hits: 1, started: 1, success: 1, ..Totals::default() };
    Window { seq, second: (seq / 100) as u32, totals, rows: vec![row], users: 1, ..Window::default() }
}

/// What an agent does, as far as a broker sees it. It may send windows up to `allowed` and tells how many
/// are acknowledged.
struct Agent {
    index: u32,
    control: Dealer,
    results: Dealer,
    allowed: watch::Receiver<u64>,
    acked: Arc<watch::Sender<u64>>,
    sent: u64,
    started_at: Option<u64>,
    starts: u32,
    welcomed: bool,
}

impl Agent {
    fn new(
        sockets: &Path,
        index: u32,
        allowed: watch::Receiver<u64>,
        acked: Arc<watch::Sender<u64>>,
    ) -> Self {
        let connect = |name: &str| Dealer::connect(&format!("ipc://{}/{name}", sockets.display())).unwrap();
        let (control, results) = (connect("control"), connect("results"));
        let (sent, started_at, starts, welcomed) = (0, None, 0, false);
        Self { index, control, results, allowed, acked, sent, started_at, starts, welcomed }
    }

    /// Returns how often it was told to start.
    async fn run(mut self) -> u32 {
        loop {
            tokio::select! {
                event = self.control.recv() => match event.unwrap() {
                    Event::Connected => self.register().await,
                    Event::Disconnected => self.welcomed = false,
                    Event::Message(bytes) => if self.heard(&bytes).await { return self.starts },
                },
                event = self.results.recv() => match event.unwrap() {
                    Event::Connected => self.sent = *self.acked.borrow(),
                    Event::Disconnected => {}
                    Event::Message(bytes) => if let ToAgent::Ack { epoch: EPOCH, seq } = body(&bytes) {
                        self.acked.send_modify(|acked| *acked = seq.max(*acked));
                    },
                },
                Ok(()) = self.allowed.changed() => {}
            }
            self.pump().await;
        }
    }

    async fn register(&mut self) {
        let state = if self.started_at.is_some() { AgentState::Running } else { AgentState::Ready };
        let (pid, host, cores, step) = (1, "test".to_owned(), 1, 0);
        let hello = Register {
            pid,
            host,
            cores,
            state,
            started_at: self.started_at,
            step,
            paused_nanos: 0,
            paused: false,
        };
        self.say(ToBroker::Register(hello)).await;
    }

    async fn heard(&mut self, bytes: &[u8]) -> bool {
        match body(bytes) {
            ToAgent::Welcome { committed, .. } => {
                let has = committed.iter().find(|(epoch, _)| *epoch == EPOCH).map_or(0, |(_, seq)| *seq);
                self.acked.send_replace(has);
                (self.sent, self.welcomed) = (has, true);
            }
            ToAgent::Start { at } => {
                self.starts += 1;
                self.started_at = Some(at);
            }
            ToAgent::Stop { .. } => {
                self.say(ToBroker::Done { last_seq: self.sent, recovered: vec![], leaving: false }).await;
            }
            ToAgent::Bye => return true,
            other => panic!("unexpected {other:?}"),
        }
        false
    }

    async fn pump(&mut self) {
        let end = (*self.allowed.borrow()).min(*self.acked.borrow() + 64);
        while self.welcomed && self.started_at.is_some() && self.sent < end {
            let windows = (self.sent + 1..=end.min(self.sent + 7)).map(window).collect::<Vec<_>>();
            let count = windows.len() as u64;
            let bytes = self.envelope(ToBroker::Windows { epoch: EPOCH, windows });
            if !self.results.send(bytes).await.unwrap() {
                return;
            }
            self.sent += count;
        }
        if self.welcomed && *self.acked.borrow() == WINDOWS {
            self.say(ToBroker::StepDone { step: 0 }).await;
            self.say(ToBroker::Done { last_seq: WINDOWS, recovered: vec![], leaving: false }).await;
        }
    }

    async fn say(&self, body: ToBroker) {
        self.control.send(self.envelope(body)).await.unwrap();
    }

    fn envelope(&self, body: ToBroker) -> Vec<u8> {
        Envelope::new("r1", self.index, EPOCH, body).encode().unwrap()
    }
}

fn body(bytes: &[u8]) -> ToAgent {
    Envelope::<ToAgent>::decode(bytes, "r1").unwrap().body
}

/// A run of two agents whose broker is killed twice; `state` names the directory of each broker.
fn killed_twice(state: [&str; 3]) -> (RunResult, u32) {
    let dir = tempfile::tempdir().unwrap();
    let agents = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (allow, allowed) = watch::channel(0);
    let (acked, mut seen) = watch::channel(0);
    let acked = Arc::new(acked);
    let tasks = agents.block_on(async {
        [(0, Arc::clone(&acked)), (1, Arc::new(watch::channel(0).0))]
            .map(|(index, acked)| tokio::spawn(Agent::new(dir.path(), index, allowed.clone(), acked).run()))
    });
    for (killed, name) in state[..2].iter().enumerate() {
        let process = broker(dir.path(), &dir.path().join(name));
        let until = (killed as u64 + 1) * 100;
        allow.send_replace(until);
        agents.block_on(seen.wait_for(|seq| *seq > until - 60)).unwrap();
        process.runtime.shutdown_background();
    }
    let process = broker(dir.path(), &dir.path().join(state[2]));
    allow.send_replace(WINDOWS);
    let result =
        agents.block_on(async { tokio::time::timeout(Duration::from_mins(1), process.result).await });
    let starts = tasks.map(|task| agents.block_on(task).unwrap());
    (result.unwrap().unwrap(), starts[0].max(starts[1]))
}

fn check(result: &RunResult) {
    assert_eq!((result.hits, result.tests.success), (2 * WINDOWS, 2 * WINDOWS));
    assert_eq!(result.labels.iter().map(|label| label.hits).sum::<u64>(), 2 * WINDOWS);
    assert!((result.latency_microseconds.mean - (WINDOWS + 1) as f64 / 2.0).abs() < 1e-9, "not one twice");
    assert_eq!((result.verdict, result.reasons.as_slice()), (Verdict::Passed, &[][..]));
}

#[test]
fn a_broker_that_is_killed_twice_counts_every_window_once_and_starts_once() {
    let (result, starts) = killed_twice(["state", "state", "state"]);
    check(&result);
    assert_eq!(starts, 1);
}

#[test]
fn brokers_without_memory_ask_for_everything_again_and_count_it_once() {
    let (result, starts) = killed_twice(["a", "b", "c"]);
    check(&result);
    assert_eq!(starts, 1);
    assert!(result.notes[0].contains("without memory"));
}

#[test]
fn a_run_is_watched_and_stopped_by_its_own_process_and_by_clients() {
    let dir = tempfile::tempdir().unwrap();
    let process = broker(dir.path(), dir.path());
    let (_allow, allowed) = watch::channel(5);
    let handle = process.handle.clone();
    let sockets = dir.path().to_owned();
    let result = process.runtime.block_on(async {
        let agent = |index| {
            let acked = Arc::new(watch::channel(0).0);
            tokio::spawn(Agent::new(&sockets, index, allowed.clone(), acked).run())
        };
        let agents = [agent(0), agent(1)];
        handle.watch().wait_for(|live| live.hits == 10).await.unwrap();
        let client = Dealer::connect(&format!("ipc://{}/control", sockets.display())).unwrap();
        let summary = ask(client).await;
        assert_eq!((summary.hits, summary.verdict, summary.agents.connected), (10, Verdict::Running, 2));
        handle.stop(StopMode::Drain);
        for agent in agents {
            agent.await.unwrap();
        }
        process.result.await.unwrap()
    });
    assert_eq!((result.verdict, result.hits), (Verdict::Stopped, 10));
}

async fn ask(mut client: Dealer) -> RunResult {
    loop {
        match client.recv().await.unwrap() {
            Event::Connected => {
                let question = Envelope::new("r1", 0, 0, ToBroker::Summary).encode().unwrap();
                client.send(question).await.unwrap();
            }
            Event::Message(bytes) => {
                let ToAgent::Summary { result, .. } = body(&bytes) else { panic!("not a summary") };
                return *result;
            }
            Event::Disconnected => {}
        }
    }
}
