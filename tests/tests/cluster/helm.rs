//! The operator installed by Helm, from its first day to its last. Those that replace it do so for everybody, and run
//! alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use loads_tests::cluster::{Audit, Helm, LoadTest, Release, Space, chart, chart_program, kubectl};
use loads_tests::wait::slowly;

use super::specs;

const OLD: &str = "A LoadTest as an older release described it.";

/// The chart as an older release, whose CRD says something else.
fn older_chart(folder: &Path) -> PathBuf {
    let old = folder.join("loads-operator");
    let copied = Command::new("cp").arg("-rL").arg(chart()).arg(&old).status().unwrap();
    assert!(copied.success());
    let replace = |name: &str, what: &str, by: &str| {
        let text = std::fs::read_to_string(old.join(name)).unwrap();
        assert!(text.contains(what), "{name} has no {what}");
        std::fs::write(old.join(name), text.replacen(what, by, 1)).unwrap();
    };
    replace("Chart.yaml", "\nversion: 0.1.0", "\nversion: 0.0.9");
    let crd = std::fs::read_to_string(old.join("files/crd.yaml")).unwrap();
    let described = crd.lines().find(|line| line.contains("description: 'A LoadTest is one run")).unwrap();
    let indent = &described[..described.len() - described.trim_start().len()];
    replace("files/crd.yaml", described, &format!("{indent}description: {OLD}"));
    old
}

fn described() -> String {
    let path = "jsonpath={.spec.versions[0].schema.openAPIV3Schema.description}";
    kubectl(&["get", "crd", "loadtests.loads.dev", "-o", path], None).ok()
}

fn life_of_a_release(version: &str) {
    let folder = tempfile::tempdir().unwrap();
    let release = Release::install(Helm::version(version), &older_chart(folder.path()), &[]);
    assert_eq!(described(), OLD);
    let space = Space::new("helm");
    let target = space.target();

    let first = space.load_test("first", &specs::http(&target, "/", "agents: 2\nhits: 25"));
    assert_eq!(first.finished().0, "Passed");
    assert_eq!((first.result("hits"), target.total()), (50, 50));
    let tested = release.test().ok();
    assert!(tested.contains("Succeeded"), "{tested}");

    let run = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 30");
    let before = release.pods();
    release.bring("upgrade", &chart(), &["--set", "limits.maxAgents=10"]).ok();
    slowly("other operators than before", || {
        release.pods().iter().all(|pod| !before.contains(pod)).then_some(())
    });
    assert_eq!(run.condition("Running").0, "True", "the upgrade met a run in flight: {}", run.status());
    assert!(described() != OLD, "the upgrade brought the CRD up to date");
    assert_eq!(run.finished().0, "Passed");
    assert_eq!(run.result("hits") + 50, target.total(), "nothing was lost over the upgrade");
    let many = space.load_test("many", &specs::http(&target, "/", "agents: 11\nhits: 1"));
    assert_eq!(many.wait("Accepted", "False", "").1, "OverLimit", "the new ceiling holds");
    space.kubectl(&["delete", &many.reference()]).ok();

    release.uninstall().ok();
    slowly("no operator is left", || release.pods().is_empty().then_some(()));
    assert_eq!(first.result("hits"), 50, "LoadTests and their results stay");
    // What was kept is taken over by the next release of that name.
    release.bring("install", &chart(), &[]).ok();
    let again = space.load_test("again", &specs::http(&target, "/", "agents: 1\nhits: 3"));
    assert_eq!(again.finished().0, "Passed");
}

#[test]
fn alone_helm_4_installs_tests_upgrades_in_a_run_and_uninstalls() {
    life_of_a_release("helm4");
}

#[test]
fn alone_helm_3_installs_tests_upgrades_in_a_run_and_uninstalls() {
    life_of_a_release("helm3");
}

