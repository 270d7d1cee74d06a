//! The open port: the live page, probes, metrics, the figures so far, and their stream. Nothing here changes
//! anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures::Stream;
use futures::stream::unfold;
use loads_wire::control::Observed;
use loads_wire::live::{LAST_EVENT, Live, STREAM_PATH};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Served;
use crate::metrics::{self, Scope};

/// Less than a page gives a silent stream.
const STARTING: Duration = Duration::from_secs(5);

/// The routes of the open port.
pub fn routes(served: Served, scope: Scope) -> Router {
    let metrics = move |State(served): State<Served>| metrics(served, scope);
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/summary", get(summary))
        .route(STREAM_PATH, get(stream))
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
        Ok(text) => ([(header::CONTENT_TYPE, loads_wire::metrics::CONTENT_TYPE)], text).into_response(),
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

/// Waits for a broker that is just being started: a browser would tell its user of a 503 as an error.
async fn stream(State(mut served): State<Served>) -> Response {
    let started = timeout(STARTING, served.wait_for(Option::is_some)).await;
    let Some(broker) = started.ok().and_then(Result::ok).and_then(|broker| broker.clone()) else {
        return not_ready();
    };
    broker.watch_run().await.map_or_else(not_ready, |run| Sse::new(events(run)).into_response())
}

/// The live page. It is answered before the broker is ready: it waits for the stream by itself.
async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, loads_page::policy()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(loads_page::live())).into_response()
}

struct Watcher {
    run: watch::Receiver<Arc<Observed>>,
    told: Option<Arc<Observed>>,
}

/// The whole first, then what changes, and `done` with the whole for good; a broker that is gone ends it too.
fn events(mut run: watch::Receiver<Arc<Observed>>) -> impl Stream<Item = Result<Event, Infallible>> {
    run.mark_changed();
    unfold(Some(Watcher { run, told: None }), |watcher| async {
        let mut watcher = watcher?;
        watcher.run.changed().await.ok()?;
        let now = watcher.run.borrow_and_update().clone();
        let live = Live::since(watcher.told.as_deref(), &now);
        let event = if now.done { Event::default().event(LAST_EVENT) } else { Event::default() };
        // A result can always be written as JSON.
        let event = event.json_data(live).ok()?;
        watcher.told = Some(Arc::clone(&now));
        Some((Ok(event), (!now.done).then_some(watcher)))
    })
}
