//! How processes go: told to by a supervisor, replaced, or killed and followed by a keeper.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Agent, Broker, Manner, Target, config, plan, soon, until};
use loads_agent::agent::{AgentConfig, Outcome};
use loads_agent::clock::unix_now;
use loads_agent::keeper::{Kept, keep};
use loads_agent::spool::{claim, start_epoch};
use loads_wire::message::{Problem, StopMode, ToAgent, ToBroker};
use loads_wire::plan::Length;
use loads_wire::target::Targets;
use loads_wire::{Totals, Window};

const LONG: Length = Length::Seconds(600);

/// An agent in the middle of a long step.
async fn at_work(dir: &Path, target: &Target, grace: Duration) -> (Broker, Agent) {
    let mut broker = Broker::start(dir, plan(target, 2, LONG), Manner::default()).await;
    let agent = Agent::start(dir, |config| config.grace = grace);
    broker.hears(|said| *said == ToBroker::Prepared).await;
    broker.tell(ToAgent::Start { at: unix_now() }).await;
    until(|| target.asked() > 50).await;
    (broker, agent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_to_go_says_so_and_leaves_when_everything_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::from_millis(1)).await;
    let (mut broker, agent) = at_work(dir.path(), &target, AgentConfig::GRACE).await;
    agent.signal.send_replace(Some(StopMode::Drain));
    broker.hears(|said| matches!(said, ToBroker::Done { leaving: true, .. })).await;
    // No bye: the run goes on without it.
    assert_eq!(agent.ended().await, Outcome::Left);
    assert_eq!((broker.totals().hits, broker.totals().unanswered), (target.asked(), 0));
    assert_eq!(soon(keep(config(dir.path()))).await.unwrap(), Kept::Nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_it_goes_when_its_time_is_up_and_its_keeper_delivers_later() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::from_millis(1)).await;
    let (broker, agent) = at_work(dir.path(), &target, Duration::from_secs(4)).await;
    drop(broker);
    agent.signal.send_replace(Some(StopMode::Drain));
    assert_eq!(agent.ended().await, Outcome::BrokerLost);
    let mut broker = Broker::start(dir.path(), plan(&target, 2, LONG), Manner::default()).await;
    let kept = soon(keep(config(dir.path()))).await.unwrap();
    assert_eq!(kept, Kept::Delivered(Outcome::Left));
    broker.hears(|said| matches!(said, ToBroker::Done { leaving: true, .. })).await;
    assert_eq!(broker.totals().hits, target.asked());
}

/// What a killed process left: windows in its spool, and nobody who holds the folder.
fn killed(dir: &Path, epoch: u64) {
    let (_, mut spool) = start_epoch(&dir.join("agent-0"), epoch).unwrap();
    for hits in [3, 4] {
        let totals = Totals { sent: hits, hits, ..Totals::default() };
        spool.append(Window { totals, ..Window::default() }).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keeper_delivers_for_a_killed_process_right_behind_it_and_before_any_successor() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::ZERO).await;
    killed(dir.path(), 7);
    let mut broker = Broker::start(dir.path(), plan(&target, 2, LONG), Manner::default()).await;
    let kept = soon(keep(config(dir.path()))).await.unwrap();
    assert_eq!(kept, Kept::Delivered(Outcome::Left));
    let done = broker.hears(|said| matches!(said, ToBroker::Done { .. })).await;
    assert_eq!(done, ToBroker::Done { last_seq: 0, recovered: vec![(7, 2)], leaving: true });
    assert_eq!(broker.registered.lock().unwrap()[0].0, 8, "its epoch is the next one, not one of now");
    assert_eq!((broker.totals().hits, target.asked()), (7, 0));
    assert_eq!(soon(keep(config(dir.path()))).await.unwrap(), Kept::Nothing, "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keeper_delivers_also_when_a_successor_has_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::ZERO).await;
    killed(dir.path(), 7);
    let manner = Manner { superseded: true, ..Manner::default() };
    let broker = Broker::start(dir.path(), plan(&target, 2, LONG), manner).await;
    let kept = soon(keep(config(dir.path()))).await.unwrap();
    assert_eq!(kept, Kept::Delivered(Outcome::Left));
    assert_eq!(broker.totals().hits, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keeper_leaves_a_living_agent_alone() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path(), 7);
    let _alive = claim(&dir.path().join("agent-0")).unwrap().unwrap();
    let config = AgentConfig { grace: Duration::from_millis(300), ..config(dir.path()) };
    assert_eq!(soon(keep(config)).await.unwrap(), Kept::AgentAlive);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_broker_is_left_and_the_newer_one_gets_everything() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::from_millis(1)).await;
    let newer = Manner { broker_epoch: 5, ..Manner::default() };
    let the_plan = plan(&target, 2, LONG);
    let mut broker = Broker::start(dir.path(), the_plan.clone(), newer.clone()).await;
    let agent = Agent::start(dir.path(), |_| {});
    broker.hears(|said| *said == ToBroker::Prepared).await;
    broker.tell(ToAgent::Start { at: unix_now() }).await;
    until(|| broker.totals().hits > 50).await;
    drop(broker);
    let older = Manner { broker_epoch: 3, ..Manner::default() };
    let mut broker = Broker::start(dir.path(), the_plan.clone(), older).await;
    until(|| broker.registered.lock().unwrap().len() >= 2).await;
    assert!(broker.heard.try_recv().is_err(), "nothing is said to it but who is there");
    drop(broker);
    // The third has an empty store, too.
    let mut broker = Broker::start(dir.path(), the_plan, Manner { broker_epoch: 6, ..newer }).await;
    broker.hears(|said| *said == ToBroker::Prepared).await;
    broker.tell(ToAgent::Stop { stop: StopMode::Drain }).await;
    broker.hears(|said| matches!(said, ToBroker::Done { leaving: false, .. })).await;
    until(|| broker.totals().hits == target.asked()).await;
    broker.tell(ToAgent::Bye).await;
    assert_eq!(agent.ended().await, Outcome::Delivered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_allowed_is_a_failure_of_its_own_and_gets_no_load() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(Duration::ZERO).await;
    let mut the_plan = plan(&target, 2, Length::Hits(5));
    the_plan.targets = Some(Targets { allow: vec!["10.0.0.0/8".to_owned()] });
    let mut broker = Broker::start(dir.path(), the_plan, Manner::default()).await;
    let agent = Agent::start(dir.path(), |_| {});
    let failed = broker.hears(|said| matches!(said, ToBroker::PrepareFailed { .. })).await;
    let ToBroker::PrepareFailed { problem, message } = failed else { panic!("{failed:?}") };
    assert_eq!(problem, Problem::Target);
    assert!(message.contains("serverURL") && message.contains("10.0.0.0/8"), "{message}");
    broker.hears(|said| matches!(said, ToBroker::Done { .. })).await;
    broker.tell(ToAgent::Bye).await;
    let error = soon(agent.life).await.unwrap().unwrap_err();
    assert!(error.is_configuration());
    assert_eq!(target.asked(), 0);
}
