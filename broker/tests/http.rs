//! The broker's HTTP ports on real sockets, with real certificates.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use common::{Identity, Operator, get, plan};
use loads_broker::http::{ControlConfig, Http, HttpConfig};
use loads_broker::metrics::Scope;
use loads_broker::{Broker, BrokerConfig, BrokerHandle};
use loads_wire::RunResult;
use loads_wire::control::{DESIRED_PATH, Desired, Observed, REPORT_PATH, Stage};
use loads_wire::result::{Verdict, reason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

struct Running {
    dir: tempfile::TempDir,
    http: Http,
    handle: BrokerHandle,
    run: JoinHandle<Result<RunResult, loads_broker::Error>>,
}

/// A broker that holds its result, with both ports; the operator's certificate is `operator`.
async fn broker(operator: &Identity) -> Running {
    let dir = tempfile::tempdir().unwrap();
    Identity::new("broker.loads.dev").write(dir.path());
    std::fs::write(dir.path().join("operator.crt"), &operator.certificate).unwrap();
    let control = ControlConfig {
        address: "127.0.0.1:0".into(),
        tls_dir: dir.path().to_owned(),
        operator_cert: dir.path().join("operator.crt"),
    };
    let http = Http::bind(HttpConfig {
        open: Some("127.0.0.1:0".into()),
        control: Some(control),
        ..HttpConfig::default()
    })
    .await;
    let http = http.unwrap();
    let (handle, run) = serve(&http, dir.path()).await;
    Running { dir, http, handle, run }
}

async fn serve(
    http: &Http,
    dir: &Path,
) -> (BrokerHandle, JoinHandle<Result<RunResult, loads_broker::Error>>) {
    let endpoint = |name: &str| format!("ipc://{}/{name}", dir.display());
    let broker = Broker::bind(BrokerConfig {
        plan: plan(),
        state_dir: dir.to_owned(),
        control: endpoint("c"),
        results: endpoint("r"),
        publish: endpoint("p"),
        start_lead: Duration::from_millis(10),
        tls_dir: None,
        hold_result: true,
    });
    let broker = broker.await.unwrap();
    let handle = broker.handle();
    http.serve(handle.clone());
    (handle, tokio::spawn(broker.run()))
}

fn json(body: &[u8]) -> RunResult {
    serde_json::from_slice(body).unwrap()
}

fn wish(generation: i64, stop: bool) -> Vec<u8> {
    serde_json::to_vec(&Desired { generation, agents: 2, stop, ..Desired::default() }).unwrap()
}

#[tokio::test]
async fn probes_and_watchers_need_no_certificate_and_change_nothing() {
    let scope = Scope { loadtest: "shop".into(), ..Scope::default() };
    let config = HttpConfig { open: Some("127.0.0.1:0".into()), scope, ..HttpConfig::default() };
    let http = Http::bind(config).await.unwrap();
    let open = http.open().unwrap();
    assert_eq!(get(open, "/healthz").await.0, 200);
    assert_eq!(
        get(open, "/").await,
        (200, loads_page::live().as_bytes().to_vec()),
        "the page waits by itself"
    );
    for path in ["/readyz", "/metrics", "/api/v1/summary"] {
        let (status, body) = get(open, path).await;
        assert!(status == 503 && body.starts_with(b"The broker's store is not open yet"), "{path}");
    }
    let mut early = TcpStream::connect(open).await.unwrap();
    early.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: b\r\n\r\n").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (_handle, run) = serve(&http, dir.path()).await;
    let mut answer = [0; 15];
    timeout(PATIENCE, early.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK", "a page that came early waits for the broker's stream");
    assert_eq!(get(open, "/readyz").await.0, 200);
    let (status, body) = get(open, "/api/v1/summary").await;
    assert_eq!((status, json(&body).run_id.as_str(), json(&body).verdict), (200, "r1", Verdict::Running));
    let (status, body) = get(open, "/metrics").await;
    let text = String::from_utf8(body).unwrap();
    let waiting = "loads_run_stage{loadtest=\"shop\",run=\"r1\",stage=\"Waiting\"} 1";
    assert!(status == 200 && text.contains(waiting), "{text}");
    assert_eq!(get(open, DESIRED_PATH).await.0, 404, "not on this port");
    run.abort();
}

#[tokio::test]
async fn the_operator_stops_a_run_and_gets_its_report() {
    let operator = Identity::new("operator");
    let running = broker(&operator).await;
    let mut client = Operator::connect(running.http.control().unwrap(), Some(&operator)).await.unwrap();
    let (status, body) = client.request("GET", REPORT_PATH, b"").await;
    assert!(status == 404 && body.starts_with(b"There is no report before"), "{status}");
    let (status, body) = client.request("POST", DESIRED_PATH, &wish(3, false)).await;
    let observed: Observed = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, observed.generation, observed.stage, observed.done), (200, 3, Stage::Waiting, false));
    assert!(observed.epoch > 1_700_000_000_000_000_000);
    client.request("POST", DESIRED_PATH, &wish(4, true)).await;
    timeout(PATIENCE, running.handle.stored().wait_for(Option::is_some)).await.unwrap().unwrap();
    let (_, body) = client.request("POST", DESIRED_PATH, &wish(4, true)).await;
    let observed: Observed = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (observed.stage, observed.done, observed.result.reason.as_str()),
        (Stage::Finished, true, reason::STOPPED)
    );
    let (status, report) = client.request("GET", REPORT_PATH, b"").await;
    assert_eq!((status, json(&report).verdict), (200, Verdict::Stopped));
    // The stream of a finished run is its last word.
    let (status, stream) = get(running.http.open().unwrap(), "/api/v1/stream").await;
    let stream = String::from_utf8(stream).unwrap();
    assert!(
        status == 200 && stream.starts_with("event: done\n") && stream.contains("\"stopped\""),
        "{stream}"
    );
    assert!(!running.run.is_finished(), "it serves on until it is told to go");
    restarted_broker_serves_the_same(running, &operator, observed.epoch).await;
}

