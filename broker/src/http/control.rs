//! The operator's port: what it wants, and what it keeps.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use loads_wire::control::{DESIRED_PATH, Desired, REPORT_LIMIT, REPORT_PATH};
use tokio::time::timeout;

use super::open::not_ready;
use super::{Served, report};

/// Bytes of a request.
const BODY: usize = 64 * 1024;
/// Time for them to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// The routes of the operator's port.
pub fn routes(served: Served) -> Router {
    Router::new().route(DESIRED_PATH, post(desired)).route(REPORT_PATH, get(whole)).with_state(served)
}

async fn desired(State(served): State<Served>, body: Body) -> Response {
    let wish = match read(body).await {
        Ok(wish) => wish,
        Err(refused) => return refused.into_response(),
    };
    let broker = served.borrow().clone();
    let Some(broker) = broker else { return not_ready() };
    match broker.desire(wish).await {
        Some(observed) => Json(observed).into_response(),
        None => not_ready(),
    }
}

async fn read(body: Body) -> Result<Desired, (StatusCode, String)> {
    let bytes = match timeout(ARRIVAL, to_bytes(body, BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(reason)) => {
            let text = format!("The request can not be read: {reason}. It may have {BODY} bytes at most.\n");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Err(_) => {
            let text = format!("The request did not arrive within {} s.\n", ARRIVAL.as_secs());
            return Err((StatusCode::REQUEST_TIMEOUT, text));
        }
    };
    serde_json::from_slice(&bytes).map_err(|reason| {
        let text = format!(
            "The request is not the desired state of a run: {reason}. It needs generation, agents, suspend, stop and \
             resultStored.\n"
        );
        (StatusCode::BAD_REQUEST, text)
    })
}

async fn whole(State(served): State<Served>) -> Response {
    let result = served.borrow().as_ref().and_then(|broker| broker.stored().borrow().clone());
    let Some(result) = result else {
        let reason = "There is no report before the run is over and its result stored.\n";
        return (StatusCode::NOT_FOUND, reason).into_response();
    };
    // Tens of serialisations of a large result, in the worst case: not on the runtime's threads.
    match tokio::task::spawn_blocking(move || report::fit(&result, REPORT_LIMIT)).await {
        Ok(Some(json)) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        _ => {
            (StatusCode::INTERNAL_SERVER_ERROR, "The report can not be made small enough.\n").into_response()
        }
    }
}
