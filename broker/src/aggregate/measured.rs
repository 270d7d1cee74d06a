//! What metrics tell besides the result: whole distributions, and the last seconds by themselves.

use loads_wire::Histogram;

use super::labels::{Hits, Times};
use super::{Aggregate, RunFacts};

/// The quantiles that metrics tell.
pub const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];
/// Seconds of the quantiles of the recent past.
pub const LAST_SECONDS: u32 = 10;
/// What the newest windows need to get here after their second.
const UNDER_WAY: u32 = 1;

/// For metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// By label, method and status.
    pub hits: Vec<Hits>,
    /// By label.
    pub times: Vec<Times>,
    /// [`QUANTILES`] of the run, in seconds; none before the first hit.
    pub run: Option<Vec<f64>>,
    /// [`QUANTILES`] of the last whole seconds, in seconds; none when nothing was hit in them.
    pub last: Option<Vec<f64>>,
    /// Users in the newest whole second.
    pub users: u32,
    /// Labels without series of their own.
    pub labels_folded: u64,
}

impl Aggregate {
    /// Figures by latency bounds `edges` (nanoseconds, ascending).
    pub fn measured(&self, facts: &RunFacts, edges: &[u64]) -> Measured {
        let (hits, times) = self.labels.measured(edges);
        let whole = whole_seconds(facts);
        let last = whole.map(|end| self.seconds.latency(end.saturating_sub(LAST_SECONDS)..end));
        let newest = whole.and_then(|end| end.checked_sub(1));
        Measured {
            hits,
            times,
            run: told(&self.latency()),
            last: last.as_ref().and_then(told),
            users: newest.map_or(0, |second| self.seconds.users(second)),
            labels_folded: self.labels.without_series(),
        }
    }
}

/// How many seconds since T are over and told by all agents; none while there is no load.
fn whole_seconds(facts: &RunFacts) -> Option<u32> {
    let start = facts.started_at.filter(|_| facts.ended_at.is_none())?;
    let elapsed = facts.now.checked_sub(start)? / 1_000_000_000;
    u32::try_from(elapsed).ok()?.checked_sub(UNDER_WAY)
}

fn told(latency: &Histogram) -> Option<Vec<f64>> {
    (latency.count() > 0).then(|| quantiles(latency))
}

/// [`QUANTILES`] in seconds.
pub fn quantiles(latency: &Histogram) -> Vec<f64> {
    QUANTILES.iter().map(|q| latency.quantile(*q) as f64 / 1e9).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::{Row, Window};

    const SECOND: u64 = 1_000_000_000;

    fn run(seconds: u32) -> Aggregate {
        let mut aggregate = Aggregate::default();
        for second in 0..seconds {
            let mut row = Row { label: "/".into(), method: "GET".into(), status: 200, ..Row::default() };
            row.latency.record(u64::from(second + 1) * 1_000_000);
            aggregate.add(0, 1, &Window { second, rows: vec![row], users: second, ..Window::default() });
        }
        aggregate
    }

    #[test]
    fn the_last_seconds_leave_out_the_one_that_is_not_whole() {
        let facts = RunFacts { started_at: Some(SECOND), now: 31 * SECOND + 5, ..RunFacts::default() };
        let measured = run(30).measured(&facts, &[5_000_000]);
        let (all, last) = (measured.run.unwrap(), measured.last.unwrap());
        assert!((0.015..0.01502).contains(&all[0]), "{all:?}");
        // Seconds 19 to 28 took 20 to 29 ms.
        assert!((0.024..0.02403).contains(&last[0]), "{last:?}");
        assert_eq!(measured.users, 28);
        assert_eq!(measured.times[0].distribution.buckets, [(0.005, 4)]);
    }

    #[test]
    fn after_the_end_there_are_no_last_seconds() {
        let facts = RunFacts { started_at: Some(0), ended_at: Some(SECOND), ..RunFacts::default() };
        let measured = run(30).measured(&facts, &[]);
        assert_eq!((measured.last, measured.users), (None, 0));
        assert!(measured.run.is_some());
    }
}
