use loads_wire::plan::{ExecutorPlan, Length, Step};
use serde_json::json;

use super::*;

fn load_test(spec: serde_json::Value) -> LoadTest {
    LoadTest::new("shop", serde_json::from_value(spec).unwrap())
}

fn steps_of(spec: serde_json::Value) -> Vec<(u32, Length)> {
    let plan = load_test(spec).plan("run-1").unwrap();
    plan.steps.iter().map(|Step { users, length }| (*users, *length)).collect()
}

#[test]
fn every_entry_of_users_is_run_with_every_entry_of_hits_users_outside() {
    assert_eq!(
        steps_of(json!({ "test": "m.C.t", "users": "10:20", "hits": "1:5" })),
        [(10, Length::Hits(1)), (10, Length::Hits(5)), (20, Length::Hits(1)), (20, Length::Hits(5))]
    );
}

#[test]
fn users_10_20_30_with_20_hits_on_two_agents_are_2400_executions() {
    let plan = load_test(json!({ "test": "m.C.t", "users": "10:20:30", "hits": 20, "agents": 2 }))
        .plan("run-1")
        .unwrap();
    assert_eq!(plan.executions_per_agent().unwrap() * u64::from(plan.agents), 2400);
}

#[test]
fn a_duration_makes_one_step_of_each_entry_of_users() {
    assert_eq!(
        steps_of(json!({ "test": "m.C.t", "users": "5:10", "duration": "1m30s" })),
        [(5, Length::Seconds(90)), (10, Length::Seconds(90))]
    );
}

#[test]
fn without_users_hits_and_duration_one_user_makes_one_hit() {
    assert_eq!(steps_of(json!({ "test": "m.C.t" })), [(1, Length::Hits(1))]);
}

#[test]
fn a_rate_allows_ten_thousand_in_flight_unless_users_says_otherwise() {
    assert_eq!(
        steps_of(json!({ "test": "m.C.t", "rate": 500, "duration": 10 })),
        [(USERS_WITH_RATE, Length::Seconds(10))]
    );
    assert_eq!(steps_of(json!({ "test": "m.C.t", "rate": 500, "duration": 10, "users": 3 }))[0].0, 3);
}

#[test]
fn defaults_are_filled_in() {
    let plan = load_test(json!({ "test": "m.C.t", "agents": 4 })).plan("run-1").unwrap();
    assert_eq!((plan.min_agents, plan.ramp_up_seconds, plan.start_timeout_seconds), (4, 0, 300));
    assert_eq!((plan.broker_silence_seconds, plan.drain_seconds), (60, 10));
    assert_eq!(plan.on_agent_loss, wire::OnAgentLoss::Replace);
    assert_eq!(plan.executor, ExecutorPlan::Python(wire::PythonPlan { patching: true, processes: None }));
}

#[test]
fn a_run_that_was_scaled_below_min_agents_starts_with_those_it_has() {
    let plan = load_test(json!({ "test": "m.C.t", "agents": 2, "minAgents": 3 })).plan("run-1").unwrap();
    assert_eq!(plan.min_agents, 2);
}

#[test]
fn an_http_scenario_comes_over_whole() {
    let test = load_test(json!({
        "executor": "http", "serverURL": "http://a",
        "http": { "requests": [{ "path": "/" }, { "method": "POST", "path": "/b", "body": "c", "label": "d", "expectStatus": 201 }], "timeout": "5s" },
    }));
    let plan = test.plan("run-1").unwrap();
    assert_eq!(plan.test, "shop", "where no test is named, the object's name stands for it");
    let ExecutorPlan::Http(http) = plan.executor else { panic!("{:?}", plan.executor) };
    assert_eq!(http.timeout_seconds, 5);
    assert_eq!(http.requests[0].method, "GET");
    assert_eq!(http.requests[1].expect_status, Some(201));
    assert_eq!(http.requests[1].label.as_deref(), Some("d"));
}

#[test]
fn criteria_come_over_as_they_are_written() {
    let criteria = ["slow: p95 of /cart<300ms for 10s, stop as failed", "rc5??>20, continue"];
    let plan = load_test(json!({ "test": "m.C.t", "criteria": criteria })).plan("run-1").unwrap();
    assert_eq!(plan.criteria, criteria);
    let without = load_test(json!({ "test": "m.C.t" })).plan("run-1").unwrap();
    assert!(serde_json::to_value(&without).unwrap().get("criteria").is_none());
}

#[test]
fn what_no_schema_has_seen_is_refused_by_its_field() {
    for (spec, message) in [
        (json!({}), "spec.test: must be set when `executor` is `python`"),
        (json!({ "executor": "http" }), "spec.http: must be set when `executor` is `http`"),
        (
            json!({ "test": "m.C.t", "hits": 1, "duration": 1 }),
            "spec.duration: must set only one of `hits` and `duration`",
        ),
        (json!({ "test": "m.C.t", "users": "10:x" }), "spec.users: `10:x`: must be a positive whole number"),
        (
            json!({ "test": "m.C.t", "criteria": ["hits<1", "avg-ct>1s"] }),
            "spec.criteria[1]: `avg-ct>1s`: the time to connect is not measured apart",
        ),
        (json!({ "test": "m.C.t", "duration": "5x" }), "spec.duration: `5x`: must be whole seconds"),
    ] {
        let error = load_test(spec).plan("run-1").unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
