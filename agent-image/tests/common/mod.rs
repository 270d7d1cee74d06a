//! A target that counts, and the other end of the wire in a test's hands.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loads_agent::agent::{AgentConfig, Error, Outcome, run};
use loads_transport::{Incoming, Limits, PeerId, Router, RouterSender};
use loads_wire::Totals;
use loads_wire::message::{Envelope, Register, StopMode, ToAgent, ToBroker};
use loads_wire::plan::{ExecutorPlan, HttpPlan, HttpRequest, Length, OnAgentLoss, Plan, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

/// Far above what any step here takes; only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub async fn soon<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("happens within a minute")
}

pub async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Answers every request after `delay`, and counts them.
pub struct Target {
    pub url: String,
    asked: Arc<AtomicU64>,
}

impl Target {
    pub async fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&counter), delay));
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer(mut stream: TcpStream, asked: Arc<AtomicU64>, delay: Duration) {
    let mut buffer = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut buffer).await {
        while let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            buffer.drain(..end + 4);
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(delay).await;
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                return;
            }
        }
    }
}

/// GETs of the target by one agent's http executor.
pub fn plan(target: &Target, users: u32, length: Length) -> Plan {
    let request = HttpRequest {
        method: "GET".into(),
        path: "/".into(),
        headers: BTreeMap::new(),
        body: None,
        label: None,
        weight: None,
        expect_status: None,
    };
    Plan {
        run_id: "r".into(),
        test: "t".into(),
        executor: ExecutorPlan::Http(HttpPlan {
            requests: vec![request],
            http2: false,
            connections: None,
            timeout_seconds: 10,
            insecure_skip_verify: false,
        }),
        server_url: Some(target.url.clone()),
        agents: 1,
        min_agents: 1,
        steps: vec![Step { users, length }],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 60,
        broker_silence_seconds: 60,
        drain_seconds: 10,
        on_agent_loss: OnAgentLoss::Replace,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

/// How agents are taken in.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    pub broker_epoch: u64,
    pub step: Option<u16>,
    pub paused: bool,
    pub paused_nanos: u64,
    /// Refused, because a newer process has the index.
    pub superseded: bool,
}

/// The broker's end of both sockets: takes agents in, answers heartbeats, acknowledges windows, and leaves all
/// other words to the test.
pub struct Broker {
    pub heard: mpsc::UnboundedReceiver<(u64, ToBroker)>,
    pub manner: Arc<Mutex<Manner>>,
    /// By (epoch, seq).
    pub windows: Arc<Mutex<BTreeMap<(u64, u64), Totals>>>,
    pub users: Arc<AtomicU64>,
    pub registered: Arc<Mutex<Vec<(u64, Register)>>>,
    control: RouterSender,
    peer: Arc<Mutex<Option<PeerId>>>,
    tasks: [AbortHandle; 2],
}

impl Broker {
    /// Listens in `dir`.
    pub async fn start(dir: &Path, plan: Plan, manner: Manner) -> Self {
        let (control, mut control_in) = bind(dir, "c").await.split();
        let (results, mut results_in) = bind(dir, "r").await.split();
        let (say, heard) = mpsc::unbounded_channel();
        let shared = Shared {
            plan,
            say,
            manner: Arc::new(Mutex::new(manner)),
            windows: Arc::default(),
            users: Arc::default(),
            registered: Arc::default(),
            peer: Arc::default(),
        };
        let (one, other) = (shared.clone(), shared.clone());
        let sender = control.clone();
        let talking = tokio::spawn(async move {
            while let Ok(event) = control_in.recv_event().await {
                let Incoming::Message(peer, bytes) = event else { continue };
                let message = Envelope::<ToBroker>::decode(&bytes, "r").unwrap();
                for answer in one.hear(peer, message) {
                    sender.send(&peer, encoded(answer)).await.unwrap();
                }
            }
        });
        let counting = tokio::spawn(async move {
            while let Ok((peer, bytes)) = results_in.recv().await {
                let message = Envelope::<ToBroker>::decode(&bytes, "r").unwrap();
                let ack = other.count(message);
                results.send(&peer, encoded(ack)).await.unwrap();
            }
        });
        Self {
            heard,
            manner: shared.manner,
            windows: shared.windows,
            users: shared.users,
            registered: shared.registered,
            control,
            peer: shared.peer,
            tasks: [talking.abort_handle(), counting.abort_handle()],
        }
    }

    pub async fn tell(&self, message: ToAgent) {
        let peer = self.peer.lock().unwrap().expect("an agent is there");
        assert!(self.control.send(&peer, encoded(message)).await.unwrap());
    }

    /// The next word of this kind.
    pub async fn hears(&mut self, wanted: impl Fn(&ToBroker) -> bool) -> ToBroker {
        soon(async {
            loop {
                let (_, message) = self.heard.recv().await.expect("the broker listens");
                if wanted(&message) {
                    return message;
                }
            }
        })
        .await
    }

    /// Sum of all windows.
    pub fn totals(&self) -> Totals {
        self.windows.lock().unwrap().values().fold(Totals::default(), |mut sum, totals| {
            sum.add(totals);
            sum
        })
    }
}

/// Waits for the place of a broker that was just dropped.
async fn bind(dir: &Path, name: &str) -> Router {
    soon(async {
        loop {
            match Router::bind(&endpoint(dir, name), Limits::default()).await {
                Ok(router) => return router,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

#[derive(Clone)]
struct Shared {
    plan: Plan,
    say: mpsc::UnboundedSender<(u64, ToBroker)>,
    manner: Arc<Mutex<Manner>>,
    windows: Arc<Mutex<BTreeMap<(u64, u64), Totals>>>,
    users: Arc<AtomicU64>,
    registered: Arc<Mutex<Vec<(u64, Register)>>>,
    peer: Arc<Mutex<Option<PeerId>>>,
}

impl Shared {
    fn hear(&self, peer: PeerId, message: Envelope<ToBroker>) -> Vec<ToAgent> {
        match message.body {
            ToBroker::Register(hello) => {
                *self.peer.lock().unwrap() = Some(peer);
                self.registered.lock().unwrap().push((message.epoch, hello));
                vec![self.welcome()]
            }
            ToBroker::Heartbeat(beat) => {
                self.users.store(beat.users.into(), Ordering::SeqCst);
                vec![ToAgent::HeartbeatAck {
                    sent_at: beat.sent_at,
                    broker_now: loads_agent::clock::unix_now(),
                }]
            }
            other => {
                let _ = self.say.send((message.epoch, other));
                Vec::new()
            }
        }
    }

    fn welcome(&self) -> ToAgent {
        let manner = self.manner.lock().unwrap().clone();
        if manner.superseded {
            return ToAgent::Refused { reason: "a newer one".to_owned(), superseded: true };
        }
        let mut committed: BTreeMap<u64, u64> = BTreeMap::new();
        for (epoch, seq) in self.windows.lock().unwrap().keys() {
            committed.insert(*epoch, *seq);
        }
        ToAgent::Welcome {
            plan: Box::new(self.plan.clone()),
            committed: committed.into_iter().collect(),
            remaining: Vec::new(),
            step: manner.step,
            broker_epoch: manner.broker_epoch,
            paused_nanos: manner.paused_nanos,
            paused: manner.paused,
        }
    }

    fn count(&self, message: Envelope<ToBroker>) -> ToAgent {
        let ToBroker::Windows { epoch, windows } = message.body else { panic!("not windows") };
        let seq = windows.last().map_or(0, |window| window.seq);
        let mut known = self.windows.lock().unwrap();
        known.extend(windows.into_iter().map(|window| ((epoch, window.seq), window.totals)));
        ToAgent::Ack { epoch, seq }
    }
}

fn encoded(message: ToAgent) -> Vec<u8> {
    Envelope::new("r", 0, 0, message).encode().unwrap()
}

fn endpoint(dir: &Path, name: &str) -> String {
    format!("ipc://{}", dir.join(name).display())
}

/// An agent in this process, and its supervisor's word.
pub struct Agent {
    pub signal: watch::Sender<Option<StopMode>>,
    pub life: JoinHandle<Result<Outcome, Error>>,
}

impl Agent {
    pub fn start(dir: &Path, change: impl FnOnce(&mut AgentConfig)) -> Self {
        let (signal, stop) = watch::channel(None);
        let mut config = config(dir);
        change(&mut config);
        Self { signal, life: tokio::spawn(run(config, stop)) }
    }

    pub async fn ended(self) -> Outcome {
        soon(self.life).await.unwrap().unwrap()
    }
}

pub fn config(dir: &Path) -> AgentConfig {
    AgentConfig {
        keeper: None,
        run: "r".into(),
        index: 0,
        control: endpoint(dir, "c"),
        results: endpoint(dir, "r"),
        state_dir: dir.join("agent-0"),
        work_dir: dir.to_owned(),
        python: "python3".into(),
        python_path: Vec::new(),
        cores: 1,
        reports_cpu: true,
        recover_only: false,
        bundle: None,
        tls: None,
        find_broker: AgentConfig::FIND_BROKER,
        grace: AgentConfig::GRACE,
    }
}
