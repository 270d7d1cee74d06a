//! What criteria ask of the run.

use super::*;

fn run(steps: &[Length]) -> Roster {
    running(plan(steps))
}

#[test]
fn a_criterion_drains_the_run_and_that_is_no_stop_on_request() {
    let mut roster = run(&[Length::Seconds(60)]);
    let orders = roster.cut_short(LEAD + 5 * SECOND).unwrap();
    let stop = ToAgent::Stop { stop: StopMode::Drain };
    assert_eq!(told(&orders), [(0, &stop), (1, &stop)]);
    let facts = roster.facts(LEAD + 6 * SECOND, &Aggregate::default(), false);
    assert_eq!((facts.cut, facts.stopped), (true, false));
    assert_eq!(roster.cut_short(LEAD + 7 * SECOND), None, "once is enough");
}

#[test]
fn a_run_that_ends_already_is_not_cut_short() {
    let mut stopped = run(&[Length::Seconds(60)]);
    stopped.stop(LEAD + SECOND, StopMode::Drain);
    assert_eq!(stopped.cut_short(LEAD + 2 * SECOND), None);
    let facts = stopped.facts(LEAD + 2 * SECOND, &Aggregate::default(), false);
    assert_eq!((facts.cut, facts.stopped), (false, true));
    let mut over = run(&[Length::Seconds(60)]);
    assert_eq!(over.cut_short(LEAD + 60 * SECOND), None);
    assert_eq!(Roster::new(plan(&[Length::Seconds(60)]), LEAD, 0).cut_short(1), None, "not begun");
}

#[test]
fn whole_seconds_lie_before_the_end_and_in_no_pause() {
    let mut roster = run(&[Length::Seconds(6)]);
    let whole = |roster: &Roster| (0..12).filter(|s| roster.is_whole_second(*s)).collect::<Vec<_>>();
    assert_eq!(whole(&roster), [0, 1, 2, 3, 4, 5]);
    roster.suspend(LEAD + 2 * SECOND + SECOND / 2, true);
    assert_eq!(whole(&roster), [0, 1]);
    roster.suspend(LEAD + 4 * SECOND + SECOND / 2, false);
    assert_eq!(whole(&roster), [0, 1, 5, 6, 7], "the timetable moved by the pause");
    roster.stop(LEAD + 6 * SECOND + SECOND / 4, StopMode::Drain);
    assert_eq!(whole(&roster), [0, 1, 5]);
}
