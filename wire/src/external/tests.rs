use super::*;
use crate::window::ErrorSource;
use crate::{ErrorKind, Histogram};
use proptest::prelude::*;

fn one(json: &str) -> RunnerMessage<'_> {
    let frame = parse(json.as_bytes()).unwrap();
    assert_eq!((frame.messages.len(), frame.bad), (1, 0), "{json}");
    frame.messages.into_iter().next().unwrap()
}

fn hit_of(json: &str) -> HitMessage<'_> {
    let RunnerMessage::Hit(hit) = one(json) else { panic!("no hit: {json}") };
    hit
}

#[test]
fn a_hit_of_the_original_is_read_to_the_microsecond() {
    let hit = hit_of(
        r#"{"data_type":"add_hit","url":"http://127.0.0.1:9123/a?b=c#d","method":"POST","status":201,
            "started":"2026-11-22T01:50:42.041462","elapsed":0.010723,"loads_status":[1,1,1,0],
            "agent_id":"host-123","hostname":"vm","run_id":"rid"}"#,
    );
    assert_eq!((&*hit.label, &*hit.method, hit.status), ("http://127.0.0.1:9123/a", "POST", 201));
    assert_eq!(hit.elapsed, 10_723_000);
    assert!((hit.started.unwrap() - 1_795_312_242.041_462).abs() < 1e-6);
}

