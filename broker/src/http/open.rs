//! The open port: probes, metrics, the figures so far, and their stream. Nothing here changes anything.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::Stream;
use futures::stream::unfold;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Served;
use crate::metrics::{self, Scope};
use crate::service::BrokerHandle;

/// How often the stream says something.
const PERIOD: Duration = Duration::from_secs(1);

/// The routes of the open port.
pub fn routes(served: Served, scope: Scope) -> Router {
    let metrics = move |State(served): State<Served>| metrics(served, scope);
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/summary", get(summary))
        .route("/api/v1/stream", get(stream))
        .with_state(served)
}

/// Answers while there is no broker.
pub fn not_ready() -> Response {
    let reason = "The broker's store is not open yet, or its sockets are not bound: ask again.\n";
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

async fn ready(State(served): State<Served>) -> Response {
    if served.borrow().is_some() { "ok\n".into_response() } else { not_ready() }
}

async fn metrics(served: Served, scope: Scope) -> Response {
    let broker = served.borrow().clone();
    let figures = match broker {
        Some(broker) => broker.figures().await,
        None => None,
    };
    let Some(figures) = figures else { return not_ready() };
    match metrics::text(&figures, &scope) {
        Ok(text) => ([(CONTENT_TYPE, loads_wire::metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            let reason = format!("The metrics can not be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
        }
    }
}

async fn summary(State(served): State<Served>) -> Response {
    let broker = served.borrow().clone();
    broker.map_or_else(not_ready, |broker| Json(&*broker.snapshot()).into_response())
}

async fn stream(State(served): State<Served>) -> Response {
    let broker = served.borrow().clone();
    broker.map_or_else(not_ready, |broker| Sse::new(events(broker)).into_response())
}

struct Watcher {
    broker: BrokerHandle,
    period: Interval,
}

/// One summary a second, and `done` with the last one.
fn events(broker: BrokerHandle) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut period = interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    unfold(Some(Watcher { broker, period }), |watcher| async {
        let mut watcher = watcher?;
        let mut stored = watcher.broker.stored();
        let last = tokio::select! {
            biased;
            // A broker that is gone says nothing more either.
            last = stored.wait_for(Option::is_some) => last.ok()?.clone(),
            _ = watcher.period.tick() => None,
        };
        let (event, watcher) = match last {
            Some(result) => (Event::default().event("done").json_data(&*result), None),
            None => (Event::default().json_data(&*watcher.broker.snapshot()), Some(watcher)),
        };
        // A result can always be written as JSON.
        event.ok().map(|event| (Ok(event), watcher))
    })
}
