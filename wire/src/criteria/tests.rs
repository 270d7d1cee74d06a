//! The grammar, text by text.

use super::*;

fn parse(text: &str) -> Criterion {
    Criterion::parse(text).unwrap()
}

fn refused(text: &str) -> String {
    Criterion::parse(text).unwrap_err().to_string()
}

#[test]
fn every_part_of_a_criterion_is_read() {
    let criterion = parse("cart is slow: p99.9 of /cart >= 1m30s500ms within 2m, continue as non-failed");
    let expected = Criterion {
        text: criterion.text.clone(),
        subject: Subject::Percentile(99.9),
        label: Some("/cart".into()),
        comparison: Comparison::AtLeast,
        threshold: 90.5,
        frame: Some(Frame::Within(120)),
        stop: false,
        fail: false,
    };
    assert_eq!(criterion, expected);
    let least = parse("hits<100");
    assert_eq!((least.label, least.frame, least.stop, least.fail), (None, None, true, true));
}

#[test]
fn subjects_are_taurus_own() {
    for (text, subject) in [
        ("avg-rt>1", Subject::MeanTime),
        ("avg-lt>1", Subject::MeanHeaders),
        ("stdev-rt>1", Subject::Deviation),
        ("p50>1", Subject::Percentile(50.0)),
        ("p100>1", Subject::Percentile(100.0)),
        ("hits>1", Subject::Hits),
        ("success>1", Subject::Succeeded(Measure::Count)),
        ("succ<99%", Subject::Succeeded(Measure::Share)),
        ("failures>1", Subject::Failed(Measure::Count)),
        ("fail>1%", Subject::Failed(Measure::Share)),
        ("bytes>1", Subject::Bytes),
        ("concurrency>1", Subject::Users),
    ] {
        assert_eq!(parse(text).subject, subject, "{text}");
    }
}

#[test]
fn thresholds_have_the_unit_of_their_subject() {
    for (text, threshold, shown) in [
        ("p95<300ms", 0.3, "300 ms"),
        ("p95<1.5s", 1.5, "1.50 s"),
        ("avg-rt>2s500ms", 2.5, "2.50 s"),
        ("stdev-rt>0.5", 0.5, "500 ms"),
        ("fail>1%", 0.01, "1 %"),
        ("rc404>12.5%", 0.125, "12.5 %"),
        ("hits<100", 100.0, "100"),
        ("bytes>64k", 65_536.0, "65536 B"),
        ("bytes>2MB", 2_097_152.0, "2097152 B"),
    ] {
        let criterion = parse(text);
        assert!((criterion.threshold - threshold).abs() < 1e-12, "{text}: {}", criterion.threshold);
        assert_eq!(criterion.unit().show(criterion.threshold), shown, "{text}");
    }
}

#[test]
fn time_frames_are_whole_seconds() {
    for (text, frame) in [
        ("p95>1s for 10s", Frame::For(10)),
        ("p95>1s for 1m", Frame::For(60)),
        ("p95>1s within 5", Frame::Within(5)),
        ("p95>1s over 10m", Frame::Over(600)),
        ("p95>1s for 24h", Frame::For(86_400)),
    ] {
        assert_eq!(parse(text).frame, Some(frame), "{text}");
    }
}

#[test]
fn a_colon_may_end_a_message_or_be_part_of_a_url() {
    for (text, label) in [
        ("slow: p95>1s", None),
        ("p95: avg-rt of a b>1s", Some("a b")),
        ("p95 of http://shop:80/cart>1s", Some("http://shop:80/cart")),
        ("the cart: p95 of http://shop/cart>1s", Some("http://shop/cart")),
    ] {
        assert_eq!(parse(text).label.as_deref(), label, "{text}");
    }
}

