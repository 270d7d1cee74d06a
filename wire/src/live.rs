//! What the broker's stream says every second: server-sent events with JSON, for the live page and for programs
//! that follow a run.
//!
//! The first event is whole. Those after it have only the seconds that changed: an hour's run would else be
//! sent once a second.

use serde::{Deserialize, Serialize};

use crate::control::Observed;
use crate::result::SecondResult;

/// Path of the stream on the broker's open port.
pub const STREAM_PATH: &str = "/api/v1/stream";
/// Name of the last event, after which there is nothing to come back for; the others have no name.
pub const LAST_EVENT: &str = "done";

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// Whether the result's seconds are all that are known. If not they go over those of the same number, and
    /// the others stay; everything else is always whole.
    pub whole: bool,
    /// Where the run is.
    #[serde(flatten)]
    pub observed: Observed,
}

impl Live {
    /// What a follower that knows `before` has to be told.
    pub fn since(before: Option<&Observed>, now: &Observed) -> Self {
        let mut observed = now.clone();
        let before = before.filter(|before| !now.done && before.epoch == now.epoch);
        if let Some(before) = before {
            observed.result.seconds = changed(&before.result.seconds, &now.result.seconds);
        }
        Self { whole: before.is_none(), observed }
    }
}

/// Those of `now` that are not the same in `before`; both are in order.
fn changed(before: &[SecondResult], now: &[SecondResult]) -> Vec<SecondResult> {
    let mut before = before.iter().peekable();
    let mut is_new = |second: &&SecondResult| {
        while before.next_if(|known| known.second < second.second).is_some() {}
        before.peek() != Some(second)
    };
    now.iter().filter(|second| is_new(second)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunResult;
    use crate::control::Stage;

    fn observed(seconds: &[(u32, u64)], done: bool) -> Observed {
        let second = |(second, hits): &(u32, u64)| SecondResult {
            second: *second,
            hits: *hits,
            ..SecondResult::default()
        };
        Observed {
            generation: 0,
            epoch: 7,
            stage: Stage::Running,
            step: 0,
            progress_percent: 10,
            connected: 1,
            ready: 1,
            result: RunResult { seconds: seconds.iter().map(second).collect(), ..RunResult::default() },
            done,
        }
    }

    fn said(before: Option<&Observed>, now: &Observed) -> (bool, Vec<u32>) {
        let live = Live::since(before, now);
        (live.whole, live.observed.result.seconds.iter().map(|second| second.second).collect())
    }

    #[test]
    fn a_newcomer_is_told_everything() {
        assert_eq!(said(None, &observed(&[(0, 5), (1, 6)], false)), (true, vec![0, 1]));
    }

    #[test]
    fn later_events_have_the_seconds_that_are_new_or_were_added_to() {
        let before = observed(&[(0, 5), (1, 6), (2, 1)], false);
        let now = observed(&[(0, 5), (1, 9), (2, 1), (3, 4)], false);
        assert_eq!(said(Some(&before), &now), (false, vec![1, 3]));
        assert_eq!(said(Some(&now), &now), (false, vec![]));
    }

    #[test]
    fn seconds_that_the_broker_no_longer_shows_are_not_sent_and_do_not_disturb() {
        let before = observed(&[(0, 5), (1, 6), (2, 1)], false);
        assert_eq!(said(Some(&before), &observed(&[(2, 1), (3, 4)], false)), (false, vec![3]));
    }

    #[test]
    fn the_last_word_and_that_of_another_broker_are_whole() {
        let before = observed(&[(0, 5)], false);
        assert_eq!(said(Some(&before), &observed(&[(0, 5)], true)), (true, vec![0]));
        let other = Observed { epoch: 8, ..before.clone() };
        assert_eq!(said(Some(&before), &other), (true, vec![0]));
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let live = Live::since(None, &observed(&[(3, 1)], false));
        let json = serde_json::to_value(&live).unwrap();
        assert_eq!((&json["whole"], &json["stage"]), (&true.into(), &"Running".into()));
        assert_eq!(json["result"]["seconds"][0]["second"], 3);
        assert_eq!(serde_json::from_value::<Live>(json).unwrap(), live);
    }
}
