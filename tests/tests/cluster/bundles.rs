//! Files and requirements of a test reach every agent, or the LoadTest says why not and no load is sent.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use loads_tests::cluster::{LoadTest, Space, agent_image};
use loads_tests::program;
use loads_wire::bundle::sha256;

/// A test that passes if these files are there, byte for byte.
fn checks(files: &[(&str, &[u8])]) -> String {
    let mut known = String::new();
    for (path, content) in files {
        let _ = write!(known, "'{path}': '{}', ", sha256(content));
    }
    format!(
        "import hashlib\nfrom loads.case import TestCase\n\nFILES = {{{known}}}\n\nclass TestFiles(TestCase):\n    def test_files(self):\n        for path, known in FILES.items():\n            with open(path, 'rb') as file:\n                self.assertEqual(known, hashlib.sha256(file.read()).hexdigest(), path)\n"
    )
}

fn write(folder: &Path, path: &str, content: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// `loads bundle …` into the namespace.
fn bundle(space: &Space, folder: &Path, what: &[&str]) -> String {
    let made = program::command(&[&["bundle"], what].concat()).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let manifests = String::from_utf8(made.stdout).unwrap();
    let applied = loads_tests::cluster::kubectl(
        &["-n", &space.name, "apply", "--server-side", "-f", "-"],
        Some(&manifests),
    );
    applied.ok();
    manifests
}

#[test]
fn a_tree_and_a_glob_arrive_byte_for_byte() {
    let space = Space::new("tree");
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 3] =
        [("lib/deep/data.bin", &[0, 255, 10, 13]), ("lib/a.txt", b"a\r\n"), ("empty", b"")];
    for (path, content) in files {
        write(folder.path(), path, content);
    }
    write(folder.path(), "test_files.py", checks(&files).as_bytes());
    write(folder.path(), "left-out.log", b"no");
    bundle(&space, folder.path(), &["li*", "empty", "*.py", "--name", "tree"]);
    let spec = "test: test_files.TestFiles.test_files\nagents: 2\nbundle: {testDir: some/where, includeFiles: [{configMap: tree}]}";
    let (reason, message) = space.load_test("tree", spec).finished();
    assert_eq!(reason, "Passed", "{message}");
}

#[test]
fn three_mebibytes_travel_in_several_config_maps() {
    let space = Space::new("large");
    let folder = tempfile::tempdir().unwrap();
    // Nothing that a compressor could make small.
    let mut state = 1_u64;
    let random: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(3 << 20)
    .collect();
    write(folder.path(), "large.bin", &random);
    write(folder.path(), "test_files.py", checks(&[("large.bin", &random)]).as_bytes());
    let manifests = bundle(&space, folder.path(), &[".", "--name", "large"]);
    assert!(manifests.matches("kind: ConfigMap").count() >= 5, "index and four parts");
    let spec =
        "test: test_files.TestFiles.test_files\nagents: 2\nbundle: {includeFiles: [{configMap: large}]}";
    let (reason, message) = space.load_test("large", spec).finished();
    assert_eq!(reason, "Passed", "{message}");
}

#[test]
fn a_config_map_that_is_not_there_is_named_and_its_coming_starts_the_run() {
    let space = Space::new("missing");
    let spec = "test: test_files.TestFiles.test_files\nagents: 1\nbundle: {includeFiles: [{configMap: later, items: [{key: t, path: test_files.py}]}]}";
    let test = space.load_test("missing", spec);
    let (_, _, message) = test.wait("Accepted", "False", "BundleNotFound");
    assert!(message.contains("later") && message.contains("kubectl"), "{message}");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "other", b"x");
    space.kubectl(&["create", "configmap", "later", "--from-literal=other=x"]).ok();
    let (_, _, message) = test.wait("Accepted", "False", "BundleKeyNotFound");
    assert!(message.contains("\"t\"") && message.contains("other"), "{message}");
    assert!(test.pods("agent").is_empty(), "nothing was made");
    write(folder.path(), "t", checks(&[]).as_bytes());
    let from = format!("--from-file=t={}", folder.path().join("t").display());
    space.kubectl(&["delete", "configmap", "later"]).ok();
    space.kubectl(&["create", "configmap", "later", &from]).ok();
    assert_eq!(test.finished().0, "Passed");
}

