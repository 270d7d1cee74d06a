//! `loads broker`: a broker as a process of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loads_wire::message::StopMode;
use loads_wire::{Plan, RunResult};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Broker, BrokerConfig, BrokerHandle, Endpoints, Error};
use crate::http::{Http, HttpConfig};

/// Name of the final result in the state directory.
pub const RESULT_FILE: &str = "result.json";
/// Name of the file with the real endpoints in the state directory.
const ENDPOINTS_FILE: &str = "endpoints.json";

/// What `loads broker` is told.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// The plan, as JSON.
    pub plan: PathBuf,
    /// Where state, endpoints and result are kept.
    pub state_dir: PathBuf,
    /// Endpoint of the control socket.
    pub control: String,
    /// Endpoint of the results socket.
    pub results: String,
    /// Endpoint of the live stream.
    pub publish: String,
    /// See [`BrokerConfig::start_lead`].
    pub start_lead: Duration,
    /// See [`BrokerConfig::tls_dir`].
    pub tls_dir: Option<PathBuf>,
    /// See [`BrokerConfig::hold_result`].
    pub hold_result: bool,
    /// HTTP ports.
    pub http: HttpConfig,
}

/// What the file with the endpoints says.
#[derive(serde::Serialize)]
struct Listening {
    #[serde(flatten)]
    endpoints: Endpoints,
    http: Option<SocketAddr>,
    control_http: Option<SocketAddr>,
}

/// Serves one run and writes its result. SIGTERM or SIGINT stops the run by draining it, a second one at
/// once; the result is written all the same.
///
/// A broker that holds the result serves on after the end. There the operator stops runs, and a signal only
/// says that this process has to go: it goes at once, with none if the run is not over; its store has
/// everything that was acknowledged.
pub async fn serve(config: ServeConfig) -> Result<Option<Arc<RunResult>>, Error> {
    let plan = read_plan(&config.plan).await?;
    let dir = config.state_dir.clone();
    let stays = config.hold_result;
    // Caught from here on: one that comes while the store opens is not lost.
    let signals = [signal(SignalKind::terminate()), signal(SignalKind::interrupt())];
    let http = Http::bind(config.http).await?;
    let broker = Broker::bind(BrokerConfig {
        plan,
        state_dir: config.state_dir,
        control: config.control,
        results: config.results,
        publish: config.publish,
        start_lead: config.start_lead,
        tls_dir: config.tls_dir,
        hold_result: config.hold_result,
    })
    .await?;
    let handle = broker.handle();
    http.serve(handle.clone());
    let (control_http, http_open) = (http.control(), http.open());
    let listening = Listening { endpoints: broker.endpoints(), http: http_open, control_http };
    let Endpoints { control, results, .. } = &listening.endpoints;
    tracing::info!(control, results, http = ?http_open, ?control_http, "broker listens");
    replace(&dir, ENDPOINTS_FILE, serde_json::to_vec(&listening).unwrap_or_default()).await?;
    if stays {
        return stay(broker, &handle, &dir, signals).await;
    }
    let watcher = tokio::spawn(async move { stop_on_signal(signals, &handle).await });
    let result = broker.run().await;
    watcher.abort();
    let result = result?;
    write_result(&dir, &result).await?;
    Ok(Some(Arc::new(result)))
}

/// Runs until a signal comes.
async fn stay(
    broker: Broker,
    handle: &BrokerHandle,
    dir: &Path,
    signals: [std::io::Result<Signal>; 2],
) -> Result<Option<Arc<RunResult>>, Error> {
    let mut stored = handle.stored();
    let keep = async {
        let result = stored.wait_for(Option::is_some).await.ok().and_then(|result| result.clone());
        if let Some(result) = result {
            write_result(dir, &result).await?;
        }
        std::future::pending::<Result<(), Error>>().await
    };
    tokio::select! {
        result = broker.run() => return result.map(|result| Some(Arc::new(result))),
        failed = keep => failed?,
        () = any_signal(signals) => {}
    }
    let result = handle.stored().borrow().clone();
    Ok(result)
}

async fn any_signal(signals: [std::io::Result<Signal>; 2]) {
    let [Ok(mut terminate), Ok(mut interrupt)] = signals else {
        tracing::warn!("signals can not be caught: SIGTERM ends this broker at once");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn write_result(dir: &Path, result: &RunResult) -> Result<(), Error> {
    replace(dir, RESULT_FILE, serde_json::to_vec_pretty(result).unwrap_or_default()).await
}

async fn read_plan(path: &Path) -> Result<Plan, Error> {
    let fail = |reason: String| Error::Plan { path: path.to_owned(), reason };
    let bytes = tokio::fs::read(path).await.map_err(|error| fail(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string()))
}

async fn stop_on_signal(signals: [std::io::Result<Signal>; 2], handle: &BrokerHandle) {
    let [Ok(mut terminate), Ok(mut interrupt)] = signals else {
        tracing::warn!("signals can not be caught: SIGTERM ends this broker at once");
        return;
    };
    for mode in [StopMode::Drain, StopMode::Now] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        handle.stop(mode);
    }
}

/// Writes a file whole or not at all: readers never see half of it.
async fn replace(dir: &Path, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
    let path = dir.join(name);
    let temporary = dir.join(format!(".{name}.new"));
    let target = path.clone();
    let write = move || {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &target)
    };
    let written =
        tokio::task::spawn_blocking(write).await.unwrap_or_else(|gone| Err(std::io::Error::other(gone)));
    written.map_err(|source| Error::Write { path, source })
}
