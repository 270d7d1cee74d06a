//! Processes that are told to go before their share is done.

use super::*;

/// The aggregate after agent 1 began `started` executions, all windows of its first process committed.
fn begun(started: u64) -> (Aggregate, Dedupe) {
    let mut window = loads_wire::Window::default();
    (window.totals.started, window.totals.success) = (started, started);
    let (mut aggregate, mut committed) = (Aggregate::default(), Dedupe::default());
    aggregate.add(1, 1, &window);
    committed.raise(1, 1, 3);
    (aggregate, committed)
}

fn with(policy: OnAgentLoss, steps: &[Length]) -> Roster {
    let mut plan = plan(steps);
    plan.on_agent_loss = policy;
    running(plan)
}

/// Agent 1 says at 2 s that it leaves, and everything of it is committed.
fn leaves(roster: &mut Roster, started: u64) -> Vec<Order> {
    roster.agent_done(2 * SECOND, 1, 1, 3, &[], true).unwrap();
    let (aggregate, committed) = begun(started);
    roster.committed(2 * SECOND, &committed, &aggregate)
}

#[test]
fn its_place_is_free_for_a_process_that_does_the_rest() {
    let mut roster = with(OnAgentLoss::Replace, &[Length::Hits(2), Length::Hits(2)]);
    assert_eq!(told(&leaves(&mut roster, 15)), [(1, &ToAgent::Bye)], "only the one that leaves");
    assert!(result_note(&roster).contains("was lost 1.9 s after the start (it was told to leave (SIGTERM))"));
    assert!(!roster.is_over() && roster.step_done(3 * SECOND, 0, 1, 0).unwrap().is_empty(), "it is awaited");
    let known = Known { committed: vec![(1, 3)], started: vec![15, 0] };
    let orders = roster.register(12 * SECOND, 1, 2, &hello(AgentState::Preparing), known).unwrap();
    let ToAgent::Welcome { remaining, .. } = &orders[1].message else { panic!("{orders:?}") };
    assert_eq!(remaining.as_slice(), [5, 20]);
    roster.prepared(12 * SECOND, 1, 2).unwrap();
    assert_eq!(told(&roster.step_done(13 * SECOND, 1, 2, 0).unwrap()).len(), 2, "the barrier opens");
    let facts = roster.facts(0, &Aggregate::default(), false);
    assert_eq!((facts.agents.lost, facts.planned), (1, vec![40, 40]));
    assert_eq!(facts.notes.iter().filter(|note| note.contains("lost")).count(), 1);
}

#[test]
fn without_replacement_the_plan_shrinks_or_the_run_ends() {
    let mut roster = with(OnAgentLoss::Continue, &[Length::Hits(4)]);
    assert_eq!(told(&leaves(&mut roster, 7)), [(1, &ToAgent::Bye)]);
    assert_eq!(roster.facts(SECOND, &begun(7).0, false).planned, [47]);
    let mut roster = with(OnAgentLoss::Fail, &[Length::Hits(4)]);
    let drain = ToAgent::Stop { stop: StopMode::Drain };
    assert_eq!(told(&leaves(&mut roster, 7)), [(1, &ToAgent::Bye), (0, &drain)]);
    let failed = roster.facts(SECOND, &begun(7).0, false).failed.unwrap();
    assert_eq!(failed.reason, loads_wire::result::reason::AGENT_LOST);
}

