//! A Prometheus on this machine that watches the cluster, as docs/metrics.md says.
//!
//! Debian builds it without Kubernetes' discovery, so that the targets come from a file with the same labels.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::kubectl;
use crate::program::root;
use crate::wait::slowly;

/// Ends with its owner.
pub struct Prometheus {
    process: Child,
    url: String,
    over: Sender<()>,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes every second.
    ///
    /// # Panics
    /// When it does not come up.
    #[expect(clippy::expect_used, reason = "only tests call this, and without it none can go on")]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("prometheus.yml");
        let targets = folder.path().join("targets.json");
        std::fs::write(&file, config(&targets).to_string()).expect("its configuration is written");
        let (over, ended) = channel();
        std::thread::spawn(move || discover(&targets, &ended));
        let free = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .args(["--log.level=error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts: is it installed?");
        let started = Self { process, url: format!("http://{free}"), over, _folder: folder };
        slowly("Prometheus", || started.get("/-/ready", &[]));
        started
    }

    /// Labels and last value of each series.
    pub fn ask(&self, query: &str) -> Vec<(Value, f64)> {
        let found = self.query("query", &[("query", query)]);
        found.into_iter().filter_map(|one| Some((one["metric"].clone(), number(&one["value"][1])?))).collect()
    }

    /// The one value, if there is a series.
    pub fn value(&self, query: &str) -> Option<f64> {
        self.ask(query).first().map(|(_, value)| *value)
    }

    /// Every value of every series in a time, by the second.
    pub fn range(&self, query: &str, start: f64, end: f64) -> Vec<f64> {
        let (start, end) = (start.to_string(), end.to_string());
        let asked = [("query", query), ("start", &start), ("end", &end), ("step", "1")];
        let found = self.query("query_range", &asked);
        let values = found.iter().flat_map(|one| one["values"].as_array().into_iter().flatten());
        values.filter_map(|value| number(&value[1])).collect()
    }

    /// # Panics
    /// When the query is wrong.
    fn query(&self, path: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let text = self.get(&format!("/api/v1/{path}"), parameters).unwrap_or_default();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(answer["status"], "success", "{parameters:?}: {text}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Option<String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail-with-body", "--get", &format!("{}{path}", self.url)]);
        for (name, value) in parameters {
            curl.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        let done = curl.output().ok()?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.success() || !parameters.is_empty()).then_some(said)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.over.send(());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keeps the file of targets up to date, once a second, until it is told to end.
fn discover(file: &Path, ended: &Receiver<()>) {
    while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let selector = "app.kubernetes.io/name in (loads, loads-operator)";
        let listed = kubectl(&["get", "pods", "-A", "-l", selector, "-o", "json"], None);
        let Ok(pods) = serde_json::from_str::<Value>(&listed.stdout) else { continue };
        let all: Vec<Value> = pods["items"].as_array().into_iter().flatten().flat_map(targets).collect();
        // Read while it is written, it would be no JSON.
        let part = file.with_extension("part");
        if std::fs::write(&part, Value::from(all).to_string()).is_ok() {
            let _ = std::fs::rename(&part, file);
        }
    }
}

/// A target for each port of a pod, with the labels that Kubernetes' discovery gives.
fn targets(pod: &Value) -> Vec<Value> {
    let Some(address) = pod["status"]["podIP"].as_str() else { return Vec::new() };
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers.filter_map(|container| container["ports"].as_array()).flatten();
    let label = |name: &str| &pod["metadata"]["labels"][format!("app.kubernetes.io/{name}")];
    let target = |port: &Value| {
        json!({
            "targets": [format!("{address}:{}", port["containerPort"])],
            "labels": {
                "__meta_kubernetes_namespace": pod["metadata"]["namespace"],
                "__meta_kubernetes_pod_container_port_name": port["name"],
                "__meta_kubernetes_pod_label_app_kubernetes_io_name": label("name"),
                "__meta_kubernetes_pod_label_app_kubernetes_io_component": label("component").as_str().unwrap_or(""),
            },
        })
    };
    ports.map(target).collect()
}

/// What the documentation tells users to write, but for where the targets come from.
#[expect(clippy::expect_used, reason = "only tests call this")]
fn config(targets: &Path) -> Value {
    let docs = std::fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    let block = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut config: Value = serde_yaml::from_str(block.expect("it has an example")).expect("which is YAML");
    let scrape = config["scrape_configs"][0].as_object_mut().expect("a way to scrape");
    let role = scrape.remove("kubernetes_sd_configs").expect("which is Kubernetes' discovery");
    assert_eq!(role, json!([{"role": "pod"}]), "the labels are those of pods");
    let file = json!([{"files": [targets], "refresh_interval": "1s"}]);
    scrape.insert("file_sd_configs".to_owned(), file);
    config["global"] = json!({"scrape_interval": "1s", "evaluation_interval": "1s"});
    config["rule_files"] = json!([root().join("charts/loads-operator/rules/*.yaml")]);
    config
}

fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

/// What `promtool check metrics` says of a text: nothing, when it is well.
///
/// # Panics
/// When there is no promtool.
#[expect(clippy::expect_used, reason = "only tests call this")]
pub fn promtool_check(text: &str) -> String {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts: is it installed?");
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(text.as_bytes()).expect("promtool reads");
    }
    let done = child.wait_with_output().expect("promtool ends");
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}