#[test]
fn what_runners_do_in_practice_is_understood() {
    let epoch =
        hit_of(r#"{"data_type":"add_hit","url":"/","status":"200","started":1795312242.5,"elapsed":"0.5"}"#);
    assert_eq!((epoch.started, epoch.status, epoch.elapsed), (Some(1_795_312_242.5), 200, 500_000_000));
    assert_eq!(&*epoch.method, "GET");
    let twice =
        hit_of(r#"{"data_type":"add_hit","url":"/a","url":"/b","status":200.0,"elapsed":1,"started":[]}"#);
    assert_eq!((&*twice.label, twice.started), ("/b", None));
    for status in [r#"["1","2","3","4"]"#, "null", "[null,1]", "{}", "7"] {
        let json =
            format!(r#"{{"data_type":"startTest","test":"t","loads_status":{status},"extra":{{"a":[1]}}}}"#);
        assert_eq!(one(&json), RunnerMessage::TestStarted);
    }
}

#[test]
fn the_run_may_be_left_out() {
    assert_eq!(parse(br#"{"data_type":"stopTest"}"#).unwrap().run_id, None);
    let frame = parse(br#"{"data_type":"stopTest","run_id":"r\u0031"}"#).unwrap();
    assert_eq!(frame.run_id.as_deref(), Some("r1"));
}

#[test]
fn counters_are_understood_both_ways() {
    let counter = RunnerMessage::Counter("my-counter".into());
    assert_eq!(one(r#"{"data_type":"incr_counter","test":"t","name":"my-counter"}"#), counter);
    assert_eq!(one(r#"{"data_type":"my-counter","test":"t (m.C)","loads_status":[1,1,1,0]}"#), counter);
}

#[test]
fn failures_tell_class_message_and_trace() {
    let json = r#"{"data_type":"addFailure","test":"t (m.C)","exc_info":
        ["<type 'exceptions.AssertionError'>","boo","  File ...\n"],"loads_status":[1,1,1,0]}"#;
    let RunnerMessage::Failure(failure) = one(json) else { panic!("no failure") };
    assert_eq!((&*failure.test, &*failure.class, &*failure.message), ("t (m.C)", "AssertionError", "boo"));
    assert_eq!(failure.traceback, "  File ...\n");
    for (info, class, message) in [
        (r#"["JSError","{\"a\":1}",""]"#, "JSError", "{\"a\":1}"),
        (r#"["<class 'ValueError'>"]"#, "ValueError", ""),
        (r#"["builtins.KeyError","'x'",null,4]"#, "KeyError", "'x'"),
        (r#""just text""#, "Exception", "just text"),
        ("null", "Exception", ""),
    ] {
        let json = format!(r#"{{"data_type":"addError","exc_info":{info}}}"#);
        let RunnerMessage::Error(error) = one(&json) else { panic!("no error: {info}") };
        assert_eq!((&*error.class, &*error.message), (class, message), "{info}");
    }
}

#[test]
fn a_batch_is_its_messages_and_bad_ones_are_counted() {
    let frame = parse(
        br#"{"data_type":"batch","agent_id":"a","run_id":"rid","counts":{
            "add_hit":[{"url":"/","status":200,"elapsed":0.1},{"url":"/"}],
            "addSuccess":[{},{}],"socket_message":[{"size":5}],"c":[{"test":"t"}],"nonsense":[{}],"stopTestRun":[{}]}}"#,
    )
    .unwrap();
    assert_eq!(frame.run_id.as_deref(), Some("rid"));
    assert_eq!((frame.messages.len(), frame.bad), (6, 2));
    assert!(frame.messages.contains(&RunnerMessage::SocketMessage(5)));
    assert!(frame.messages.contains(&RunnerMessage::Counter("c".into())));
}

#[test]
fn what_makes_no_sense_says_why() {
    for (json, why) in [
        ("garbage", "not a JSON object"),
        ("[1,2]", "not a JSON object"),
        (r#"{"a":1}"#, "data_type is missing"),
        (r#"{"data_type":"huh"}"#, "\"huh\" is unknown"),
        (r#"{"data_type":"add_hit","status":200,"elapsed":1}"#, "\"url\""),
        (r#"{"data_type":"add_hit","url":"/","status":-1,"elapsed":1}"#, "\"status\""),
        (r#"{"data_type":"add_hit","url":"/","status":200,"elapsed":-1}"#, "\"elapsed\""),
        (r#"{"data_type":"incr_counter","test":"t"}"#, "\"name\""),
        (r#"{"data_type":"loads.step_done"}"#, "\"step\""),
        (r#"{"data_type":"loads.window"}"#, "\"window\""),
    ] {
        let error = parse(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{json}: {error}");
    }
}

#[test]
fn labels_have_no_query_fragment_or_user_info() {
    for (url, wanted) in [
        ("http://u:p@h/a@b?x=@", "http://h/a@b"),
        ("http://h", "http://h"),
        ("http://u@h#f", "http://h"),
        ("/only/path?q", "/only/path"),
        ("", ""),
    ] {
        assert_eq!(label(url.into()), wanted);
        assert_eq!(label(Cow::Owned(url.to_owned())), wanted);
    }
}

#[test]
fn a_window_of_the_python_package_becomes_ours() {
    let json = r#"{"data_type":"loads.window","run_id":"r","agent_id":"a","process":3,"window":{"second":7,"step":1,
        "users":2,"totals":{"sent":3,"hits":2,"failed_after_send":1},"rows":[{"label":"/","method":"GET",
        "status":200,"unexpected":1,"bytes":9,"headersSum":900,"latency":{"sum":5000,"min":2000,"max":3000,
        "buckets":[[2000,1],[3000,1]]}}],"errors":[{"kind":"reset","source":"request","label":"/",
        "message":"m","traceback":"","count":1}],"counters":[["c",4]]}}"#;
    let RunnerMessage::Window { process: 3, window } = one(json) else { panic!("no window") };
    assert_eq!((window.second, window.step, window.users), (7, 1, 2));
    assert_eq!((window.totals.sent, window.totals.hits), (3, 2));
    let mut latency = Histogram::new();
    latency.record(2000);
    latency.record(3000);
    assert_eq!(window.rows[0].latency, latency);
    assert_eq!(
        (window.errors[0].kind.clone(), window.errors[0].source),
        (ErrorKind::Reset, ErrorSource::Request)
    );
    assert_eq!(window.counters, [("c".to_owned(), 4)]);
}

#[test]
fn a_window_with_impossible_counts_is_refused() {
    for part in [
        r#""totals":{"hits":18446744073709551615}"#,
        r#""counters":[["c",18446744073709551615]]"#,
        r#""rows":[{"latency":{"buckets":[[1,18446744073709551615],[2,1]]}}]"#,
        r#""errors":[{"kind":"reset","source":"request","count":18446744073709551615}]"#,
    ] {
        let json = format!(r#"{{"data_type":"loads.window","window":{{{part}}}}}"#);
        assert!(parse(json.as_bytes()).is_err(), "{part}");
    }
}

#[test]
fn python_processes_introduce_themselves_and_end_their_steps() {
    assert_eq!(
        one(r#"{"data_type":"loads.ready","process":2,"pid":9}"#),
        RunnerMessage::Ready { process: 2 }
    );
    let done = RunnerMessage::StepDone { process: 1, step: 4 };
    assert_eq!(one(r#"{"data_type":"loads.step_done","process":1,"step":4}"#), done);
    let failed = one(r#"{"data_type":"loads.failed","kind":"fqn","message":"m","traceback":"t"}"#);
    let wanted = RunnerMessage::Failed { kind: "fqn".into(), message: "m".into(), traceback: "t".into() };
    assert_eq!(failed, wanted);
}

/// JSON that is near to what runners send: right keys with any values.
fn nearly_right() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("[1,\"x\",null]".to_owned()),
        Just("{\"add_hit\":[{}]}".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("JSON has no NaN", |n| n.is_finite()).prop_map(|n| n.to_string()),
        "\\PC{0,20}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    let keys =
        ["url", "method", "status", "started", "elapsed", "size", "exc_info", "counts", "window", "step"];
    let kinds = ["add_hit", "addError", "batch", "loads.window", "loads.step_done", "socket_message", "any"];
    let pair =
        (prop::sample::select(keys.to_vec()), value).prop_map(|(key, value)| format!(",\"{key}\":{value}"));
    (prop::sample::select(kinds.to_vec()), prop::collection::vec(pair, 0..8))
        .prop_map(|(kind, pairs)| format!("{{\"data_type\":\"{kind}\"{}}}", pairs.concat()))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_values_are_read_or_refused_without_panic(json in nearly_right()) {
        let _ = parse(json.as_bytes());
    }

    #[test]
    fn any_url_has_a_label(url in "\\PC{0,40}") {
        prop_assert!(label(url.as_str().into()).len() <= url.len());
    }
}