#[test]
fn one_whose_share_is_done_is_not_lost_under_any_policy() {
    for policy in [OnAgentLoss::Replace, OnAgentLoss::Continue, OnAgentLoss::Fail] {
        let mut roster = with(policy, &[Length::Hits(4)]);
        assert_eq!(told(&leaves(&mut roster, 40)), [(1, &ToAgent::Bye)], "all was begun");
        let mut timed = with(policy, &[Length::Seconds(1)]);
        timed.step_done(2 * SECOND, 1, 1, 0).unwrap();
        assert_eq!(told(&leaves(&mut timed, 0)), [(1, &ToAgent::Bye)], "all steps are done");
        for mut roster in [roster, timed] {
            assert_eq!((result_note(&roster).as_str(), roster.run.failed.clone()), ("", None));
            roster.step_done(3 * SECOND, 0, 1, 0).unwrap();
            assert!(roster.run.load_ended.is_some(), "nobody waits for it");
            // Its pod comes back all the same: it has nothing to do, and nobody was lost.
            let again = roster.register(9 * SECOND, 1, 2, &hello(AgentState::Preparing), Known::default());
            assert_eq!(told(&again.unwrap())[1], (1, &ToAgent::Stop { stop: StopMode::Drain }));
            assert_eq!(roster.facts(0, &Aggregate::default(), false).agents.lost, 0);
        }
    }
}

#[test]
fn it_is_judged_only_when_its_last_window_is_committed() {
    let mut roster = with(OnAgentLoss::Replace, &[Length::Hits(4)]);
    roster.heartbeat(SECOND, 1, 1, &beat(AgentState::Draining)).unwrap();
    roster.agent_done(2 * SECOND, 1, 1, 3, &[(0, 2)], true).unwrap();
    assert!(roster.step_done(2 * SECOND, 0, 1, 0).unwrap().is_empty());
    assert!(roster.run.load_ended.is_none(), "draining is not being done");
    let (aggregate, mut committed) = begun(7);
    assert!(roster.committed(2 * SECOND, &committed, &aggregate).is_empty(), "windows of epoch 0 are late");
    assert_eq!(result_note(&roster), "");
    committed.raise(1, 0, 2);
    assert_eq!(told(&roster.committed(3 * SECOND, &committed, &aggregate)), [(1, &ToAgent::Bye)]);
    assert!(roster.committed(3 * SECOND, &committed, &aggregate).is_empty(), "once");
    for bye in [
        roster.heartbeat(4 * SECOND, 1, 1, &beat(AgentState::Draining)).unwrap(),
        roster.agent_done(4 * SECOND, 1, 1, 3, &[(0, 2)], true).unwrap(),
        register(&mut roster, 4 * SECOND, 1, 1),
    ] {
        assert_eq!(told(&bye), [(1, &ToAgent::Bye)], "it asks until it hears it");
    }
}

#[test]
fn one_that_never_delivers_is_lost_by_its_silence_once() {
    let mut roster = with(OnAgentLoss::Replace, &[Length::Hits(4)]);
    roster.agent_done(2 * SECOND, 1, 1, 3, &[], true).unwrap();
    live(&mut roster, 2 * SECOND, 15 * SECOND, &[0]);
    assert!(result_note(&roster).contains("no heartbeat"));
    let (aggregate, committed) = begun(7);
    roster.committed(16 * SECOND, &committed, &aggregate);
    assert_eq!(roster.facts(0, &aggregate, false).agents.lost, 1);
}

#[test]
fn who_only_brings_what_a_killed_process_left_is_no_second_loss() {
    for (policy, over) in [(OnAgentLoss::Replace, false), (OnAgentLoss::Continue, true)] {
        let mut roster = with(policy, &[Length::Hits(4)]);
        roster.agent_lost(SECOND, 1, "killed by signal 9");
        roster.register(2 * SECOND, 1, 2, &hello(AgentState::Preparing), Known::default()).unwrap();
        roster.agent_done(2 * SECOND, 1, 2, 0, &[(1, 3)], true).unwrap();
        let (aggregate, committed) = begun(7);
        assert_eq!(told(&roster.committed(2 * SECOND, &committed, &aggregate)), [(1, &ToAgent::Bye)]);
        assert_eq!(roster.facts(0, &aggregate, false).agents.lost, 1);
        let noted =
            roster.run.notes.iter().any(|note| note.contains("delivered what a killed one had counted"));
        assert_eq!(noted, policy == OnAgentLoss::Replace);
        roster.step_done(3 * SECOND, 0, 1, 0).unwrap();
        assert_eq!(roster.run.load_ended.is_some(), over, "only Replace awaits another one");
    }
}

