//! Bad input is told what, where, why and what to do, before any load is sent.

use loads_tests::run::Folder;
use loads_tests::target::Target;

use super::scenario;

const CASES: &str = r"
from loads.case import TestCase


class TestWebSite(TestCase):

    def test_page(self):
        pass


class Plain:

    def test_page(self):
        pass
";

const HEAD: &str = "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {name: bad}\nspec:\n";

fn refused(load_test: &str, flags: &[&str], codes: &[i32], says: &[&str]) {
    let folder = Folder::new()
        .with("loadtest.yaml", load_test)
        .with("example.py", CASES)
        .with("broken.py", "import nothing_of_this_name\n");
    let target = if load_test.is_empty() { &[][..] } else { &["loadtest.yaml"][..] };
    let done = folder.run(&[target, flags].concat());
    let all = format!("{}{}", done.stdout, done.stderr);
    assert!(done.code.is_some_and(|code| codes.contains(&code)), "exit {:?}\n{all}", done.code);
    for part in says {
        assert!(all.contains(part), "{part:?} is missing in\n{all}");
    }
}

fn spec(lines: &str) -> String {
    lines.lines().fold(HEAD.to_owned(), |text, line| text + "  " + line + "\n")
}

#[test]
fn files_that_are_no_load_test_name_the_place() {
    refused("spec: [\n  - a: {\n", &[], &[2], &["loadtest.yaml:"]);
    refused(
        &spec("test: example.TestWebSite.test_page\nuser: 3"),
        &[],
        &[2],
        &["loadtest.yaml:6", "user", "users"],
    );
    let both = "test: example.TestWebSite.test_page\nhits: 1\nduration: 5";
    refused(&spec(both), &[], &[2], &["hits", "duration"]);
    refused(&spec("test: example.TestWebSite.test_page\nusers: '10:x'"), &[], &[2], &["users", "10:x"]);
    refused(&spec("test: test_page"), &[], &[2], &["spec.test", "module.Class.test_method"]);
    refused(
        &spec("test: example.TestWebSite.test_page\nserverURL: example.com"),
        &[],
        &[2],
        &["serverURL", "example.com", "http"],
    );
}

#[test]
fn what_this_version_does_not_do_is_a_warning() {
    let target = Target::start();
    let observed =
        scenario::http(&target, "/", "observers: [{irc: {server: irc.example, channel: '#load'}}]");
    let done = scenario::folder(&observed).run(&["loadtest.yaml"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(
        done.stderr.contains("warning: This version tells no `observers` of the end."),
        "{}",
        done.stderr
    );
}

#[test]
fn flags_are_checked_like_the_file() {
    refused("", &["example.TestWebSite.test_page", "-u", "10:x"], &[2], &["users", "10:x"]);
    refused(
        "",
        &["example.TestWebSite.test_page", "--hits", "1", "-d", "5"],
        &[2],
        &["--hits", "--duration"],
    );
    refused("", &["test_page"], &[2], &["spec.test", "module.Class.test_method"]);
    refused(
        "",
        &["example.TestWebSite.test_page", "--server-url", "example.com"],
        &[2],
        &["example.com", "http"],
    );
    refused(
        "",
        &["example.TestWebSite.test_page", "--include-file", "*.none"],
        &[2],
        &["*.none", "matches nothing"],
    );
    refused("", &["no-such-file.yaml"], &[2], &["no-such-file.yaml"]);
    let read_only = "/proc/loads-test";
    refused(
        "",
        &["example.TestWebSite.test_page", "--test-dir", read_only],
        &[2],
        &[read_only, "--test-dir"],
    );
}

#[test]
fn tests_that_can_not_be_loaded_say_why() {
    let cases = [
        ("nowhere.TestWebSite.test_page", "nowhere"),
        ("broken.TestWebSite.test_page", "nothing_of_this_name"),
        ("example.Nobody.test_page", "Nobody"),
        ("example.Plain.test_page", "TestCase"),
        ("example.TestWebSite.test_pag", "test_page"),
    ];
    for (test, part) in cases {
        refused("", &[test], &[1], &["could not prepare the test", part]);
    }
}

#[test]
fn a_dependency_that_does_not_exist_is_named() {
    let flags = ["example.TestWebSite.test_page", "--python-dep", "loads-no-such-package-of-ours==9.9"];
    refused("", &flags, &[1], &["loads-no-such-package-of-ours", "--python-dep"]);
}

#[test]
fn a_port_in_use_is_named() {
    let target = Target::start();
    let load_test = scenario::python(&target, "");
    let port = target.url().rsplit_once(':').unwrap().1.to_owned();
    refused(&load_test, &["--demo-server"], &[1], &[&port, "already uses"]);
}
