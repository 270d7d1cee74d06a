//! Suspending before the start, and pausing the load.

use loads_wire::control::{Desired, Stage};

use super::*;

/// The wish number `generation` of an operator that wants two agents.
fn wish(generation: i64, suspend: bool) -> Desired {
    Desired { generation, agents: 2, suspend, ..Desired::default() }
}

fn at(seconds: f64) -> u64 {
    LEAD + (seconds * SECOND as f64) as u64
}

#[test]
fn the_start_is_held_and_its_time_out_does_not_run() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    roster.desire(SECOND, wish(1, true));
    register(&mut roster, SECOND, 0, 1);
    assert!(told(&register(&mut roster, SECOND, 1, 1)).is_empty());
    assert_eq!(roster.stage(2 * SECOND, false), Stage::Suspended);
    for second in 2..500 {
        for index in 0..2 {
            roster.heartbeat(second * SECOND, index, 1, &beat(AgentState::Ready)).unwrap();
        }
        assert!(roster.tick(second * SECOND).is_empty());
    }
    let orders = roster.desire(500 * SECOND, wish(2, false));
    assert_eq!(told(&orders).len(), 2, "{orders:?}");
    assert!(matches!(told(&orders)[0].1, ToAgent::Start { at } if *at == 500 * SECOND + LEAD));
}

#[test]
fn a_pause_moves_the_timetable_and_is_in_no_figure() {
    let mut roster = running(plan(&[Length::Seconds(10), Length::Seconds(10)]));
    assert_eq!(told(&roster.desire(at(4.0), wish(1, true))), [(0, &ToAgent::Pause), (1, &ToAgent::Pause)]);
    assert!(roster.desire(at(5.0), wish(1, true)).is_empty(), "saying it again changes nothing");
    assert_eq!(roster.stage(at(5.0), false), Stage::Suspended);
    let (at_34, paused_nanos) = (at(34.0), 30 * SECOND);
    let resume = ToAgent::Resume { at: at_34, paused_nanos };
    assert_eq!(told(&roster.desire(at(33.5), wish(2, false))), [(0, &resume), (1, &resume)]);
    assert!(roster.desire(at(33.6), wish(2, false)).is_empty());
    assert_eq!((roster.step_at(at(39.9)), roster.step_at(at(40.1))), (0, 1));
    assert_eq!(roster.timetable_end(), Some(at(50.0)));
    let facts = roster.facts(at(45.0), &Aggregate::default(), false);
    assert_eq!(facts.step_nanos, [10 * SECOND, 5 * SECOND]);
    assert_eq!(roster.progress_percent(at(45.0), &Aggregate::default()), 75);
}

#[test]
fn who_comes_in_a_pause_or_just_before_its_end_is_told_of_it() {
    let mut roster = running(plan(&[Length::Seconds(60)]));
    roster.desire(at(4.0), wish(1, true));
    let hello = Register { started_at: Some(LEAD), ..hello(AgentState::Running) };
    let said = |orders: Vec<Order>| {
        let ToAgent::Welcome { paused, paused_nanos, .. } = orders[0].message else { panic!("{orders:?}") };
        (paused, paused_nanos, orders.get(1).map(|order| order.message.clone()))
    };
    let orders = roster.register(at(9.0), 1, 1, &hello, Known::default()).unwrap();
    assert_eq!(said(orders), (true, 5 * SECOND, None));
    roster.desire(at(9.3), wish(2, false));
    let resume = ToAgent::Resume { at: at(10.0), paused_nanos: 6 * SECOND };
    let orders = roster.register(at(9.5), 1, 1, &hello, Known::default()).unwrap();
    assert_eq!(said(orders), (true, 6 * SECOND, Some(resume)));
    let orders = roster.register(at(10.5), 1, 1, &hello, Known::default()).unwrap();
    assert_eq!(said(orders), (false, 6 * SECOND, None));
}

#[test]
fn a_paused_run_outlives_every_time_limit() {
    let mut roster = running(plan(&[Length::Seconds(5)]));
    roster.desire(at(1.0), wish(1, true));
    live(&mut roster, at(1.0), at(900.0), &[0, 1]);
    assert_eq!(result_note(&roster), "");
    roster.desire(at(900.0) - LEAD, wish(2, false));
    assert_eq!(roster.stage(at(903.0), false), Stage::Running);
    assert_eq!(roster.stage(at(904.5), false), Stage::Draining);
}

#[test]
fn the_next_step_begins_after_the_pause() {
    let mut roster = running(plan(&[Length::Hits(1), Length::Hits(1)]));
    roster.desire(at(2.0), wish(1, true));
    for index in 0..2 {
        assert!(told(&roster.step_done(at(3.0), index, 1, 0).unwrap()).is_empty());
    }
    let orders = roster.desire(at(6.5), wish(2, false));
    let next = ToAgent::StepStart { step: 1, at: at(7.0) };
    assert_eq!(told(&orders)[2..], [(0, &next), (1, &next)]);
    let facts = roster.facts(at(9.0), &Aggregate::default(), false);
    assert_eq!(facts.step_nanos, [2 * SECOND, 2 * SECOND], "the pause is in neither step");
}

#[test]
fn a_stop_ends_a_paused_run_and_a_pause_in_the_drain_changes_nothing() {
    let mut roster = running(plan(&[Length::Seconds(50)]));
    roster.desire(at(2.0), wish(1, true));
    let orders = roster.desire(at(9.0), Desired { stop: true, ..wish(2, true) });
    assert_eq!(told(&orders), [0, 1].map(|index| (index, &ToAgent::Stop { stop: StopMode::Drain })));
    assert!(roster.desire(at(9.5), Desired { stop: true, ..wish(3, false) }).is_empty());
    for index in 0..2 {
        roster.agent_done(at(10.0), index, 1, 0, &[], false).unwrap();
    }
    roster.committed(at(10.0), &Dedupe::default(), &Aggregate::default());
    let facts = roster.facts(at(10.0), &Aggregate::default(), true);
    assert!(roster.is_over() && facts.stopped && facts.step_nanos == [2 * SECOND], "{facts:?}");
    let mut ended = running(plan(&[Length::Seconds(5)]));
    assert!(ended.desire(at(5.5), wish(1, true)).is_empty());
    assert_eq!(ended.stage(at(5.6), false), Stage::Draining);
}

#[test]
fn a_restarted_broker_remembers_the_pause_and_one_without_memory_learns_it() {
    let mut roster = running(plan(&[Length::Seconds(50)]));
    roster.desire(at(2.0), wish(4, true));
    let mut again = Roster::resume(roster.plan.clone(), LEAD, at(8.0), roster.state());
    assert!(again.desire(at(9.0), wish(3, false)).is_empty(), "an older wish");
    assert_eq!((again.stage(at(9.0), false), again.generation()), (Stage::Suspended, 4));
    let mut new = Roster::new(roster.plan.clone(), LEAD, at(9.0));
    let told = Register {
        started_at: Some(LEAD),
        paused_nanos: 7 * SECOND,
        paused: true,
        ..hello(AgentState::Running)
    };
    for index in 0..2 {
        new.register(at(9.0), index, 1, &told, Known::default()).unwrap();
    }
    for roster in [&mut again, &mut new] {
        let orders = roster.desire(at(11.5), wish(5, false));
        let ToAgent::Resume { at: until, paused_nanos } = orders[0].message else { panic!("{orders:?}") };
        assert_eq!((until, paused_nanos), (at(12.0), 10 * SECOND));
    }
}
