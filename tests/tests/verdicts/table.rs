//! The cases of cases.yaml, and the changes of every frozen field.

use loads_api::LoadTest;
use serde::Deserialize;
use serde_json::{Value, json};

/// A LoadTest and what is said to it.
#[derive(Deserialize)]
pub struct Case {
    #[serde(rename = "case")]
    pub title: String,
    #[serde(default = "shop")]
    name: String,
    spec: Value,
    pub says: Vec<String>,
    /// What only the server says: the same fault again, as its other readers of the field see it.
    #[serde(default)]
    again: Vec<String>,
}

fn shop() -> String {
    "shop".to_owned()
}

impl Case {
    pub fn object(&self) -> Value {
        let mut object = json!({
            "apiVersion": "loads.dev/v1alpha1",
            "kind": "LoadTest",
            "metadata": { "name": self.name },
            "spec": self.spec,
        });
        repeat(&mut object);
        object
    }

    /// What `loads lint` says, sorted.
    pub fn linted(&self) -> Vec<String> {
        let mut says = self.says.clone();
        says.sort();
        says
    }

    /// What the API server says, sorted.
    pub fn served(&self) -> Vec<String> {
        let mut says = [self.says.clone(), self.again.clone()].concat();
        says.sort();
        says
    }
}

/// `{x*3}` in a text is `xxx`.
fn repeat(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(repeat),
        Value::Array(items) => items.iter_mut().for_each(repeat),
        Value::String(text) => {
            if let Some((before, (count, after))) =
                text.split_once("{x*").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
            {
                *text = format!("{before}{}{after}", "x".repeat(count.parse().unwrap()));
            }
        }
        _ => {}
    }
}

pub fn cases() -> Vec<Case> {
    serde_yaml::from_str(include_str!("cases.yaml")).unwrap()
}

/// A change of a LoadTest whose run has begun.
pub struct Change {
    pub what: String,
    pub old: LoadTest,
    pub new: LoadTest,
    /// The field that is at fault, if any.
    pub frozen: Option<String>,
}

/// Two values of each frozen field; a spec that they fit into comes from `beside`.
fn values(field: &str) -> [Value; 2] {
    match field {
        "test" => [json!("m.C.a"), json!("m.C.b")],
        "executor" => [json!("python"), json!("external")],
        "python" => [json!({ "patching": false }), json!({ "processes": 2 })],
        "http" => [json!({ "requests": [{ "path": "/" }] }), json!({ "requests": [{ "path": "/a" }] })],
        "external" => [json!({ "command": ["a"] }), json!({ "command": ["b"] })],
        "serverURL" => [json!("http://a"), json!("http://b")],
        "users" | "hits" => [json!(2), json!("2:3")],
        "duration" | "startTimeout" | "brokerSilence" => [json!("3m"), json!(181)],
        "rampUp" | "drainTimeout" => [json!(1), json!("2s")],
        "rate" => [json!(100), json!(200)],
        "minAgents" => [json!(1), json!(2)],
        "bundle" => [json!({ "testDir": "a" }), json!({ "files": { "a.py": "b" } })],
        "criteria" => [json!(["hits>1"]), json!(["hits>2"])],
        "observers" => [json!([{ "python": "a.B" }]), json!([{ "python": "a.C" }])],
        "outputs" => [json!([{ "format": "csv" }]), json!([{ "format": "json" }])],
        "onAgentLoss" => [json!("Fail"), json!("Continue")],
        "agentTemplate" | "brokerTemplate" => [json!({ "image": "a" }), json!({ "labels": { "a": "b" } })],
        other => panic!("no values for {other}"),
    }
}

/// What a spec needs besides a field of this value to be taken.
fn beside(field: &str, value: Option<&Value>) -> Value {
    let external = json!({ "executor": "external", "external": { "command": ["a"] } });
    match (field, value) {
        ("test", _) => external,
        ("executor", Some(executor)) if executor == "external" => external,
        ("http", Some(_)) => json!({ "executor": "http", "serverURL": "http://a" }),
        ("external", Some(_)) => json!({ "executor": "external" }),
        ("rate", _) => json!({ "test": "m.C.a", "duration": "1h" }),
        ("minAgents", _) => json!({ "test": "m.C.a", "agents": 5 }),
        _ => json!({ "test": "m.C.a" }),
    }
}

fn load_test(mut spec: Value, field: &str, value: Option<&Value>) -> LoadTest {
    match value {
        Some(value) => spec[field] = value.clone(),
        None => {
            spec.as_object_mut().unwrap().remove(field);
        }
    }
    let metadata = json!({ "name": "shop" });
    let mut test: LoadTest = serde_json::from_value(
        json!({ "apiVersion": "loads.dev/v1alpha1", "kind": "LoadTest", "metadata": metadata, "spec": spec }),
    )
    .unwrap();
    test.status = Some(serde_json::from_value(json!({ "runId": "run-1" })).unwrap());
    test
}

/// Each frozen field changed, added and removed.
pub fn frozen() -> Vec<Change> {
    let fields = loads_api::rules::FROZEN;
    fields.iter().flat_map(|field| frozen_field(field)).collect()
}

fn frozen_field(field: &str) -> [Change; 3] {
    let [a, b] = values(field);
    let change = |what: &str, old: Option<&Value>, new: Option<&Value>| Change {
        what: format!("{what} {field}"),
        old: load_test(beside(field, old), field, old),
        new: load_test(beside(field, new), field, new),
        frozen: Some(format!("spec.{field}")),
    };
    [
        change("change", Some(&a), Some(&b)),
        change("add", None, Some(&b)),
        // Back to the default, where there is one: `a` may be it.
        change("remove", Some(&b), None),
    ]
}

/// Changes while the run goes on that are taken, and those of `agents` that are not.
pub fn live() -> Vec<Change> {
    let change = |what: &str, spec: Value, field: &str, value: Value, frozen: Option<&str>| Change {
        what: what.to_owned(),
        old: load_test(spec.clone(), "-", None),
        new: load_test(spec, field, Some(&value)),
        frozen: frozen.map(str::to_owned),
    };
    let timed = || json!({ "test": "m.C.a", "agents": 3, "duration": "5m", "minAgents": 3 });
    let one_step = || json!({ "test": "m.C.a", "agents": 3, "hits": 5 });
    let with_rate = || json!({ "test": "m.C.a", "agents": 3, "duration": "5m", "rate": 10 });
    vec![
        change("suspend", one_step(), "suspend", json!(true), None),
        change("stop", one_step(), "stop", json!(true), None),
        change("keep for longer", one_step(), "ttlSecondsAfterFinished", json!(9), None),
        change("scale by time, even below minAgents", timed(), "agents", json!(1), None),
        change("scale in steps", json!({ "test": "m.C.a", "hits": "1:2" }), "agents", json!(4), None),
        change("scale one step of hits", one_step(), "agents", json!(4), Some("spec.agents")),
        change("scale a run with a rate", with_rate(), "agents", json!(4), Some("spec.agents")),
        change("scale one hit", json!({ "test": "m.C.a" }), "agents", json!(4), Some("spec.agents")),
    ]
}
