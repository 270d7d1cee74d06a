//! Starts everything: API server, CRD, Lease, controllers; ends gracefully.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use kube::api::ListParams;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, Client};
use loads_api::LoadTest;
use tokio::signal::unix::{SignalKind, signal};

use crate::children::api;
use crate::config::Config;
use crate::controller;
use crate::identity::identity;
use crate::leader::Leader;
use crate::names::OPERATOR;
use crate::telemetry::{Health, Metrics, init_log, serve};

/// Between two looks for the CRD.
const LOOK: Duration = Duration::from_secs(2);
/// What reconciles under way get at the end.
const FINISH: Duration = Duration::from_secs(10);

type Stop = Shared<BoxFuture<'static, ()>>;

/// Runs the operator until SIGTERM. The error is for people.
pub async fn run(config: Config) -> Result<(), String> {
    config.check()?;
    init_log(config.log_format);
    let stop = stop().map_err(|e| format!("signals can not be received: {e}"))?;
    let metrics = Arc::new(Metrics::new().map_err(|e| e.to_string())?);
    let health = Arc::new(Health::default());
    let config = Arc::new(config);
    let client = Client::try_default().await.map_err(|e| {
        format!("no way to an API server: {e}; run in a pod with a ServiceAccount, or set KUBECONFIG")
    })?;
    let http = serve(config.http, Arc::clone(&health), Arc::clone(&metrics));
    let work = async {
        tokio::select! {
            () = wait_for_crd(&client, &config) => {}
            () = stop.clone() => return Ok(()),
        }
        health.ready();
        lead(client.clone(), Arc::clone(&config), Arc::clone(&metrics), stop.clone()).await
    };
    tokio::select! {
        served = http => Err(format!("{} can not be served: {}", config.http, served.err().map(|e| e.to_string()).unwrap_or_default())),
        done = work => done,
    }
}

/// Resolves at SIGTERM or SIGINT.
fn stop() -> std::io::Result<Stop> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(stop.boxed().shared())
}

/// The operator does not install its own CRD: whoever installs it comes before or after.
async fn wait_for_crd(client: &Client, config: &Config) {
    let namespace = config.watch_namespaces.first().map(String::as_str);
    let tests: Api<LoadTest> = api(client, namespace);
    loop {
        match tests.list(&ListParams::default().limit(1)).await {
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "LoadTests can not be listed yet: is the CRD applied, and may the operator list them?");
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn lead(client: Client, config: Arc<Config>, metrics: Arc<Metrics>, stop: Stop) -> Result<(), String> {
    let mut leader = Leader::new(client.clone(), &config.namespace, &config.identity);
    tokio::select! {
        () = leader.acquire() => {}
        () = stop.clone() => return Ok(()),
    }
    metrics.leads(true);
    tracing::info!("this process leads");
    let identity = Arc::new(identity(client.clone(), &config.namespace).await?);
    let reporter = Reporter { controller: OPERATOR.to_owned(), instance: Some(config.identity.clone()) };
    let recorder = Recorder::new(client.clone(), reporter);
    let shared = controller::Shared { client, config: Arc::clone(&config), identity, recorder, metrics };
    let all: Vec<Option<&str>> = match config.watch_namespaces.as_slice() {
        [] => vec![None],
        some => some.iter().map(|name| Some(name.as_str())).collect(),
    };
    let controllers = all.into_iter().map(|name| controller::run(shared.clone(), name, stop.clone()));
    tokio::select! {
        _ = futures::future::join_all(controllers) => {}
        // What hangs is left behind: the Lease must go to the next one.
        () = stop.clone().then(|()| tokio::time::sleep(FINISH)) => {}
        () = leader.hold() => return Err("the Lease is lost: another process leads, this one starts anew".to_owned()),
    }
    leader.release().await;
    Ok(())
}