#[test]
fn an_archive_with_a_link_that_leads_out_is_refused_by_every_agent() {
    let space = Space::new("link");
    let target = space.target();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "ok/test_files.py", checks(&[]).as_bytes());
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("ok/out")).unwrap();
    // Not by `loads bundle`, which would refuse it: by hand, as an attacker would.
    let tar = Command::new("sh")
        .args(["-c", "tar -C ok -cf - . | zstd -q > bundle.tar.zst"])
        .current_dir(folder.path())
        .status();
    assert!(tar.unwrap().success());
    let bytes = fs::read(folder.path().join("bundle.tar.zst")).unwrap();
    let archive =
        format!("{{\"sha256\":\"{}\",\"size\":{},\"parts\":[\"link-0\"]}}", sha256(&bytes), bytes.len());
    let part = format!("--from-file=part={}", folder.path().join("bundle.tar.zst").display());
    space.kubectl(&["create", "configmap", "link-0", &part]).ok();
    space
        .kubectl(&["create", "configmap", "link", &format!("--from-literal=loads-archive.json={archive}")])
        .ok();
    let spec = format!(
        "test: test_files.TestFiles.test_files\nserverURL: {}\nagents: 2\nbundle: {{includeFiles: [{{configMap: link}}]}}",
        target.url()
    );
    let (reason, message) = space.load_test("link", &spec).finished();
    assert_eq!(reason, "BundleInvalid", "{message}");
    assert!(message.contains("out"), "{message}");
    assert_eq!(target.total(), 0);
}

/// A package index in a pod, with one small package on it.
fn index(space: &Space) -> String {
    let folder = tempfile::tempdir().unwrap();
    let metadata = b"Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n";
    write(folder.path(), "answer.py", b"ANSWER = 42\n");
    write(folder.path(), "answer-1.0.dist-info/METADATA", metadata);
    write(
        folder.path(),
        "answer-1.0.dist-info/WHEEL",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    );
    write(folder.path(), "answer-1.0.dist-info/RECORD", b"answer.py,,\nanswer-1.0.dist-info/METADATA,,\nanswer-1.0.dist-info/WHEEL,,\nanswer-1.0.dist-info/RECORD,,\n");
    let wheel = "answer-1.0-py3-none-any.whl";
    let zipped = Command::new("python3")
        .args(["-m", "zipfile", "-c", wheel, "answer.py", "answer-1.0.dist-info/"])
        .current_dir(folder.path())
        .status();
    assert!(zipped.unwrap().success());
    let from = format!("--from-file={}", folder.path().join(wheel).display());
    space.kubectl(&["create", "configmap", "index", &from]).ok();
    space.apply(&INDEX.replace("IMAGE", &agent_image())).ok();
    space.kubectl(&["rollout", "status", "deployment/index", "--timeout=120s"]).ok();
    format!("http://index.{}.svc:8080/simple", space.name)
}

const INDEX: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: index}
spec:
  selector: {matchLabels: {app: index}}
  template:
    metadata: {labels: {app: index}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      terminationGracePeriodSeconds: 1
      containers:
        - name: index
          image: IMAGE
          command: [/opt/loads/bin/python, -m, http.server, "8080", --directory, /index]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: index, mountPath: /index/simple/answer}]
      volumes: [{name: index, configMap: {name: index}}]
---
apiVersion: v1
kind: Service
metadata: {name: index}
spec: {selector: {app: index}, ports: [{port: 8080}]}
"#;

fn with_requirement(index: &str, requirement: &str) -> String {
    let host = index.trim_start_matches("http://").split(':').next().unwrap();
    format!(
        "test: needs.TestNeeds.test_answer\nagents: 2\nagentTemplate: {{env: [{{name: PIP_INDEX_URL, value: '{index}'}}, {{name: PIP_TRUSTED_HOST, value: {host}}}]}}\nbundle:\n  pythonDeps: ['{requirement}']\n  files:\n    needs.py: |\n      import answer\n      from loads.case import TestCase\n      class TestNeeds(TestCase):\n          def test_answer(self):\n              self.assertEqual(42, answer.ANSWER)\n"
    )
}

#[test]
fn a_requirement_is_installed_from_an_index_of_the_cluster() {
    let space = Space::new("pip");
    let index = index(&space);
    let (reason, message) = space.load_test("pip", &with_requirement(&index, "answer==1.0")).finished();
    assert_eq!(reason, "Passed", "{message}");
}

#[test]
fn a_requirement_that_can_not_be_installed_is_named_with_pips_words() {
    let space = Space::new("nopip");
    let index = index(&space);
    let test: LoadTest<'_> = space.load_test("nopip", &with_requirement(&index, "answer==9.9"));
    let (reason, message) = test.finished();
    assert_eq!(reason, "DependencyFailed", "{message}");
    assert!(message.contains("answer==9.9"), "{message}");
}
