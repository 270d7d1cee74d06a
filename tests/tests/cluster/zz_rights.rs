//! What the operator did with its rights in all the tests before: runs last of those that run alone.

use std::collections::BTreeSet;

use loads_tests::cluster::Audit;

#[test]
fn alone_zz_every_right_was_used_and_nothing_was_forbidden() {
    let asked = Audit::whole().requests();
    let used: BTreeSet<(String, String)> =
        asked.iter().filter(|r| r.code < 400).map(|r| (r.resource.clone(), r.verb.clone())).collect();
    for line in include_str!("operator-rights.txt").lines() {
        let resource = line.split_whitespace().next().unwrap();
        // The API group stands behind the first dot, but for subresources.
        let name = resource.split('.').next().unwrap();
        let sub = resource.split_once('/').map_or(String::new(), |(_, sub)| format!("/{sub}"));
        let verbs = line[line.rfind('[').unwrap() + 1..].trim_end_matches(']');
        for verb in verbs.split_whitespace() {
            let key = (format!("{name}{sub}"), verb.to_owned());
            assert!(used.contains(&key), "the right to {verb} {name}{sub} is never used: {used:?}");
        }
    }
    // A right that was granted a moment before is not known everywhere yet: what went well later was allowed.
    let denied = |r: &&loads_tests::cluster::Request| {
        r.code == 403 && !used.contains(&(r.resource.clone(), r.verb.clone()))
    };
    let forbidden: Vec<_> = asked.iter().filter(denied).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}
