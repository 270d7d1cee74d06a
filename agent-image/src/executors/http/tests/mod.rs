//! The executor against real servers on loopback.

mod closed;
mod http2;
mod open;
mod server;
mod tls;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use loads_wire::plan::{ExecutorPlan, HttpRequest, Length, OnAgentLoss, Plan, Step};
use loads_wire::{Totals, Window};
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::clock;
use crate::record::{SinkItem, WindowSink};

/// A GET of `path`.
pub fn get(path: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        path: path.into(),
        headers: BTreeMap::new(),
        body: None,
        label: None,
        weight: None,
        expect_status: None,
    }
}

/// A prepared executor, with what it hands over.
pub struct Rig {
    pub http: Http,
    windows: UnboundedReceiver<SinkItem>,
    run_start: u64,
    steps: u16,
    _dir: tempfile::TempDir,
}

/// What to run; change what the test is about, then [`Setup::prepare`].
pub struct Setup {
    pub plan: Plan,
    pub options: HttpPlan,
    pub cores: u32,
    pub index: u32,
}

/// GETs of these paths (or whole URLs) at `server`.
pub fn setup(server: &str, paths: &[&str]) -> Setup {
    let options = HttpPlan {
        requests: paths.iter().map(|path| get(path)).collect(),
        http2: false,
        connections: None,
        timeout_seconds: 10,
        insecure_skip_verify: false,
    };
    let plan = Plan {
        run_id: "r".into(),
        test: "t".into(),
        executor: ExecutorPlan::Http(options.clone()),
        server_url: Some(server.to_owned()),
        agents: 1,
        min_agents: 1,
        steps: vec![Step { users: 1, length: Length::Hits(1) }],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 1,
        broker_silence_seconds: 60,
        drain_seconds: 10,
        on_agent_loss: OnAgentLoss::Fail,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    };
    Setup { plan, options, cores: 2, index: 0 }
}

impl Setup {
    pub async fn try_prepare(self) -> Result<Rig, Error> {
        let dir = tempfile::tempdir().unwrap();
        let (sink, windows) = WindowSink::channel();
        let context = ExecutorContext {
            plan: Arc::new(self.plan),
            index: self.index,
            agent_id: "a".into(),
            work_dir: dir.path().into(),
            state_dir: dir.path().into(),
            python: "python3".into(),
            python_path: Vec::new(),
            cores: self.cores,
            sink,
        };
        let mut http = Http::new(context, self.options);
        http.prepare().await?;
        Ok(Rig { http, windows, run_start: clock::now(), steps: 0, _dir: dir })
    }

    pub async fn prepare(self) -> Rig {
        self.try_prepare().await.unwrap()
    }

    /// One hits step to its end.
    pub async fn hits(self, users: u32, hits: u32) -> Seen {
        let mut rig = self.prepare().await;
        let order = rig.order(users, Length::Hits(hits));
        rig.step(order).await
    }
}

impl Rig {
    /// A step that begins now.
    pub fn order(&mut self, users: u32, length: Length) -> StepOrder {
        let start = clock::now();
        let end = match length {
            Length::Hits(_) => None,
            Length::Seconds(seconds) => Some(start + u64::from(seconds) * SECOND),
        };
        let step = self.steps;
        self.steps += 1;
        StepOrder { step, users, length, run_start: self.run_start, start, end, executions: None }
    }

    /// Polls as the session does, until the step's load is finished.
    pub async fn finished(&mut self) {
        while self.http.check().await.unwrap() == Check::Running {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A step from start to last window.
    pub async fn step(&mut self, order: StepOrder) -> Seen {
        self.http.startup(order).await.unwrap();
        self.finished().await;
        self.stop(StopMode::Drain).await
    }

    /// Ends the step; what was handed over since the last call.
    pub async fn stop(&mut self, mode: StopMode) -> Seen {
        self.http.shutdown(mode).await.unwrap();
        let mut windows = Vec::new();
        while let Ok(SinkItem::Window(window)) = self.windows.try_recv() {
            windows.push(*window);
        }
        let mut totals = Totals::default();
        for window in &windows {
            totals.add(&window.totals);
        }
        assert_eq!(totals.sent, totals.hits + totals.failed_after_send + totals.unanswered, "{totals:?}");
        assert_eq!(totals.started, totals.finished(), "{totals:?}");
        Seen { windows, totals }
    }
}

/// What a step came to.
#[derive(Debug)]
pub struct Seen {
    pub windows: Vec<Window>,
    pub totals: Totals,
}

impl Seen {
    /// Hits by (label's end, status).
    pub fn hits_of(&self, label_end: &str, status: u16) -> u64 {
        let rows = self.windows.iter().flat_map(|window| &window.rows);
        let matching = rows.filter(|row| row.status == status && row.label.ends_with(label_end));
        matching.map(|row| row.latency.count()).sum()
    }

    /// Errors by kind.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for error in self.windows.iter().flat_map(|window| &window.errors) {
            *counts.entry(error.kind.name().into_owned()).or_insert(0) += error.count;
        }
        counts
    }

    /// The longest latency in nanoseconds.
    pub fn max_latency(&self) -> u64 {
        let rows = self.windows.iter().flat_map(|window| &window.rows);
        rows.map(|row| row.latency.max()).max().unwrap_or(0)
    }
}

/// One error kind, so often.
pub fn only(kind: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(kind.to_owned(), count)])
}
