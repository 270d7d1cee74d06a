use super::*;

/// A run whose seconds have this median latency, with noise that looks random and always is the same.
fn run(seconds: u32, latency: f64, noise: f64, salt: u32) -> RunResult {
    let wobble = |second: u32| {
        let bits = (second + salt).wrapping_mul(2_654_435_761) >> 16;
        1.0 + noise * (f64::from(bits % 1000) / 500.0 - 1.0)
    };
    let of = |second| {
        let p50 = latency * wobble(second);
        let hits = (1e9 / p50) as u64;
        SecondResult { second, hits, p50, p95: p50 * 1.5, p99: p50 * 2.0, ..SecondResult::default() }
    };
    let seconds: Vec<_> = (0..seconds).map(of).collect();
    RunResult { hits: seconds.iter().map(|s| s.hits).sum(), seconds, ..RunResult::default() }
}

fn worse(before: &RunResult, after: &RunResult) -> Vec<&'static str> {
    let all = judge(before, after, 0.1).unwrap();
    all.iter().filter(|c| c.finding == Finding::Worse).map(|c| c.figure).collect()
}

#[test]
fn twenty_percent_slower_is_named_in_every_figure_that_shows_it() {
    let named = worse(&run(20, 1000.0, 0.08, 0), &run(20, 1200.0, 0.08, 77));
    assert_eq!(named, ["requests per second", "median response time", "95th percentile", "99th percentile"]);
}

#[test]
fn noise_is_not_named_whatever_its_seed() {
    for salt in 0..200 {
        let named = worse(&run(20, 1000.0, 0.3, salt), &run(20, 1000.0, 0.3, salt + 5000));
        assert!(named.is_empty(), "salt {salt}: {named:?}");
    }
}

#[test]
fn a_small_change_is_within_the_tolerance_however_sure_it_is() {
    assert!(worse(&run(600, 1000.0, 0.02, 0), &run(600, 1050.0, 0.02, 9)).is_empty());
}

#[test]
fn a_faster_second_run_is_better_and_not_worse() {
    let all = judge(&run(20, 1200.0, 0.05, 0), &run(20, 1000.0, 0.05, 3), 0.1).unwrap();
    assert!(all[..4].iter().all(|c| c.finding == Finding::Better), "{all:?}");
}

#[test]
fn a_run_of_few_seconds_is_refused_with_how_many_it_has() {
    let refused = judge(&run(20, 1000.0, 0.1, 0), &run(6, 1000.0, 0.1, 0), 0.1).unwrap_err();
    assert_eq!(refused, Error::TooShort { run: "second", seconds: 4 });
}

#[test]
fn a_report_whose_seconds_were_summed_up_is_compared_by_the_same_groups() {
    let fine = run(100, 1000.0, 0.05, 0);
    let mut coarse = run(100, 1000.0, 0.05, 40);
    coarse.seconds = SecondResult::fold(&coarse.seconds, 5);
    let rates = &judge(&fine, &coarse, 0.1).unwrap()[0];
    assert!(rates.change.unwrap().abs() < 0.05, "{rates:?}");
    assert_eq!(rates.finding, Finding::Same);
}

#[test]
fn errors_that_multiply_are_worse_and_a_few_among_thousands_are_not() {
    let clean = run(20, 1000.0, 0.05, 0);
    let with = |errors: u64| {
        let mut result = clean.clone();
        result.request_errors.insert("reset".into(), errors);
        result
    };
    assert!(worse(&clean, &with(clean.hits / 50)).contains(&"error share"));
    assert!(!worse(&clean, &with(clean.hits / 5000)).contains(&"error share"));
}
