//! Every case of the timetable.

use super::*;
use crate::agent::test_plan;
use loads_wire::plan::Step;

const T: u64 = 100 * SECOND;

fn welcome(lengths: &[Length]) -> Welcome {
    let plan = test_plan(lengths.iter().map(|l| Step { users: 2, length: *l }).collect());
    Welcome { plan, remaining: Vec::new(), step: None }
}

fn first(w: &Welcome, step: u16, barrier: Option<u64>, now: u64) -> Turn {
    turn(w, step, (T, barrier), &Pauses::default(), None, now)
}

fn times(turn: Turn) -> (u64, Option<u64>) {
    let Turn::Go(order) = turn else { panic!("not a go: {turn:?}") };
    (order.start, order.end)
}

#[test]
fn duration_steps_follow_each_other_without_a_word_from_the_broker() {
    let w = welcome(&[Length::Seconds(10), Length::Seconds(5)]);
    assert_eq!(times(first(&w, 0, None, T)), (T, Some(T + 10 * SECOND)));
    assert_eq!(times(first(&w, 1, None, T)), (T + 10 * SECOND, Some(T + 15 * SECOND)));
}

#[test]
fn a_late_process_joins_the_step_of_the_timetable() {
    let w = welcome(&[Length::Seconds(10), Length::Seconds(5)]);
    assert_eq!(first(&w, 0, None, T + 11 * SECOND), Turn::Missed);
    assert_eq!(times(first(&w, 1, None, T + 11 * SECOND)).0, T + 10 * SECOND);
}

#[test]
fn hits_steps_after_the_first_wait_for_the_barrier() {
    let w = welcome(&[Length::Hits(3), Length::Hits(3)]);
    assert_eq!(times(first(&w, 0, None, T)), (T, None));
    assert_eq!(first(&w, 1, None, T), Turn::Wait);
    assert_eq!(times(first(&w, 1, Some(T + 7), T)), (T + 7, None));
}

#[test]
fn a_replacement_does_what_is_left_and_nothing_twice() {
    let mut w = welcome(&[Length::Hits(3), Length::Hits(3)]);
    (w.remaining, w.step) = (vec![0, 4], Some(1));
    assert_eq!(first(&w, 0, None, T), Turn::Missed);
    let Turn::Go(order) = first(&w, 1, None, T) else { panic!("must not wait") };
    assert_eq!(order.executions, Some(4));
}

fn resumed(at: u64, nanos: u64) -> Pauses {
    let mut pauses = Pauses::default();
    pauses.pause(at.saturating_sub(nanos));
    pauses.resume(at, nanos);
    pauses
}

fn go(turn: Turn) -> StepOrder {
    let Turn::Go(order) = turn else { panic!("not a go: {turn:?}") };
    order
}

#[test]
fn a_duration_step_ends_later_by_the_pause_and_so_do_all_after_it() {
    let w = welcome(&[Length::Seconds(10), Length::Seconds(5)]);
    // Paused 4 s into the first step, for 30 s.
    let (at, pauses) = (T + 34 * SECOND, resumed(T + 34 * SECOND, 30 * SECOND));
    let order = go(turn(&w, 0, (T, None), &pauses, Some(Stint::default()), at));
    assert_eq!(order.end, Some(T + 40 * SECOND));
    assert_eq!(at - order.start, 4 * SECOND, "ramp-up and arrivals go on where they were");
    assert_eq!(order.executions, None);
    assert_eq!(
        times(turn(&w, 1, (T, None), &pauses, None, T + 40 * SECOND)),
        (T + 40 * SECOND, Some(T + 45 * SECOND))
    );
}

#[test]
fn a_step_paused_right_after_its_beginning_begins_anew_so_that_no_arrival_comes_twice() {
    let w = welcome(&[Length::Seconds(10)]);
    let at = T + 5 * SECOND;
    let pauses = resumed(at, 5 * SECOND - 300);
    let order = go(turn(&w, 0, (T, None), &pauses, Some(Stint::default()), at));
    assert_eq!((order.start, order.end), (at, Some(T + 15 * SECOND - 300)));
}

#[test]
fn a_hits_step_goes_on_with_the_executions_that_are_left() {
    let w = welcome(&[Length::Hits(50), Length::Hits(50)]);
    let pauses = resumed(T + 20 * SECOND, 12 * SECOND);
    let order = go(turn(&w, 0, (T, None), &pauses, Some(Stint { paused_before: 0, started: 33 }), T));
    assert_eq!((order.executions, order.start), (Some(67), T + 12 * SECOND));
    let all = Stint { paused_before: 0, started: 100 };
    assert_eq!(turn(&w, 0, (T, None), &pauses, Some(all), T), Turn::Missed);
    // The barrier's instant has the pause in it already.
    let order = go(turn(&w, 1, (T, Some(T + 60 * SECOND)), &pauses, None, T));
    assert_eq!((order.executions, order.start), (None, T + 60 * SECOND));
}

#[test]
fn a_replacement_that_is_paused_goes_on_with_what_is_left_of_its_own_share() {
    let mut w = welcome(&[Length::Hits(50)]);
    (w.remaining, w.step) = (vec![40], Some(0));
    let pauses = resumed(T + 20 * SECOND, 12 * SECOND);
    let order = go(turn(&w, 0, (T, None), &pauses, Some(Stint { paused_before: 0, started: 30 }), T));
    assert_eq!(order.executions, Some(10));
}
