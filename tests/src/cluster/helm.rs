//! Helm, of both versions, and the operator as a release of our chart instead of the manifests.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Output, agent_image, kubectl, operator_image};

const NAMESPACE: &str = "loads-system";
const RELEASE: &str = "loads";

/// The chart's folder.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/loads-operator")
}

/// A line of `tests/charts/programs`: the path of what has this name, built when it is missing.
///
/// # Panics
/// When it can not be built.
#[expect(clippy::expect_used, reason = "only tests call this, and without it none can go on")]
pub fn chart_program(name: &str) -> PathBuf {
    let programs = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/programs");
    let said = run(Command::new(programs).arg(name)).ok();
    let line = said.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    PathBuf::from(line.expect("it says where the program is"))
}

/// One version of Helm.
pub struct Helm {
    program: PathBuf,
}

impl Helm {
    /// `helm4` or `helm3`.
    pub fn version(name: &str) -> Self {
        Self { program: chart_program(name) }
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    fn run(&self, namespace: &str, args: &[&str]) -> Output {
        run(Command::new(&self.program).args(args).args(["--namespace", namespace]))
    }

    /// `template` of the chart: manifests.
    pub fn template(&self, namespace: &str, args: &[&str]) -> String {
        let chart = chart().display().to_string();
        let images = images();
        let mut all = vec!["template", RELEASE, chart.as_str()];
        all.extend(images.iter().map(String::as_str));
        all.extend(args);
        self.run(namespace, &all).ok()
    }
}

#[expect(clippy::expect_used, reason = "only tests call this")]
fn run(command: &mut Command) -> Output {
    let done = command.output().expect("the program starts");
    Output {
        code: done.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// The images of the tests as values, and brokers that leave soon.
fn images() -> Vec<String> {
    let mut words = vec!["--set".to_owned(), "brokerLinger=5s".to_owned()];
    for (value, image) in [("image", operator_image()), ("agentImage", agent_image())] {
        let (repository, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
        words.extend(["--set".to_owned(), format!("{value}.repository={repository},{value}.tag={tag}")]);
    }
    words
}

/// The operator as a release. While this lives there is no other; after it, that of the manifests.
pub struct Release {
    /// By which it is.
    pub helm: Helm,
    _nobody: NoOperator,
}

impl Release {
    /// Installs a chart on a cluster that never saw one, and waits until it is ready.
    pub fn install(helm: Helm, chart: &Path, args: &[&str]) -> Self {
        let release = Self { helm, _nobody: NoOperator::begin() };
        release.bring("install", chart, args).ok();
        release
    }

    /// `install` or `upgrade` to a chart.
    pub fn bring(&self, how: &str, chart: &Path, args: &[&str]) -> Output {
        let chart = chart.display().to_string();
        let images = images();
        let mut all = vec![how, RELEASE, chart.as_str(), "--wait", "--timeout", "3m"];
        if how == "install" {
            all.push("--create-namespace");
        }
        all.extend(images.iter().map(String::as_str));
        all.extend(args);
        self.helm.run(NAMESPACE, &all)
    }

    /// `helm test`.
    pub fn test(&self) -> Output {
        self.helm.run(NAMESPACE, &["test", RELEASE, "--timeout", "5m"])
    }

    /// `helm uninstall`.
    pub fn uninstall(&self) -> Output {
        self.helm.run(NAMESPACE, &["uninstall", RELEASE, "--wait", "--ignore-not-found"])
    }

    /// Names of the operator's pods.
    pub fn pods(&self) -> Vec<String> {
        let selector = "app.kubernetes.io/name=loads-operator";
        let pods = kubectl(&["-n", NAMESPACE, "get", "pods", "-l", selector, "-o", "name"], None).ok();
        pods.lines().map(str::to_owned).collect()
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        self.uninstall();
    }
}

/// A cluster on which the operator never was, while this lives; after it, the operator of the manifests.
pub struct NoOperator;

impl NoOperator {
    /// Removes the operator and the CRD.
    pub fn begin() -> Self {
        operator("remove");
        // Helm takes over no CRD that was applied without it.
        kubectl(&["delete", "crd", "loadtests.loads.dev", "--ignore-not-found", "--timeout=60s"], None).ok();
        Self
    }
}

impl Drop for NoOperator {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=90s"], None);
        operator("install");
    }
}

/// `tests/cluster/operator`; a failure shows in whoever needs the operator next.
fn operator(action: &str) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/operator");
    let done = run(Command::new(program).arg(action));
    if done.code != 0 {
        eprintln!("tests/cluster/operator {action}: {}", done.stderr);
    }
}
