//! Runners in several languages, as they are in `tests/runners`, against a server that counts.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const USERS: u32 = 3;
const HITS: u32 = 40;

fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/runners").join(language).canonicalize().unwrap()
}

fn python() -> String {
    std::env::var("LOADS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Answers every request with 200 and counts it, until the process ends.
fn server() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/page", listener.local_addr().unwrap());
    let served = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&served);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counter = Arc::clone(&counter);
            std::thread::spawn(move || serve(&stream, &counter));
        }
    });
    (url, served)
}

/// One connection, until the client closes it: an empty line ends each request.
fn serve(stream: &TcpStream, served: &AtomicU64) {
    let (mut answers, lines) = (stream, BufReader::new(stream).lines());
    for _ in lines.map_while(Result::ok).filter(String::is_empty) {
        served.fetch_add(1, Ordering::SeqCst);
        if answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

async fn all_hits_are_counted(language: &str, command: &[&str]) {
    let (url, served) = server();
    let plan = Plan { server_url: Some(url.clone()), ..plan(USERS, Length::Hits(HITS), command) };
    let run = start_plan(plan, Some(&folder(language))).await;
    let (totals, errors, windows) = run.finish_with_windows().await;
    let wanted = u64::from(USERS * HITS);
    assert_eq!(errors, []);
    assert_eq!(served.load(Ordering::SeqCst), wanted);
    assert_eq!((totals.hits, totals.sent, totals.started, totals.success), (wanted, wanted, wanted, wanted));
    assert_eq!((totals.late, totals.bad_messages), (0, 0));
    let visits =
        windows.iter().flat_map(|w| &w.counters).map(|(name, n)| if name == "visits" { *n } else { 0 });
    assert_eq!(visits.sum::<u64>(), wanted);
    assert!(windows.iter().flat_map(|w| &w.rows).all(|row| row.label == url && row.status == 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn perl_without_any_zeromq_library_is_counted_to_the_last_hit() {
    all_hits_are_counted("perl", &["perl", "runner.pl", "{test}"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs `npm ci` in tests/runners/javascript"]
async fn javascript_is_counted_to_the_last_hit() {
    all_hits_are_counted("javascript", &["node", "runner.mjs", "{test}"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Go, and its modules from the network"]
async fn go_is_counted_to_the_last_hit() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("runner");
    let built =
        Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(folder("go")).status();
    assert!(built.unwrap().success());
    all_hits_are_counted("go", &[program.to_str().unwrap(), "{test}"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pyzmq in the interpreter that LOADS_TEST_PYTHON names"]
async fn libzmq_with_heartbeats_is_counted_to_the_last_hit() {
    all_hits_are_counted("python", &[&python(), "runner.py", "{test}"]).await;
}

/// What a misbehaving runner of libzmq comes to: hits, kinds of errors, unreadable messages.
async fn misbehaviour(how: &str, length: Length) -> (u64, Vec<String>, u64) {
    let command = [&*python(), "runner.py", "{test}"].map(str::to_owned);
    let mut plan = plan(1, length, &command.each_ref().map(String::as_str));
    how.clone_into(&mut plan.test);
    let (totals, errors) = start_plan(plan, Some(&folder("misbehaving"))).await.finish().await;
    assert_eq!((totals.started, totals.success), (1, 1), "{how}");
    (totals.hits, kinds(&errors), totals.bad_messages)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pyzmq in the interpreter that LOADS_TEST_PYTHON names"]
async fn what_runners_of_libzmq_sent_stays_counted_however_they_misbehave() {
    let one = |kind: &str| (1, vec![format!("other:{kind}")], 0);
    assert_eq!(misbehaviour("exit", Length::Hits(1)).await, one("RunnerExit"));
    assert_eq!(misbehaviour("killed", Length::Hits(1)).await, one("RunnerKilled"));
    assert_eq!(misbehaviour("hang", Length::Seconds(1)).await, one("RunnerTimeout"));
    assert_eq!(misbehaviour("million", Length::Hits(1)).await, (1_000_000, vec![], 0));
    let garbage = misbehaviour("garbage", Length::Hits(1)).await;
    assert_eq!((garbage.0, garbage.2), (1, 5));
    assert!(garbage.1.iter().all(|kind| kind == "other:RunnerGarbage"), "{:?}", garbage.1);
}
