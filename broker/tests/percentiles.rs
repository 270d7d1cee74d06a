//! Percentiles of ten million known values, counted by eight agents in windows that travelled as bytes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use loads_broker::aggregate::{Aggregate, Detail, RunFacts};
use loads_wire::message::{Envelope, ToBroker};
use loads_wire::plan::{ExecutorPlan, Length, OnAgentLoss, Plan, PythonPlan, Step};
use loads_wire::result::Latency;
use loads_wire::{Row, Window};

const VALUES: usize = 10_000_000;
const AGENTS: usize = 8;
const SECONDS: usize = 10;
/// 2 µs and 100 s, in nanoseconds.
const RANGE: (f64, f64) = (2e3, 1e11);

/// A small generator of our own: the values are known, the same in every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let (u, v) = (self.unit().max(f64::MIN_POSITIVE), self.unit());
        median * (sigma * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()).exp()
    }
}

fn plan() -> Plan {
    Plan {
        run_id: "r1".into(),
        test: "t".into(),
        executor: ExecutorPlan::Python(PythonPlan { patching: true, processes: None }),
        server_url: None,
        agents: AGENTS as u32,
        min_agents: AGENTS as u32,
        steps: vec![Step { users: 1, length: Length::Seconds(10) }],
        rate: None,
        ramp_up_seconds: 0,
        start_timeout_seconds: 1,
        broker_silence_seconds: 60,
        drain_seconds: 1,
        on_agent_loss: OnAgentLoss::Fail,
        test_dir: None,
        python_deps: Vec::new(),
        bundle_digest: None,
        targets: None,
        criteria: Vec::new(),
    }
}

/// What the broker says of values that agents counted.
fn merged(values: &[u64]) -> Latency {
    let mut aggregate = Aggregate::default();
    for (part, chunk) in values.chunks(VALUES / (AGENTS * SECONDS)).enumerate() {
        let mut row =
            Row { label: format!("/{}", part % 3), method: "GET".into(), status: 200, ..Row::default() };
        for value in chunk {
            row.latency.record(*value);
        }
        let (index, seq) = ((part % AGENTS) as u32, (part / AGENTS) as u64 + 1);
        let mut window = Window { seq, second: seq as u32, rows: vec![row], ..Window::default() };
        window.totals.hits = chunk.len() as u64;
        let sent = Envelope::new("r1", index, 1, ToBroker::Windows { epoch: 1, windows: vec![window] });
        let heard = Envelope::<ToBroker>::decode(&sent.encode().unwrap(), "r1").unwrap();
        let ToBroker::Windows { windows, .. } = heard.body else { unreachable!("windows were sent") };
        aggregate.add(index, 1, &windows[0]);
    }
    let result = aggregate.result(&plan(), &RunFacts::default(), Detail::Full);
    assert_eq!(result.hits, values.len() as u64);
    result.latency_microseconds
}

fn check(shape: &str, mut next: impl FnMut(&mut Random) -> f64) {
    let mut random = Random(20);
    let values: Vec<u64> = (0..VALUES).map(|_| next(&mut random).clamp(RANGE.0, RANGE.1) as u64).collect();
    let merged = merged(&values);
    let mut sorted = values;
    sorted.sort_unstable();
    let percentiles = [
        (0.5, merged.p50),
        (0.9, merged.p90),
        (0.95, merged.p95),
        (0.99, merged.p99),
        (0.999, merged.p999),
        (0.9999, merged.p9999),
    ];
    for (q, ours) in percentiles {
        let exact = sorted[(q * VALUES as f64).ceil() as usize - 1] as f64 / 1e3;
        let off = (ours - exact).abs() / exact;
        println!(
            "{shape} p{}: exact {exact:.3} us, merged {ours:.3} us, off {:.4} %",
            q * 100.0,
            off * 100.0
        );
        assert!(off <= 0.001, "{shape} p{}: exact {exact}, merged {ours}", q * 100.0);
    }
    let mean = sorted.iter().map(|v| u128::from(*v)).sum::<u128>() as f64 / VALUES as f64 / 1e3;
    assert!((merged.mean - mean).abs() <= mean * 1e-12, "the mean is exact");
    assert!((merged.max - sorted[VALUES - 1] as f64 / 1e3).abs() < f64::EPSILON * merged.max);
}

#[test]
fn a_uniform_distribution_keeps_its_percentiles() {
    check("uniform", |random| RANGE.0 + random.unit() * (RANGE.1 - RANGE.0));
}

#[test]
fn a_log_normal_distribution_keeps_its_percentiles() {
    check("log-normal", |random| random.log_normal(2e6, 2.0));
}

#[test]
fn a_distribution_with_two_peaks_keeps_its_percentiles() {
    check("bimodal", |random| {
        let slow = random.unit() < 0.03;
        if slow { random.log_normal(5e9, 0.4) } else { random.log_normal(8e4, 0.2) }
    });
}