/// The process is gone, its store is there.
async fn restarted_broker_serves_the_same(running: Running, operator: &Identity, epoch: u64) {
    running.run.abort();
    let _ = running.run.await;
    let (handle, _run) = serve(&running.http, running.dir.path()).await;
    assert!(handle.stored().borrow().is_some());
    let mut client = Operator::connect(running.http.control().unwrap(), Some(operator)).await.unwrap();
    let (_, body) = client.request("POST", DESIRED_PATH, &wish(4, true)).await;
    let observed: Observed = serde_json::from_slice(&body).unwrap();
    assert_eq!((observed.done, observed.epoch, observed.generation), (true, epoch, 4));
    assert_eq!(get(running.http.open().unwrap(), "/api/v1/summary").await.0, 200);
}

#[tokio::test]
async fn the_stream_says_something_until_the_end() {
    let operator = Identity::new("operator");
    let running = broker(&operator).await;
    let mut stream = TcpStream::connect(running.http.open().unwrap()).await.unwrap();
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: b\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    let mut read_until = async |wanted: &str| {
        while !seen.contains(wanted) {
            let mut bytes = [0; 4096];
            let n = timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
            assert!(n > 0, "ended early: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    };
    read_until("\"whole\":true").await;
    read_until("\"running\"").await;
    read_until("\"whole\":false").await;
    running.handle.stop(loads_wire::message::StopMode::Drain);
    read_until("event: done").await;
    read_until("\"stopped\"").await;
}

async fn still_serves(running: &Running, operator: &Identity) {
    let mut client = Operator::connect(running.http.control().unwrap(), Some(operator)).await.unwrap();
    assert_eq!(client.request("POST", DESIRED_PATH, &wish(1, false)).await.0, 200);
    assert_eq!(get(running.http.open().unwrap(), "/healthz").await.0, 200);
}

#[tokio::test]
async fn only_the_operators_own_certificate_passes_the_handshake() {
    let operator = Identity::new("operator");
    let running = broker(&operator).await;
    let control = running.http.control().unwrap();
    for stranger in [None, Some(&Identity::new("operator"))] {
        assert!(Operator::connect(control, stranger).await.is_none());
    }
    still_serves(&running, &operator).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_now_is_refused_though_it_is_the_right_one() {
    for (from, until) in [(2001, 2002), (2140, 2150)] {
        let operator = Identity::valid("operator", from, until);
        let running = broker(&operator).await;
        assert!(Operator::connect(running.http.control().unwrap(), Some(&operator)).await.is_none());
        assert_eq!(get(running.http.open().unwrap(), "/healthz").await.0, 200);
    }
}

#[tokio::test]
async fn nonsense_is_answered_with_a_sentence_and_leaves_the_broker_running() {
    let operator = Identity::new("operator");
    let running = broker(&operator).await;
    let control = running.http.control().unwrap();
    let mut client = Operator::connect(control, Some(&operator)).await.unwrap();
    for nonsense in [&b"{\"generation\": true}"[..], b"", b"\xff\x00[[["] {
        let (status, body) = client.request("POST", DESIRED_PATH, nonsense).await;
        assert!(status == 400 && body.starts_with(b"The request is not the desired state"), "{status}");
    }
    let (status, body) = client.request("POST", DESIRED_PATH, &vec![b' '; 200_000]).await;
    assert!(status == 413 && body.starts_with(b"The request can not be read"), "{status}");
    for port in [control, running.http.open().unwrap()] {
        garbage(port).await;
    }
    still_serves(&running, &operator).await;
}

/// Bytes that are neither TLS nor HTTP, a head without end, and many connections that say nothing.
async fn garbage(port: SocketAddr) {
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(port).await.unwrap());
    }
    for bytes in [vec![0xff; 100_000], [b"GET / HTTP/1.1\r\n".to_vec(), vec![b'a'; 200_000]].concat()] {
        let mut stream = TcpStream::connect(port).await.unwrap();
        // It may be cut off before all is written.
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.len() < 1000, "an error at most");
    }
}
