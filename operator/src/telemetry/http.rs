//! /healthz, /readyz and /metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use super::Metrics;

/// What probes are told.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
}

impl Health {
    /// The API server answers and knows LoadTests.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }
}

/// Serves until the process ends.
pub async fn serve(address: SocketAddr, health: Arc<Health>, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(text))
        .with_state((health, metrics));
    axum::serve(listener, routes).await
}

type Told = State<(Arc<Health>, Arc<Metrics>)>;

async fn ready(State((health, _)): Told) -> (StatusCode, &'static str) {
    if health.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the API server does not answer, or has no LoadTests yet")
    }
}

async fn text(State((_, metrics)): Told) -> Result<([(&'static str, &'static str); 1], String), StatusCode> {
    let text = metrics.text().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text))
}
