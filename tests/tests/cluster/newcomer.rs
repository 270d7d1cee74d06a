//! docs/getting-started.md as a newcomer follows it: every command as it stands there, one after the other.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use loads_tests::cluster::{Helm, NoOperator, Plugin, Space, kubectl};
use loads_tests::program::root;

const PAGE: &str = include_str!("../../../docs/getting-started.md");
/// Marks what only builds programs, which the test has already.
const BUILDS: &str = "<!-- builds -->\n";

/// The shell blocks of a page, in order, without those that build.
fn commands(page: &str) -> Vec<&str> {
    let timed = page.split("```sh\n").collect::<Vec<_>>();
    let blocks = timed.windows(2).filter(|pair| !pair[0].ends_with(BUILDS));
    blocks.filter_map(|pair| pair[1].split_once("```").map(|(block, _)| block)).collect()
}

/// A kubeconfig whose context has this namespace.
fn kubeconfig(folder: &Path, namespace: &str) -> String {
    let path = folder.join("kubeconfig").display().to_string();
    std::fs::copy(std::env::var("KUBECONFIG").unwrap(), &path).unwrap();
    let set = ["--kubeconfig", &path, "config", "set-context", "--current", "--namespace", namespace];
    kubectl(&set, None).ok();
    path
}

#[test]
fn alone_a_newcomer_gets_from_an_empty_cluster_to_a_report_in_five_minutes() {
    let all = commands(PAGE);
    assert!(all.len() >= 5, "{all:?}");
    let _nobody = NoOperator::begin();
    let space = Space::unrestricted("newcomer");
    let folder = tempfile::tempdir().unwrap();
    for name in ["charts", "examples", "crds", "LICENSE"] {
        std::os::unix::fs::symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    let plugin = Plugin::new();
    let helm = Helm::version("helm4");
    std::os::unix::fs::symlink(helm.program(), folder.path().join("helm")).unwrap();
    let begin = Instant::now();
    for block in all {
        let done = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(folder.path())
            .env("KUBECONFIG", kubeconfig(folder.path(), &space.name))
            .env("PATH", format!("{}:{}", folder.path().display(), plugin.path()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{block}\n{said}{}", String::from_utf8_lossy(&done.stderr));
        println!("{:4} s  {}", begin.elapsed().as_secs(), block.lines().next().unwrap_or_default());
    }
    let report = std::fs::read_to_string(folder.path().join("shop.html")).unwrap();
    assert!(report.contains("\"verdict\":\"passed\""));
    println!("{} s from an empty cluster to the end", begin.elapsed().as_secs());
}
