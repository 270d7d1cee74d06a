//! Every kind of failure has its own name, whichever executor met it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use loads_tests::run::Folder;
use loads_tests::target::Target;

const PYTHON: &str = r"
from loads.case import TestCase


class TestWebSite(TestCase):

    def test_page(self):
        self.session.get(self.server_url + '/', timeout=1)
";

/// What to do with each connection.
type Manner = fn(std::net::TcpStream);

/// A server with bad manners; it lives as long as the test program.
fn server(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().take(64).flatten() {
            held.push(thread::spawn(move || manner(stream)));
        }
    });
    format!("http://{address}")
}

fn silent(mut stream: std::net::TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Closing with unread bytes makes the kernel send a reset.
fn resetting(stream: std::net::TcpStream) {
    let _ = stream.peek(&mut [0; 1]);
    drop(stream);
}

fn closing(mut stream: std::net::TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
}

fn babbling(mut stream: std::net::TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(b"I do not speak HTTP\r\n\r\n");
}

fn kinds(executor: &str, url: &str) -> Vec<String> {
    let load_test = format!(
        "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: errors}}\nspec:\n  \
         test: example.TestWebSite.test_page\n  executor: {executor}\n  serverURL: {url}\n  \
         http: {{timeout: 1, requests: [{{path: /}}]}}\n"
    );
    let load_test = if executor == "python" {
        load_test.replace("  http: {timeout: 1, requests: [{path: /}]}\n", "")
    } else {
        load_test
    };
    let folder = Folder::new().with("loadtest.yaml", &load_test).with("example.py", PYTHON);
    let done = folder.run(&["loadtest.yaml"]);
    assert_eq!(done.code, Some(99), "{executor} {url}\n{}\n{}", done.stdout, done.stderr);
    assert_eq!(done.result().hits, 0);
    done.result().request_errors.keys().cloned().collect()
}

#[test]
fn each_failure_has_its_own_name() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let cases = [
        (refused, "refused"),
        ("http://no-such-host.invalid".to_owned(), "dns"),
        (server(silent), "read-timeout"),
        (server(resetting), "reset"),
        (server(closing), "closed"),
        (server(babbling), "bad-response"),
        (server(babbling).replace("http:", "https:"), "tls"),
    ];
    for (url, kind) in cases {
        for executor in ["http", "python"] {
            assert_eq!(kinds(executor, &url), [kind], "{executor} against {url}");
        }
    }
}

#[test]
fn a_redirect_is_two_hits_with_their_own_urls() {
    let target = Target::start();
    let test = PYTHON.replace("'/'", "'/redirect'");
    let load_test = super::scenario::python(&target, "");
    let folder = Folder::new().with("loadtest.yaml", &load_test).with("example.py", &test);
    let done = folder.run(&["loadtest.yaml"]);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let mut seen: Vec<_> = done.result().labels.iter().map(|l| (l.label.clone(), l.status, l.hits)).collect();
    seen.sort();
    let url = target.url();
    assert_eq!(seen, [(format!("{url}/"), 200, 1), (format!("{url}/redirect"), 302, 1)]);
    assert_eq!(target.total(), 2);
}

#[test]
fn a_skipped_test_is_no_success() {
    let target = Target::start();
    let test =
        PYTHON.replace("self.session.get(self.server_url + '/', timeout=1)", "self.skipTest('not today')");
    let load_test = super::scenario::python(&target, "hits: 3");
    let folder = Folder::new().with("loadtest.yaml", &load_test).with("example.py", &test);
    let tests = folder.run(&["loadtest.yaml"]).result().tests;
    assert_eq!((tests.started, tests.skipped, tests.success), (3, 3, 0));
}