#[test]
fn alone_in_some_namespaces_only_the_operator_needs_no_right_elsewhere() {
    let (space, elsewhere) = (Space::new("watched"), Space::new("elsewhere"));
    let target = space.target();
    let audit = Audit::begin();
    let watch = format!("watchNamespaces={{{}}}", space.name);
    let release = Release::install(Helm::version("helm4"), &chart(), &["--set", &watch]);
    let spec = specs::http(&target, "/", "agents: 2\nhits: 5");
    let unseen = elsewhere.load_test("unseen", &spec);
    let test = space.load_test("seen", &spec);
    assert_eq!(test.finished().0, "Passed");
    assert_eq!((test.result("hits"), target.total()), (10, 10));
    release.test().ok();
    assert_eq!(unseen.condition("Accepted").0, "Unknown", "{}", unseen.status());
    let cluster_role = kubectl(&["get", "clusterrole", "loads-operator", "--ignore-not-found"], None).ok();
    assert_eq!(cluster_role, "");
    // A right that was granted a moment before is not known everywhere yet: what went well later was allowed.
    let asked = audit.requests();
    let allowed = |verb: &str, resource: &str| {
        asked.iter().any(|r| r.verb == verb && r.resource == resource && r.code < 400)
    };
    let refused: Vec<_> = asked.iter().filter(|r| r.code == 403 && !allowed(&r.verb, &r.resource)).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn alone_the_api_server_accepts_every_object_that_the_chart_can_make() {
    let space = Space::new("dry");
    let crds = chart_program("prometheus").display().to_string();
    kubectl(&["apply", "--server-side", "-f", &crds], None).ok();
    let all = chart().join("ci/all-values.yaml").display().to_string();
    let bare = chart().join("ci/bare-values.yaml").display().to_string();
    // A pod is only looked at when its ServiceAccount is there already.
    space.kubectl(&["create", "serviceaccount", "loads-operator-test"]).ok();
    let here = format!("test.namespace={0},dashboards.namespace={0}", space.name);
    let watch = format!("watchNamespaces={{{}}}", space.name);
    let off_by_default = "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,dashboards.enabled=true";
    let settings: [&[&str]; 4] =
        [&[], &["--values", &bare], &["--set", off_by_default], &["--values", &all, "--set", &watch]];
    for version in ["helm4", "helm3"] {
        let helm = Helm::version(version);
        for arguments in settings {
            let manifests = helm.template(&space.name, &[arguments, &["--set", &here]].concat());
            let apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"];
            let answer = kubectl(&apply, Some(&manifests));
            assert_eq!(answer.code, 0, "{arguments:?}: {}", answer.stderr);
            assert!(!answer.stderr.contains("PodSecurity"), "{arguments:?}: {}", answer.stderr);
            assert!(answer.stdout.contains("deployment.apps/loads-operator"), "{}", answer.stdout);
        }
    }
    kubectl(&["delete", "-f", &crds], None).ok();
}

#[test]
fn roles_for_users_add_to_those_of_kubernetes() {
    let space = Space::new("users");
    for (user, role) in [("viewer", "view"), ("editor", "edit")] {
        let user = format!("--user={user}");
        space.kubectl(&["create", "rolebinding", role, &format!("--clusterrole={role}"), &user]).ok();
    }
    let may_at = |user: &str, verb: &str, part: &str| {
        let (user, part) = (format!("--as={user}"), format!("--subresource={part}"));
        let asked = ["auth", "can-i", verb, "loadtests.loads.dev", user.as_str(), part.as_str()];
        space.kubectl(&asked).stdout.trim() == "yes"
    };
    let may = |user: &str, verb: &str| may_at(user, verb, "");
    slowly("roles are put together", || may("editor", "create").then_some(()));
    for verb in ["get", "list", "watch"] {
        assert!(may("viewer", verb), "viewer {verb}");
    }
    for verb in ["create", "patch", "delete"] {
        assert!(!may("viewer", verb), "viewer {verb}");
        assert!(may("editor", verb), "editor {verb}");
    }
    assert!(may_at("editor", "patch", "scale"));
    assert!(!may_at("editor", "patch", "status"), "the status is the operator's alone");
    let manifest = LoadTest::manifest(
        "by-editor",
        "executor: http\nserverURL: http://x\nhttp: {requests: [{path: /}]}\nhits: 1\nsuspend: true",
    );
    kubectl(&["-n", &space.name, "apply", "--as=editor", "-f", "-"], Some(&manifest)).ok();
}
