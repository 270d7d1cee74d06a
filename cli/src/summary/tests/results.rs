//! Runs to summarise.

use std::collections::BTreeMap;

use loads_wire::RunResult;
use loads_wire::result::{
    Agents, CriterionResult, ErrorEntry, LabelResult, Latency, SCHEMA, StepResult, Tests, Verdict, WebSockets,
};

fn latency(mean: f64) -> Latency {
    Latency {
        mean,
        min: mean / 4.0,
        p50: mean * 0.8,
        p90: mean * 2.0,
        p95: mean * 3.0,
        p99: mean * 5.0,
        p999: mean * 8.0,
        p9999: mean * 9.0,
        max: mean * 10.0,
    }
}

fn label(method: &str, label: &str, status: u16, hits: u64, mean: f64) -> LabelResult {
    LabelResult {
        label: label.into(),
        method: method.into(),
        status,
        hits,
        bytes: hits * 100,
        latency_microseconds: latency(mean),
        unexpected: 0,
    }
}

/// The quickstart, more or less.
pub fn passed() -> RunResult {
    RunResult {
        schema: SCHEMA.into(),
        run_id: "run-1".into(),
        test: "example.TestWebSite.test_something".into(),
        executor: "python".into(),
        verdict: Verdict::Passed,
        started_at: "2026-11-22T03:50:07.123456Z".into(),
        duration_seconds: 2.016,
        steps_seconds: 2.0,
        hits: 1000,
        sent: 1000,
        requests_per_second: 499.6,
        latency_microseconds: latency(1234.0),
        web_sockets: WebSockets { opened: 10, closed: 10, bytes_received: 170 },
        tests: Tests { planned: 500, started: 500, success: 500, ..Tests::default() },
        counters: BTreeMap::from([("tarek-was-there".into(), 500)]),
        statuses: BTreeMap::from([("200".into(), 1000)]),
        steps: vec![StepResult { users: 10, hits: 1000, ..StepResult::default() }],
        labels: vec![
            label("GET", "http://127.0.0.1:9000/", 200, 600, 1100.0),
            label("GET", "http://127.0.0.1:9000/auth", 200, 400, 1435.0),
        ],
        agents: Agents { wanted: 1, connected: 1, ready: 1, ..Agents::default() },
        ..RunResult::default()
    }
}

fn error(kind: &str, source: &str, label: &str, message: &str, traceback: &str, count: u64) -> ErrorEntry {
    ErrorEntry {
        kind: kind.into(),
        source: source.into(),
        label: label.into(),
        message: message.into(),
        traceback: traceback.into(),
        count,
    }
}

fn errors() -> Vec<ErrorEntry> {
    let traceback = "Traceback (most recent call last):\n  File \"example.py\", line 9, in test_something\n\t\
                     self.assertEqual(res.status_code, 200)\nAssertionError: 503 != 200\n";
    let deep = (1..=30).map(|n| format!("frame {n}")).collect::<Vec<_>>().join("\n");
    let test = "example.TestWebSite.test_something";
    let mut errors = vec![
        error("other:AssertionError", "testFailure", test, "503 != 200", traceback, 40),
        error("refused", "request", "http://127.0.0.1:9000/", "connection refused (os error 111)", "", 12),
        error("other:RecursionError", "testError", test, "\x1b[31mdeep\x1b[0m", &deep, 5),
    ];
    errors.extend((0..9).map(|n| error("unexpected-status", "request", &format!("/page/{n}"), "503", "", 1)));
    errors
}

fn troubled_steps() -> Vec<StepResult> {
    let step = |step, users, hits, failures| StepResult {
        step,
        users,
        seconds: 10.0,
        hits,
        tests: Tests { started: hits, success: hits - failures, failures, ..Tests::default() },
        latency_microseconds: latency(f64::from(users) * 1000.0),
    };
    vec![step(0, 5, 400, 0), step(1, 10, 600, 40)]
}

fn criteria() -> Vec<CriterionResult> {
    let of = |criterion: &str, measured, threshold, passed, failed_at_second| CriterionResult {
        criterion: criterion.into(),
        passed,
        measured,
        threshold,
        failed_at_second,
    };
    let long =
        "the shoes must come soon: p95 of /catalogue/department/shoes/size/44/colour/black<300ms for 10s";
    vec![
        of("p95<300ms for 3s, stop as failed", Some(0.412), 0.3, false, Some(11)),
        of("fail>1%", Some(0.0567), 0.01, false, None),
        of("hits<1000", Some(1003.0), 1000.0, true, None),
        of(long, None, 0.3, true, None),
    ]
}

/// Everything that can be told at once.
pub fn failed() -> RunResult {
    let long =
        "http://shop.default.svc.cluster.local:8080/catalogue/department/shoes/size/44/colour/black/page";
    let mut labels = vec![
        label("GET", "http://127.0.0.1:9000/", 200, 900, 8500.0),
        LabelResult { unexpected: 60, ..label("POST", long, 503, 60, 1_250_000.0) },
    ];
    labels.extend((0..20).map(|n| label("GET", &format!("http://127.0.0.1:9000/p/{n}"), 200, 2, 75.0)));
    RunResult {
        verdict: Verdict::Failed,
        reasons: vec![
            "40 tests failed and 5 ended with an error".into(),
            "the executions that agent 1 had begun when it was killed are lost, and with them 3 of the 1050 \
             planned executions were not done"
                .into(),
        ],
        duration_seconds: 20.4,
        hits: 1003,
        sent: 1010,
        failed_after_send: 4,
        failed_before_send: 12,
        unanswered: 3,
        undetailed: 3,
        retries: 1,
        tests: Tests {
            planned: 1050,
            started: 1047,
            success: 990,
            errors: 5,
            failures: 40,
            skipped: 7,
            interrupted: 2,
            lost: 3,
        },
        labels,
        errors: errors(),
        criteria: criteria(),
        steps: troubled_steps(),
        labels_folded: 17,
        delayed: 1,
        late: 2,
        bad_messages: 1,
        agents: Agents { wanted: 2, lost: 1, lag_microseconds: 45_000, ..passed().agents },
        ..passed()
    }
}
