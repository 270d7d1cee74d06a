//! Drives the http executor alone, without broker or session: `http_load URL USERS SECONDS [CORES]`.
//! For measuring the engine; it prints hits, the CPU seconds of this process, and hits per CPU-second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use loads_agent::clock::{self, SECOND};
use loads_agent::executor::{Check, Executor, ExecutorContext, StepOrder};
use loads_agent::executors::http::Http;
use loads_agent::record::{SinkItem, WindowSink};
use loads_wire::message::StopMode;
use loads_wire::plan::{ExecutorPlan, HttpPlan, HttpRequest, Length, OnAgentLoss, Plan, Step};
use loads_wire::{Histogram, Totals};
use nix::sys::resource::{UsageWho, getrusage};

type AnyError = Box<dyn std::error::Error>;

fn options(url: &str, http2: bool) -> HttpPlan {
    let request = HttpRequest {
        method: "GET".into(),
        path: url.into(),
        headers: BTreeMap::new(),
        body: None,
        label: None,
        weight: None,
        expect_status: None,
    };
    HttpPlan {
        requests: vec![request],
        http2,
        connections: None,
        timeout_seconds: 30,
        insecure_skip_verify: true,
    }
}

fn plan(options: &HttpPlan, step: Step) -> Plan {
    Plan {
        run_id: "example".into(),
        test: "example".into(),
        executor: ExecutorPlan::Http(options.clone()),
        server_url: None,
        agents: 1,
        min_agents: 1,
        steps: vec![step],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 10,
        broker_silence_seconds: 60,
        drain_seconds: 5,
        on_agent_loss: OnAgentLoss::Fail,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

fn cpu_seconds() -> Result<f64, AnyError> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let of = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    Ok(of(usage.user_time()) + of(usage.system_time()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, users, seconds, rest @ ..] = &args[..] else {
        return Err("usage: http_load URL USERS SECONDS [CORES] [h2]".into());
    };
    let (users, seconds): (u32, u32) = (users.parse()?, seconds.parse()?);
    let cores = rest.first().map_or(Ok(1), |cores| cores.parse())?;
    let http2 = rest.iter().any(|word| word == "h2");
    let step = Step { users, length: Length::Seconds(seconds) };
    let state = std::env::temp_dir().join(format!("http_load.{}", std::process::id()));
    std::fs::create_dir_all(&state)?;
    let (sink, mut windows) = WindowSink::channel();
    let options = options(url, http2);
    let context = ExecutorContext {
        plan: Arc::new(plan(&options, step)),
        index: 0,
        agent_id: "0".into(),
        work_dir: state.clone(),
        state_dir: state.clone(),
        python: "python3".into(),
        python_path: Vec::new(),
        cores,
        sink,
    };
    let collector = tokio::spawn(async move {
        let (mut totals, mut latency) = (Totals::default(), Histogram::new());
        while let Some(item) = windows.recv().await {
            if let SinkItem::Window(window) = item {
                totals.add(&window.totals);
                window.rows.iter().for_each(|row| latency.merge(&row.latency));
                window.errors.iter().for_each(|e| eprintln!("{} × {}: {}", e.count, e.kind, e.message));
            }
        }
        (totals, latency)
    });
    let mut http = Http::new(context, options);
    http.prepare().await?;
    let start = clock::now() + SECOND / 10;
    let order = StepOrder {
        step: 0,
        users,
        length: step.length,
        run_start: start,
        start,
        end: Some(start + u64::from(seconds) * SECOND),
        executions: None,
    };
    http.startup(order).await?;
    while http.check().await? == Check::Running {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    http.shutdown(StopMode::Drain).await?;
    http.post_process().await?;
    drop(http);
    let (totals, latency) = collector.await?;
    let cpu = cpu_seconds()?;
    std::fs::remove_dir_all(&state)?;
    println!("{totals:?}");
    println!(
        "hits {} cpu {cpu:.2} s, hits per CPU-second {:.0}, p50 {} µs p99 {} µs",
        totals.hits,
        totals.hits as f64 / cpu,
        latency.quantile(0.5) / 1000,
        latency.quantile(0.99) / 1000
    );
    Ok(())
}
