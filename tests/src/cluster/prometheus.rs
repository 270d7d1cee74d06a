//! A Prometheus on this machine that watches the cluster, as docs/metrics.md says.
//!
//! Debian's has no discovery of pods, so it is told of them by a file, with the labels that discovery gives: what
//! the documentation does with these labels is what is tested.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::kubectl;
use crate::program::root;
use crate::wait::slowly;

/// What it is told of, in its folder.
const TARGETS: &str = "targets.json";

/// Ends with its owner.
pub struct Prometheus {
    process: Child,
    url: String,
    folder: tempfile::TempDir,
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
        std::fs::write(&file, config(&folder.path().join(TARGETS)).to_string())
            .expect("its configuration is written");
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
        let started = Self { process, url: format!("http://{free}"), folder };
        slowly("Prometheus", || started.get("/-/ready", &[]));
        started
    }

    /// Tells it of every port of every pod in these namespaces.
    ///
    /// # Panics
    /// When the file can not be written.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn discover(&self, namespaces: &[&str]) {
        let pods = |namespace: &&str| kubectl(&["-n", namespace, "get", "pods", "-o", "json"], None).json();
        let listed: Vec<Value> = namespaces.iter().map(pods).collect();
        let pods = listed.iter().flat_map(|list| list["items"].as_array().into_iter().flatten());
        let targets: Vec<Value> = pods.flat_map(targets).collect();
        // Renamed into its place: Prometheus never reads half of it.
        let new = self.folder.path().join("new");
        std::fs::write(&new, Value::from(targets).to_string()).expect("the targets are written");
        std::fs::rename(&new, self.folder.path().join(TARGETS)).expect("the targets are there");
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
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the documentation tells users to write, but for the discovery.
#[expect(clippy::expect_used, reason = "only tests call this")]
fn config(targets: &Path) -> Value {
    let docs = std::fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    let block = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut config: Value = serde_yaml::from_str(block.expect("it has an example")).expect("which is YAML");
    let job = config["scrape_configs"][0].as_object_mut().expect("with a job");
    assert_eq!(job.remove("kubernetes_sd_configs"), Some(json!([{"role": "pod"}])));
    job.insert("file_sd_configs".to_owned(), json!([{"files": [targets], "refresh_interval": "1s"}]));
    config["global"] = json!({"scrape_interval": "1s", "evaluation_interval": "1s"});
    config["rule_files"] = json!([root().join("charts/loads-operator/rules/*.yaml")]);
    config
}

/// What the role `pod` finds: a target for each port, labelled with what is known of the pod.
fn targets(pod: &Value) -> Vec<Value> {
    let Some(address) = pod["status"]["podIP"].as_str() else { return Vec::new() };
    let mut labels = json!({"__meta_kubernetes_namespace": pod["metadata"]["namespace"]});
    for (name, value) in pod["metadata"]["labels"].as_object().into_iter().flatten() {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        labels[format!("__meta_kubernetes_pod_label_{name}")] = value.clone();
    }
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let target = |port: &Value| {
        let mut labels = labels.clone();
        labels["__meta_kubernetes_pod_container_port_name"] =
            port["name"].as_str().unwrap_or_default().into();
        json!({"targets": [format!("{address}:{}", port["containerPort"])], "labels": labels})
    };
    ports.map(target).collect()
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