#[test]
fn what_can_not_be_judged_is_refused_with_what_to_write_instead() {
    for (text, says) in [
        ("", "it compares nothing"),
        ("p95", "it compares nothing"),
        ("<300ms", "a subject is missing"),
        ("p95<", "a threshold is missing after `p95`"),
        ("p95<>1s", "one of < <= > >= ="),
        ("p95=>1s", "one of < <= > >= ="),
        ("p101<1s", "`p101` is no subject; use one of avg-rt"),
        ("pinf<1s", "`pinf` is no subject"),
        ("latency<1s", "`latency` is no subject"),
        ("avg-ct<1s", "the time to connect is not measured apart (avg-lt has it in it); use one of avg-rt"),
        ("p95 for cart<1s", "after `p95` only `of LABEL` can follow, not `for cart`"),
        ("p95 of <1s", "only `of LABEL`"),
        ("concurr of cart<5", "users have no label"),
        ("p95<300x", "`300x` is no time: write 300ms"),
        ("p95<1e3", "`1e3` is no time"),
        ("p95<5%", "`p95` has no share"),
        ("hits<5%", "`hits` has no share"),
        ("hits<5s", "`5s` is no number"),
        ("fail>101%", "`101%` is no share"),
        ("fail>2s", "`2s` is no number: write how many, or a share such as 1%"),
        ("bytes>5x", "`5x` is no size"),
        ("rcException>1", "`rcException` is no HTTP status"),
        ("rc***********>1", "is no HTTP status"),
        ("p95<1s for", "after the threshold only"),
        ("p95<1s during 5s", "after the threshold only `for`, `within` or `over` and a time"),
        ("p95<1s for 0", "must be whole seconds, 1s to 86400s"),
        ("p95<1s for 1500ms", "must be whole seconds"),
        ("p95<1s over 11m", "1s to 600s; without a time the whole run is judged"),
        ("p95<1s, halt", "`halt` is no action: write `stop` or `continue`"),
        ("p95<1s, stop as passed", "is no action"),
        ("p95<1s,", "is no action"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(&format!("`{text}`: ")) && error.contains(says), "{error}");
    }
}

#[test]
fn a_limit_reads_the_same_from_both_sides() {
    for (text, good, bad) in [
        ("p95<300ms", 0.2, 0.4),
        ("p95>300ms", 0.2, 0.4),
        ("fail<1%", 0.0, 0.5),
        ("fail>1%", 0.0, 0.5),
        ("rc5xx<=20", 20.0, 21.0),
        ("rc5xx>20", 20.0, 21.0),
        ("succ>=99%", 0.99, 0.9),
        ("succ<99%", 0.99, 0.9),
        ("rc2xx>99%", 1.0, 0.9),
    ] {
        let criterion = parse(text);
        assert!(!criterion.catches(good) && criterion.catches(bad), "{text}");
    }
}

#[test]
fn where_neither_side_is_better_the_comparison_says_when_a_run_fails() {
    for (text, good, bad) in [
        ("hits<100", 100.0, 99.0),
        ("hits>100", 100.0, 101.0),
        ("concurr>5", 5.0, 6.0),
        ("rc304>5", 5.0, 6.0),
        ("rc*<5", 5.0, 4.0),
        ("fail=0", 1.0, 0.0),
    ] {
        let criterion = parse(text);
        assert!(!criterion.catches(good) && criterion.catches(bad), "{text}");
    }
}

#[test]
fn status_patterns_have_wildcards() {
    let covered = |pattern: &str| {
        let Subject::Status(pattern, _) = parse(&format!("rc{pattern}>1")).subject else {
            panic!("{pattern}")
        };
        [200, 204, 404, 503].into_iter().filter(|status| pattern.covers(*status)).collect::<Vec<_>>()
    };
    assert_eq!(covered("404"), [404]);
    assert_eq!(covered("2xx"), [200, 204]);
    assert_eq!(covered("??4"), [204, 404]);
    assert_eq!(covered("5*"), [503]);
    assert_eq!(covered("*"), [200, 204, 404, 503]);
    assert_eq!(covered("20"), Vec::<u16>::new());
}

#[test]
fn a_path_means_the_urls_with_that_path() {
    let criterion = parse("p95 of /cart>1s");
    assert!(criterion.is_of("/cart") && criterion.is_of("http://shop:80/cart"));
    assert!(
        !criterion.is_of("http://shop/cart/1") && !criterion.is_of("cart") && !criterion.is_of("http://shop")
    );
    assert!(parse("p95>1s").is_of("anything"));
}
