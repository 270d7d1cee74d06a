//! What the demo server answers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{any, get};
use hyper::body::{Frame, SizeHint};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::auth::basic_user;
use super::counts::{Counts, Snapshot};
use super::service::COUNTS_PATH;

/// Longest wait of `/slow`, in milliseconds.
const SLOWEST: u64 = 60_000;
/// Longest answer of `/bytes`.
const MOST_BYTES: u64 = 1 << 30;
/// Largest web socket message that is echoed.
const LARGEST_MESSAGE: usize = 1 << 20;
/// Subprotocols that `/ws` speaks, all the same echo.
const SUBPROTOCOLS: [&str; 2] = ["chat", "http-only"];
/// What `/bytes` is made of.
static CHUNK: [u8; 64 << 10] = [b'x'; 64 << 10];

#[derive(Clone)]
struct Shared {
    counts: Arc<Counts>,
    closing: CancellationToken,
}

/// All routes; `closing` ends open web sockets.
pub fn router(counts: Arc<Counts>, closing: CancellationToken) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/auth", get(auth))
        .route("/status/{code}", any(status))
        .route("/slow", get(slow))
        .route("/bytes/{n}", get(bytes))
        .route("/redirect", get(redirect))
        .route("/ws", any(web_socket))
        .route(COUNTS_PATH, get(counts_now))
        .fallback(not_found)
        .with_state(Shared { counts, closing })
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn auth(headers: HeaderMap) -> Response {
    if let Some(user) = basic_user(&headers) {
        return user.into_response();
    }
    let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"loads demo server\", charset=\"UTF-8\"")];
    (StatusCode::UNAUTHORIZED, challenge, "give a user name by HTTP Basic authentication\n").into_response()
}

/// Reads the body before it answers, so that a connection with a request body can be kept.
async fn status(Path(code): Path<String>, _body: Bytes) -> Response {
    match code.parse().ok().filter(|code| (200..=599).contains(code)).map(StatusCode::from_u16) {
        Some(Ok(
            status @ (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::RESET_CONTENT),
        )) => status.into_response(),
        Some(Ok(status)) => (status, format!("{status}\n")).into_response(),
        _ => refuse("/status/{code} takes a final HTTP status, 200 to 599"),
    }
}

#[derive(Deserialize)]
struct Slow {
    ms: Option<String>,
}

async fn slow(Query(query): Query<Slow>) -> Response {
    let asked = query.ms.as_deref().unwrap_or("1000").parse().ok().filter(|ms| *ms <= SLOWEST);
    let Some(ms) = asked else {
        return refuse("/slow?ms= takes milliseconds, 0 to 60000");
    };
    tokio::time::sleep(Duration::from_millis(ms)).await;
    format!("waited {ms} ms\n").into_response()
}

async fn bytes(Path(n): Path<String>) -> Response {
    match n.parse().ok().filter(|n| *n <= MOST_BYTES) {
        Some(left) => {
            ([(CONTENT_TYPE, "application/octet-stream")], Body::new(Filler { left })).into_response()
        }
        None => refuse("/bytes/{n} takes a number of bytes, 0 to 1073741824"),
    }
}

#[derive(Deserialize)]
struct Redirect {
    to: Option<String>,
    code: Option<String>,
}

/// Only to a path of this server: an open redirect would let a stranger's link look like ours.
async fn redirect(Query(query): Query<Redirect>) -> Response {
    let to = query.to.as_deref().unwrap_or("/");
    let code = query.code.as_deref().unwrap_or("302").parse::<u16>().ok();
    let code = code.filter(|code| matches!(code, 301 | 302 | 303 | 307 | 308));
    let local =
        to.starts_with('/') && !to[1..].starts_with(['/', '\\']) && to.bytes().all(|b| b.is_ascii_graphic());
    match code.and_then(|code| StatusCode::from_u16(code).ok()) {
        Some(code) if local => (code, [(LOCATION, to)]).into_response(),
        Some(_) => refuse("/redirect?to= takes a path of this server, such as /status/200"),
        None => refuse("/redirect?code= takes 301, 302, 303, 307 or 308"),
    }
}

async fn web_socket(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols(SUBPROTOCOLS)
        .max_message_size(LARGEST_MESSAGE)
        .on_upgrade(|socket| echo(socket, shared.closing))
}

/// Sends back what it gets until either side closes. The library answers pings and a close by itself, but
/// only while it is read from: hence read on until it says that the connection is over.
async fn echo(mut socket: WebSocket, closing: CancellationToken) {
    loop {
        let message = tokio::select! {
            () = closing.cancelled() => break,
            message = socket.recv() => message,
        };
        let sent = match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => socket.send(message).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => Ok(()),
            Some(Err(_)) | None => return,
        };
        if sent.is_err() {
            return;
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

async fn counts_now(State(shared): State<Shared>) -> Json<Snapshot> {
    Json(shared.counts.snapshot())
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "no such page; / says what there is\n").into_response()
}

fn refuse(why: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response()
}

/// A body of known length that is nowhere in memory as a whole.
struct Filler {
    left: u64,
}

impl hyper::body::Body for Filler {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let size = self.left.min(CHUNK.len() as u64);
        self.left -= size;
        Poll::Ready((size > 0).then(|| Ok(Frame::data(Bytes::from_static(&CHUNK[..size as usize])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