#[test]
fn leaving_a_stopped_run_or_one_that_has_not_begun_is_no_loss() {
    let mut roster = with(OnAgentLoss::Fail, &[Length::Hits(4)]);
    roster.stop(SECOND, StopMode::Drain);
    assert_eq!(told(&leaves(&mut roster, 7)), [(1, &ToAgent::Bye)]);
    assert!(roster.run.failed.is_none());
    let mut early = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    register(&mut early, 0, 1, 1);
    assert_eq!(told(&leaves(&mut early, 0)), [(1, &ToAgent::Bye)]);
    register(&mut early, 3 * SECOND, 0, 1);
    assert!(early.run.start.is_none(), "two agents are needed");
    assert_eq!(told(&register(&mut early, 4 * SECOND, 1, 2)).len(), 3, "superseded, and two starts");
}

#[test]
fn one_that_ended_early_without_an_order_lost_its_broker() {
    let mut roster = with(OnAgentLoss::Replace, &[Length::Seconds(50)]);
    roster.agent_done(2 * SECOND, 1, 1, 3, &[], false).unwrap();
    let (aggregate, committed) = begun(7);
    roster.committed(2 * SECOND, &committed, &aggregate);
    let failed = roster.facts(SECOND, &aggregate, false).failed.unwrap();
    assert_eq!(failed.reason, loads_wire::result::reason::BROKER_LOST);
}

#[test]
fn a_keeper_that_a_successor_overtakes_is_no_second_loss() {
    let mut roster = with(OnAgentLoss::Replace, &[Length::Hits(4)]);
    roster.agent_lost(SECOND, 1, "killed by signal 9");
    roster.register(2 * SECOND, 1, 2, &hello(AgentState::Preparing), Known::default()).unwrap();
    register(&mut roster, 3 * SECOND, 1, 9);
    let facts = roster.facts(0, &Aggregate::default(), false);
    assert_eq!(facts.agents.lost, 1, "{:?}", facts.notes);
    assert!(roster.counts(1), "what the keeper still brings counts");
}

#[test]
fn a_broker_without_memory_learns_from_windows_who_had_load() {
    let mut replace = plan(&[Length::Hits(4)]);
    replace.on_agent_loss = OnAgentLoss::Replace;
    let mut roster = Roster::new(replace, LEAD, 90 * SECOND);
    let running = Register { started_at: Some(LEAD), ..hello(AgentState::Running) };
    roster.register(91 * SECOND, 0, 1, &running, Known::default()).unwrap();
    roster.register(91 * SECOND, 1, 2, &hello(AgentState::Preparing), Known::default()).unwrap();
    roster.agent_done(91 * SECOND, 1, 2, 0, &[(1, 3)], true).unwrap();
    let (aggregate, committed) = begun(7);
    assert_eq!(told(&roster.committed(92 * SECOND, &committed, &aggregate)), [(1, &ToAgent::Bye)]);
    assert!(roster.step_done(93 * SECOND, 0, 1, 0).unwrap().is_empty() && roster.run.load_ended.is_none());
    let known = Known { committed: vec![(1, 3)], started: vec![7] };
    let orders = roster.register(94 * SECOND, 1, 9, &hello(AgentState::Ready), known).unwrap();
    let remaining = orders.iter().find_map(|order| match &order.message {
        ToAgent::Welcome { remaining, .. } => Some(remaining.clone()),
        _ => None,
    });
    assert_eq!(remaining, Some(vec![33]));
    let facts = roster.facts(0, &aggregate, false);
    assert_eq!((facts.agents.lost, facts.planned), (1, vec![80]));
}
