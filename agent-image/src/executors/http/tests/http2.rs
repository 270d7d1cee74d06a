use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

/// An HTTP/2 server without TLS, that counts; `/slow` never answers.
struct Server {
    url: String,
    connections: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

async fn answer(
    request: Request<Incoming>,
    count: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    count.fetch_add(1, Ordering::SeqCst);
    assert_eq!(request.version(), hyper::Version::HTTP_2);
    if request.uri().path() == "/slow" {
        std::future::pending::<()>().await;
    }
    let status = if request.uri().path() == "/missing" { 404 } else { 200 };
    Ok(Response::builder().status(status).body(Full::from("ok")).unwrap())
}

async fn serve() -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (connections, requests) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (accepted, counted) = (Arc::clone(&connections), Arc::clone(&requests));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let counted = Arc::clone(&counted);
            let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&counted)));
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
        }
    });
    Server { url, connections, requests }
}

fn http2(server: &Server, paths: &[&str]) -> Setup {
    let mut setup = setup(&server.url, paths);
    setup.options.http2 = true;
    setup
}

#[tokio::test]
async fn users_are_streams_over_few_connections_and_every_request_counts() {
    let server = serve().await;
    let mut setup = http2(&server, &["/", "/missing"]);
    setup.options.connections = Some(2);
    let seen = setup.hits(20, 5).await;
    assert_eq!((seen.totals.hits, server.requests.load(Ordering::SeqCst)), (200, 200));
    assert_eq!((seen.hits_of("/", 200), seen.hits_of("/missing", 404)), (100, 100));
    assert_eq!((seen.totals.failures, seen.totals.bytes), (100, 400));
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn arrivals_follow_the_rate() {
    let server = serve().await;
    let mut setup = http2(&server, &["/"]);
    setup.plan.rate = Some(200);
    let mut rig = setup.prepare().await;
    let order = rig.order(50, Length::Seconds(1));
    let seen = rig.step(order).await;
    assert!((198..=202).contains(&seen.totals.started), "{}", seen.totals.started);
    assert_eq!(seen.totals.hits, seen.totals.started);
}

#[tokio::test]
async fn stopping_now_cuts_streams_and_counts_them_as_unanswered() {
    let server = serve().await;
    let mut rig = http2(&server, &["/slow"]).prepare().await;
    let order = rig.order(6, Length::Hits(3));
    rig.http.startup(order).await.unwrap();
    while server.requests.load(Ordering::SeqCst) < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seen = rig.stop(StopMode::Now).await;
    assert_eq!((seen.totals.sent, seen.totals.unanswered, seen.totals.interrupted), (6, 6, 6));
}

#[tokio::test]
async fn a_refused_connection_and_a_timeout_have_their_names() {
    let server = serve().await;
    let mut silent = http2(&server, &["/slow"]);
    silent.options.timeout_seconds = 1;
    assert_eq!(silent.hits(1, 1).await.errors(), only("read-timeout", 1));
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut refused = setup(&format!("http://{address}"), &["/"]);
    refused.options.http2 = true;
    let seen = refused.hits(1, 2).await;
    assert_eq!((seen.errors(), seen.totals.failed_before_send), (only("refused", 2), 2));
}
