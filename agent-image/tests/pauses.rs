//! A pause of the load, seen from the target.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Agent, Broker, Manner, Target, plan, until};
use loads_agent::agent::Outcome;
use loads_agent::clock::unix_now;
use loads_wire::message::{ToAgent, ToBroker};
use loads_wire::plan::Length;

/// Waits until nothing is in flight: the agent says so, and the target agrees from one heartbeat to the next.
async fn quiet(broker: &Broker, target: &Target) -> u64 {
    until(|| broker.users.load(Ordering::SeqCst) == 0).await;
    loop {
        let before = target.asked();
        tokio::time::sleep(Duration::from_millis(300)).await;
        if target.asked() == before {
            return before;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hits_step_that_is_paused_twice_does_every_execution_once_and_none_while_paused() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::from_millis(4)).await;
    let mut broker = Broker::start(dir.path(), plan(&target, 4, Length::Hits(1000)), Manner::default()).await;
    let agent = Agent::start(dir.path(), |_| {});
    broker.hears(|said| *said == ToBroker::Prepared).await;
    let start = unix_now();
    broker.tell(ToAgent::Start { at: start }).await;
    for share in [300, 1500] {
        until(|| target.asked() >= share).await;
        until(|| broker.users.load(Ordering::SeqCst) > 0).await;
        broker.tell(ToAgent::Pause).await;
        let asked = quiet(&broker, &target).await;
        assert!((share..4000).contains(&asked), "{asked}");
        let at = unix_now() + 100_000_000;
        broker.tell(ToAgent::Resume { at, paused_nanos: at - start }).await;
    }
    broker.hears(|said| *said == ToBroker::StepDone { step: 0 }).await;
    broker.hears(|said| matches!(said, ToBroker::Done { leaving: false, .. })).await;
    until(|| broker.totals().hits == 4000).await;
    broker.tell(ToAgent::Bye).await;
    assert_eq!(agent.ended().await, Outcome::Delivered);
    let totals = broker.totals();
    assert_eq!((target.asked(), totals.sent, totals.started, totals.success), (4000, 4000, 4000, 4000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duration_step_lasts_longer_by_its_pause() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::from_millis(1)).await;
    let mut broker = Broker::start(dir.path(), plan(&target, 2, Length::Seconds(2)), Manner::default()).await;
    let agent = Agent::start(dir.path(), |_| {});
    broker.hears(|said| *said == ToBroker::Prepared).await;
    let start = unix_now();
    broker.tell(ToAgent::Start { at: start }).await;
    until(|| target.asked() > 10).await;
    broker.tell(ToAgent::Pause).await;
    let paused_at = unix_now();
    let asked = quiet(&broker, &target).await;
    // Past the end that the step would have had without the pause.
    until(|| unix_now() > start + 2_500_000_000).await;
    assert_eq!(target.asked(), asked, "a paused step neither loads nor ends");
    let at = unix_now();
    broker.tell(ToAgent::Resume { at, paused_nanos: at - paused_at }).await;
    until(|| target.asked() > asked + 10).await;
    broker.hears(|said| matches!(said, ToBroker::Done { leaving: false, .. })).await;
    broker.tell(ToAgent::Bye).await;
    agent.ended().await;
    assert_eq!(broker.totals().hits, target.asked());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_paused_run_waits_for_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::ZERO).await;
    let manner = Manner { step: Some(0), paused: true, ..Manner::default() };
    let mut broker = Broker::start(dir.path(), plan(&target, 2, Length::Hits(50)), manner).await;
    let agent = Agent::start(dir.path(), |_| {});
    broker.hears(|said| *said == ToBroker::Prepared).await;
    broker.tell(ToAgent::Start { at: unix_now() }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(target.asked(), 0);
    broker.tell(ToAgent::Resume { at: unix_now(), paused_nanos: 300_000_000 }).await;
    broker.hears(|said| matches!(said, ToBroker::Done { .. })).await;
    broker.tell(ToAgent::Bye).await;
    agent.ended().await;
    assert_eq!((target.asked(), broker.totals().hits), (100, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_start_there_is_nothing_to_pause() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::ZERO).await;
    let manner = Manner { paused: true, ..Manner::default() };
    let mut broker = Broker::start(dir.path(), plan(&target, 2, Length::Hits(50)), manner).await;
    let agent = Agent::start(dir.path(), |_| {});
    broker.hears(|said| *said == ToBroker::Prepared).await;
    broker.tell(ToAgent::Pause).await;
    broker.tell(ToAgent::Start { at: unix_now() }).await;
    broker.hears(|said| matches!(said, ToBroker::Done { .. })).await;
    broker.tell(ToAgent::Bye).await;
    agent.ended().await;
    assert_eq!(target.asked(), 100);
}
