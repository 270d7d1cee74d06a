//! A demo server of a test's own, which knows to the request what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::program::command;

/// Ends with its owner.
pub struct Target {
    child: Child,
    address: String,
}

impl Target {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When it does not come up.
    #[expect(clippy::expect_used, reason = "only tests call this, and without a target none can go on")]
    pub fn start() -> Self {
        let mut child = command(&["demo-server", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the demo server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its messages can be read"));
        let mut announced = String::new();
        lines.read_line(&mut announced).expect("it says where it listens");
        let from = announced.find("127.0.0.1:").expect("it names its address");
        let address: String =
            announced[from..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        Self { child, address }
    }

    /// Its root URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `/counts` says.
    ///
    /// # Panics
    /// When it does not answer.
    #[expect(clippy::expect_used, reason = "only tests call this, and without counts none can go on")]
    pub fn counts(&self) -> Value {
        let mut stream = TcpStream::connect(&self.address).expect("the demo server accepts");
        write!(stream, "GET /counts HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)
            .expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the answer is read");
        let body = answer.find('{').map(|at| &answer[at..]).expect("the answer is JSON");
        let end = body.rfind('}').map_or(body.len(), |at| at + 1);
        serde_json::from_str(&body[..end]).expect("the counts can be read")
    }

    /// Requests it got.
    pub fn total(&self) -> u64 {
        self.counts()["total"].as_u64().unwrap_or_default()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
