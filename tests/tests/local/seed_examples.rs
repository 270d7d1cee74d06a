//! The examples of the original's documentation, as they stand there but for addresses that are free here.

use loads_tests::run::{Done, Folder};
use loads_tests::target::Target;

const SESSION: &str = r"
from loads.case import TestCase

class TestWebSite(TestCase):

    def test_es(self):
        res = self.session.get('http://localhost:9200')
        self.assertEqual(res.status_code, 200)
";

const WEB_SOCKET: &str = r"
import time
from loads.case import TestCase

class TestWebSite(TestCase):

    def test_something(self):

        results = []

        def callback(m):
            results.append(m.data)

        ws = self.create_ws('ws://localhost:9000/ws',
                            protocols=['chat', 'http-only'],
                            callback=callback)

        ws.send('something')
        ws.receive()
        ws.send('happened')
        ws.receive()

        while len(results) < 2:
            time.sleep(.1)

        self.assertEqual(results, ['something', 'happened'])
";

const WEB_TEST: &str = r#"
from loads.case import TestCase

class TestWebSite(TestCase):

    server_url = "http://your-server-url"

    def test_something(self):
        self.assertTrue('tarek' in self.app.get('/'))
        self.incr_counter('tarek-was-there')
"#;

fn run(test: &str, name: &str, flags: &[&str]) -> Done {
    let done = Folder::new().with("example.py", test).run(&[&[name], flags].concat());
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    done
}

fn address(target: &Target) -> String {
    target.url().replace("http://127.0.0.1", "localhost")
}

#[test]
fn the_session_example_runs() {
    let target = Target::start();
    let test = SESSION.replace("localhost:9200", &address(&target));
    let done = run(&test, "example.TestWebSite.test_es", &["-u", "100", "--hits", "10"]);
    assert_eq!(done.result().hits, 1000);
    for line in ["Hits: 1000", "Success: 1000", "Errors: 0", "Failures: 0", "Opened web sockets: 0"] {
        assert!(done.stdout.contains(line), "{line:?} is missing in\n{}", done.stdout);
    }
}

#[test]
fn the_web_socket_example_runs_with_and_without_patching() {
    let target = Target::start();
    let test = WEB_SOCKET.replace("localhost:9000", &address(&target));
    for flags in [&[][..], &["--no-patching"]] {
        let sockets = run(&test, "example.TestWebSite.test_something", flags).result().web_sockets;
        assert_eq!((sockets.opened, sockets.closed), (1, 1), "{flags:?}");
        assert_eq!(sockets.bytes_received, "somethinghappened".len() as u64);
    }
}

#[test]
fn the_web_test_example_runs_with_the_server_url_from_the_command_line() {
    let target = Target::start();
    let test = WEB_TEST.replace("'tarek'", "'demo'");
    let done = run(&test, "example.TestWebSite.test_something", &["--server-url", &target.url()]);
    assert_eq!(done.result().counters.get("tarek-was-there"), Some(&1));
    assert_eq!(done.result().hits, 1);
}
