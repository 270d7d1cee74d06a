//! Broker and agents in this process: the default.

use std::time::Duration;

use loads_agent::agent::{self, AgentConfig};
use loads_broker::{Broker, BrokerConfig};
use loads_wire::message::StopMode;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::page::Page;
use super::{Job, Running};
use crate::agent::available_cores;
use crate::exit::Exit;

/// Between the order to begin and the beginning: all is in one process.
const START_LEAD: Duration = Duration::from_millis(50);

/// Starts broker and agents; they speak over the same sockets as in a cluster, in the run's own folder.
pub async fn start(job: Job) -> Result<Running, Exit> {
    let endpoint = |name: &str| format!("ipc://{}", job.state_dir.join(name).display());
    let broker = Broker::bind(BrokerConfig {
        plan: job.plan.clone(),
        state_dir: job.state_dir.join("broker"),
        control: endpoint("c"),
        results: endpoint("r"),
        publish: endpoint("p"),
        start_lead: START_LEAD,
        hold_result: false,
        tls_dir: None,
    })
    .await
    .map_err(|e| Exit::error(e.to_string()))?;
    let handle = broker.handle();
    if let Some(Page::Here(http)) = &job.page {
        http.serve(handle.clone());
    }
    let live = handle.watch();
    let (cut, cut_orders) = watch::channel(None);
    let mut agents = agents(&job, &broker, &cut_orders);
    let (stop, mut stops) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(mode) = stops.recv().await {
            handle.stop(mode);
            if mode == StopMode::Now {
                // Does not wait for the broker's word.
                cut.send_replace(Some(mode));
            }
        }
    });
    let finished = tokio::spawn(async move {
        let result = broker.run().await.map_err(|e| Exit::error(e.to_string()));
        while agents.join_next().await.is_some() {}
        // The page was served until here.
        drop(job);
        result
    });
    Ok(Running { live, stop, finished })
}

fn agents(job: &Job, broker: &Broker, orders: &watch::Receiver<Option<StopMode>>) -> JoinSet<()> {
    let (endpoints, handle) = (broker.endpoints(), broker.handle());
    let mut agents = JoinSet::new();
    for index in 0..job.plan.agents {
        let config = AgentConfig {
            run: job.plan.run_id.clone(),
            index,
            control: endpoints.control.clone(),
            results: endpoints.results.clone(),
            state_dir: job.state_dir.join(format!("agent-{index}")),
            work_dir: job.stage.work_dir.clone(),
            python: job.stage.python.clone(),
            python_path: job.stage.python_path.clone(),
            cores: (available_cores() / job.plan.agents).max(1),
            reports_cpu: index == 0,
            // When this process dies there is nobody left who would want the rest of the figures.
            keeper: None,
            recover_only: false,
            bundle: None,
            tls: None,
            find_broker: AgentConfig::FIND_BROKER,
            grace: AgentConfig::GRACE,
        };
        let (orders, handle) = (orders.clone(), handle.clone());
        agents.spawn(async move {
            if let Err(error) = agent::run(config, orders).await {
                handle.agent_lost(index, &error.to_string());
            }
        });
    }
    agents
}
