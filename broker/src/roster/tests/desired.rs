//! The operator's wishes as such, and what it is told.

use loads_wire::control::{Desired, Stage};

use super::*;

#[test]
fn an_older_wish_is_ignored_and_what_is_stored_stays_stored() {
    let mut roster = running(plan(&[Length::Seconds(50)]));
    let wish = Desired { generation: 5, agents: 2, result_stored: true, ..Desired::default() };
    roster.desire(SECOND, wish);
    assert!(roster.take_changed());
    roster.desire(SECOND, wish);
    assert!(!roster.take_changed(), "the same wish is nothing new");
    let old = Desired { generation: 4, agents: 7, stop: true, ..Desired::default() };
    assert!(roster.desire(SECOND, old).is_empty());
    let next = Desired { generation: 6, agents: 2, ..Desired::default() };
    roster.desire(SECOND, next);
    assert!(roster.result_stored());
    let again = Roster::resume(roster.plan.clone(), LEAD, 2 * SECOND, roster.state());
    assert_eq!((again.generation(), again.result_stored()), (6, true));
}

#[test]
fn a_wish_to_stop_is_a_stop_on_request() {
    let mut roster = running(plan(&[Length::Seconds(50)]));
    let wish = Desired { generation: 1, agents: 2, stop: true, ..Desired::default() };
    assert_eq!(told(&roster.desire(SECOND, wish)).len(), 2);
    assert!(roster.desire(SECOND, wish).is_empty());
    assert!(roster.facts(SECOND, &Aggregate::default(), true).stopped);
}

#[test]
fn the_stages_of_a_run_follow_each_other() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    assert_eq!(roster.stage(0, false), Stage::Waiting);
    for index in 0..2 {
        register(&mut roster, 0, index, 1);
    }
    assert_eq!(roster.stage(SECOND, false), Stage::Running);
    for index in 0..2 {
        roster.step_done(SECOND, index, 1, 0).unwrap();
    }
    assert_eq!(roster.stage(SECOND, false), Stage::Draining);
    assert_eq!(roster.stage(SECOND, true), Stage::Finished);
}

#[test]
fn progress_is_the_share_of_the_executions_when_hits_decide() {
    let mut roster = running(plan(&[Length::Hits(2)]));
    let mut window = loads_wire::Window::default();
    (window.totals.started, window.totals.success) = (15, 10);
    let mut aggregate = Aggregate::default();
    aggregate.add(0, 1, &window);
    assert_eq!(roster.progress_percent(SECOND, &aggregate), 25);
    for index in 0..2 {
        roster.step_done(SECOND, index, 1, 0).unwrap();
    }
    assert_eq!(roster.progress_percent(SECOND, &aggregate), 100, "it ended by itself");
}

#[test]
fn presence_counts_present_processes_with_a_connection() {
    let mut roster = running(plan(&[Length::Hits(2)]));
    assert_eq!(roster.presence(|_, _| true), (2, 2));
    roster.register(SECOND, 1, 2, &hello(AgentState::Preparing), Known::default()).unwrap();
    assert_eq!(roster.presence(|_, _| true), (2, 1));
    assert_eq!(roster.presence(|index, epoch| index == 1 && epoch == 1), (0, 0), "an old connection");
}
