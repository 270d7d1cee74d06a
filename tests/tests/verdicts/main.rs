//! One verdict, whoever gives it: `loads lint` without a cluster, and a real API server with the CRD.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as the tests do")]

mod server;
mod table;

use std::collections::BTreeSet;

use loads_api::{crd, lint};
use serde_json::Value;
use table::{Change, cases, frozen, live};

fn messages(problems: Vec<lint::Problem>) -> Vec<String> {
    let mut messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
    messages.sort();
    messages
}

fn linted(object: &Value) -> Vec<String> {
    messages(lint::lint("test.yaml", &serde_yaml::to_string(object).unwrap()))
}

fn changed(Change { old, new, .. }: &Change) -> Vec<String> {
    messages(lint::check_change("test.yaml", old, new))
}

#[test]
fn lint_says_what_the_table_says() {
    for case in cases() {
        assert_eq!(linted(&case.object()), case.linted(), "{}", case.title);
    }
}

#[test]
fn every_rule_of_the_schema_is_broken_by_some_case() {
    let mut said: BTreeSet<_> = cases().into_iter().flat_map(|case| case.says).collect();
    said.extend(frozen().iter().chain(&live()).flat_map(changed));
    let mut rules = Vec::new();
    collect(crd::schema().unwrap(), &mut rules);
    assert!(rules.len() > 40);
    for message in rules {
        assert!(said.iter().any(|said| said.ends_with(&message)), "no case breaks the rule: {message}");
    }
}

fn collect(node: &Value, messages: &mut Vec<String>) {
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        messages.push(rule["message"].as_str().unwrap().to_owned());
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|child| collect(child, messages)),
        Value::Array(items) => items.iter().for_each(|child| collect(child, messages)),
        _ => {}
    }
}

#[test]
fn a_run_keeps_the_spec_it_began_with() {
    for change in frozen().iter().chain(&live()) {
        let faults: Vec<_> =
            changed(change).iter().map(|said| said.split(": ").next().unwrap().to_owned()).collect();
        match &change.frozen {
            Some(field) => assert!(faults.contains(field), "{}: {faults:?}", change.what),
            None => assert_eq!(faults, Vec::<String>::new(), "{}", change.what),
        }
    }
}

#[test]
fn before_its_run_a_spec_can_be_mended() {
    for mut change in frozen() {
        change.old.status = None;
        change.new.status = None;
        let frozen = change.frozen.clone().unwrap();
        assert!(!changed(&change).iter().any(|said| said.contains("once the run has begun")), "{frozen}");
    }
}

#[tokio::test]
#[ignore = "needs etcd and kube-apiserver, which tests/cluster/control-plane builds with Go: minutes at first"]
async fn the_api_server_says_the_same() {
    let server = server::Server::start().await;
    server.establish(&crd::definition().unwrap()).await;
    server.gives_a_minimal_load_test_its_defaults_and_conditions().await;
    let mut differences = Vec::new();
    for case in cases() {
        let (said, expected) = (server.create(&case.object()).await, case.served());
        if said != expected {
            differences.push(format!("{}: {said:#?} and not {expected:#?}", case.title));
        }
    }
    for change in frozen().iter().chain(&live()) {
        let (said, expected) = (server.change(change).await, changed(change));
        if said != expected {
            differences.push(format!("{}: {said:#?} and not {expected:#?}", change.what));
        }
    }
    assert!(differences.is_empty(), "the API server says otherwise:\n{}", differences.join("\n"));
}
