//! The server's own count: what other parts of the project trust to the last request.

use serde_json::json;

use super::*;

/// Sends `n` requests over one kept connection and reads as many answers.
async fn keep_alive(address: SocketAddr, target: &str, n: usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: demo\r\n\r\n");
    let mut seen = 0;
    let mut buffer = vec![0; 64 << 10];
    let mut text = Vec::new();
    stream.write_all(request.repeat(n).as_bytes()).await.unwrap();
    while seen < n {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {seen} answers");
        text.extend_from_slice(&buffer[..read]);
        seen = text.windows(9).filter(|w| w == b"HTTP/1.1 ").count();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_exact_under_concurrency() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for n in 0..20 {
        let target = if n % 2 == 0 { "/auth?user=1" } else { "/status/200" };
        clients.push(tokio::spawn(keep_alive(server.address, target, 250)));
    }
    for client in clients {
        client.await.unwrap();
    }
    let by_path = json!({"/auth": {"401": 2500}, "/status/200": {"200": 2500}});
    assert_eq!(
        server.counts().await,
        json!({"total": 5000, "inFlight": 0, "webSockets": 0, "byPath": by_path})
    );
}

#[tokio::test]
async fn the_counts_do_not_count_themselves_and_a_wrong_path_is_counted_under_its_own_name() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.counts().await;
    }
    server.get("/nowhere?x=1").await;
    let expected = json!({"total": 1, "inFlight": 0, "webSockets": 0, "byPath": {"/nowhere": {"404": 1}}});
    assert_eq!(server.counts().await, expected);
}

/// Asks for `/counts` until `reached` holds; the test's own time limit ends a wait in vain.
async fn counts_when(server: &Server, reached: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    loop {
        let counts = server.counts().await;
        if reached(&counts) {
            return counts;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_counts_on_arrival_even_when_its_client_does_not_wait_for_the_answer() {
    let server = Server::start().await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"GET /slow?ms=60000 HTTP/1.1\r\nHost: demo\r\n\r\n").await.unwrap();
    let waiting = counts_when(&server, |counts| counts["total"] == 1).await;
    assert_eq!(waiting, json!({"total": 1, "inFlight": 1, "webSockets": 0, "byPath": {}}));
    drop(client);
    let left = counts_when(&server, |counts| counts["inFlight"] == 0).await;
    let by_path = json!({"/slow": {"499": 1}});
    assert_eq!(left, json!({"total": 1, "inFlight": 0, "webSockets": 0, "byPath": by_path}));
}

#[tokio::test]
async fn half_a_request_is_not_counted() {
    let server = Server::start().await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: de").await.unwrap();
    drop(client);
    assert_eq!(server.get("/").await.status, 200);
    assert_eq!(server.counts().await["total"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_log_has_every_request_once_after_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let server = Server::with(Args { access_log: Some(file.clone()), ..Args::default() }).await;
    keep_alive(server.address, "/auth", 2000).await;
    server.counts().await;
    let credentials = "Authorization: Basic YWxpY2U6c2VjcmV0";
    server
        .ask(&format!("GET /auth?a=b HTTP/1.1\r\nHost: demo\r\n{credentials}\r\nConnection: close\r\n\r\n"))
        .await;
    server.stop().await.unwrap();
    let log = std::fs::read_to_string(&file).unwrap();
    assert_eq!(log.lines().count(), 2001);
    let last = log.lines().last().unwrap();
    assert!(last.starts_with("127.0.0.1 - alice ["), "{last}");
    assert!(last.ends_with("] \"GET /auth?a=b HTTP/1.1\" 200 5"), "{last}");
}

#[tokio::test]
async fn dropping_the_server_still_writes_the_access_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let server = Server::with(Args { access_log: Some(file.clone()), ..Args::default() }).await;
    keep_alive(server.address, "/", 10).await;
    server.running.abort();
    assert!(server.running.await.unwrap_err().is_cancelled());
    // The last connection's task, which owns the log too, ends as soon as it is polled for the last time.
    while std::fs::read_to_string(&file).unwrap().lines().count() < 10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn shutdown_ends_idle_connections_and_lets_answers_in_progress_end() {
    let server = Server::start().await;
    let _idle = TcpStream::connect(server.address).await.unwrap();
    let address = server.address;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /slow?ms=300 HTTP/1.1\r\nHost: demo\r\n\r\n").await.unwrap();
    counts_when(&server, |counts| counts["inFlight"] == 1).await;
    server.stop().await.unwrap();
    let mut answer = Vec::new();
    busy.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Answer::parse(&answer).body, "waited 300 ms\n");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
