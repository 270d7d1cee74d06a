//! More agents, or fewer, while the run is on.

use loads_wire::control::Desired;

use super::*;

fn wish(generation: i64, agents: u32) -> Desired {
    Desired { generation, agents, ..Desired::default() }
}

/// Two agents run, and the operator has been heard.
fn told_of_two(steps: &[Length]) -> Roster {
    let mut roster = running(plan(steps));
    assert!(roster.desire(LEAD, wish(1, 2)).is_empty());
    roster
}

#[test]
fn a_new_agent_joins_the_step_that_runs_by_duration() {
    let mut roster = told_of_two(&[Length::Seconds(10), Length::Seconds(10)]);
    assert!(told(&register(&mut roster, SECOND, 2, 1)).is_empty(), "its pod was faster than the word");
    let orders = roster.desire(12 * SECOND + 3 * LEAD, wish(2, 4));
    assert_eq!(told(&orders), [(2, &ToAgent::Start { at: LEAD })]);
    assert_eq!(told(&register(&mut roster, 13 * SECOND, 3, 1)), [(3, &ToAgent::Start { at: LEAD })]);
    let late = Heartbeat { start_skew_micros: Some(13_000_000), ..beat(AgentState::Running) };
    roster.heartbeat(14 * SECOND, 3, 1, &late).unwrap();
    let facts = roster.facts(0, &Aggregate::default(), false);
    assert_eq!(facts.agents.start_skew_microseconds, 0, "its distance from T is no skew");
    assert_eq!(facts.agents.wanted, 4);
    assert_eq!(facts.notes[0], "The run was scaled from 2 to 4 agents 12.2 s after the start.");
}

#[test]
fn a_new_agent_joins_the_next_step_when_hits_decide() {
    let mut roster = told_of_two(&[Length::Hits(1), Length::Hits(1)]);
    roster.desire(SECOND, wish(2, 3));
    let orders = roster.register(SECOND, 2, 1, &hello(AgentState::Preparing), Known::default()).unwrap();
    let ToAgent::Welcome { remaining, plan, .. } = &orders[0].message else { panic!("{orders:?}") };
    assert_eq!((remaining.as_slice(), plan.agents), (&[0, 10][..], 3));
    assert_eq!(told(&roster.prepared(SECOND, 2, 1).unwrap()), [(2, &ToAgent::Start { at: LEAD })]);
    roster.step_done(2 * SECOND, 0, 1, 0).unwrap();
    assert_eq!(
        told(&roster.step_done(2 * SECOND, 1, 1, 0).unwrap()).len(),
        3,
        "nobody waits for it in step 0"
    );
    assert_eq!(roster.facts(0, &Aggregate::default(), false).planned, [20, 30]);
    let mut late = told_of_two(&[Length::Hits(1)]);
    late.desire(SECOND, wish(2, 3));
    assert!(told(&register(&mut late, SECOND, 2, 1)).is_empty(), "there is no next step");
    for index in 0..2 {
        late.agent_done(2 * SECOND, index, 1, 0, &[], false).unwrap();
    }
    late.committed(2 * SECOND, &Dedupe::default(), &Aggregate::default());
    assert!(late.is_over() && told(&late.bye()).len() == 3);
}

#[test]
fn an_agent_beyond_the_number_drains_and_is_neither_lost_nor_awaited() {
    let mut roster = told_of_two(&[Length::Hits(4), Length::Hits(4)]);
    let drain = ToAgent::Stop { stop: StopMode::Drain };
    assert_eq!(told(&roster.desire(SECOND, wish(2, 1))), [(1, &drain)]);
    assert!(roster.desire(SECOND, wish(2, 1)).is_empty(), "once");
    let next = roster.step_done(2 * SECOND, 0, 1, 0).unwrap();
    assert!(matches!(told(&next)[..], [(0, ToAgent::StepStart { step: 1, .. })]), "{next:?}");
    assert!(roster.counts(1), "its windows count");
    let mut window = loads_wire::Window::default();
    (window.totals.started, window.totals.success) = (7, 7);
    let (mut aggregate, mut committed) = (Aggregate::default(), Dedupe::default());
    aggregate.add(1, 1, &window);
    roster.agent_done(3 * SECOND, 1, 1, 1, &[], true).unwrap();
    assert!(roster.committed(3 * SECOND, &committed, &aggregate).is_empty());
    committed.raise(1, 1, 1);
    assert_eq!(told(&roster.committed(3 * SECOND, &committed, &aggregate)), [(1, &ToAgent::Bye)]);
    let facts = roster.facts(3 * SECOND, &aggregate, false);
    assert_eq!((facts.agents.lost, facts.agents.wanted, facts.planned), (0, 1, vec![47, 40]));
}

#[test]
fn a_retired_agent_that_vanishes_holds_nothing_up() {
    let mut roster = told_of_two(&[Length::Hits(4)]);
    roster.desire(SECOND, wish(2, 1));
    live(&mut roster, SECOND, 15 * SECOND, &[0]);
    assert!(result_note(&roster).contains("did not deliver its last figures"), "{}", result_note(&roster));
    roster.agent_done(15 * SECOND, 0, 1, 0, &[], false).unwrap();
    let mut window = loads_wire::Window::default();
    window.totals.started = 40;
    let mut aggregate = Aggregate::default();
    aggregate.add(0, 1, &window);
    roster.committed(15 * SECOND, &Dedupe::default(), &aggregate);
    assert!(roster.is_over() && roster.run.failed.is_none());
    assert_eq!(roster.facts(0, &aggregate, false).agents.lost, 0);
}

#[test]
fn a_later_process_of_a_retired_index_is_taken_in_again() {
    let mut roster = told_of_two(&[Length::Hits(4), Length::Hits(4)]);
    roster.desire(SECOND, wish(2, 1));
    let orders = register(&mut roster, 2 * SECOND, 1, 2);
    assert!(told(&orders).contains(&(1, &ToAgent::Stop { stop: StopMode::Drain })), "not asked for yet");
    roster.agent_done(2 * SECOND, 1, 2, 0, &[(1, 0)], true).unwrap();
    roster.committed(2 * SECOND, &Dedupe::default(), &Aggregate::default());
    roster.desire(3 * SECOND, wish(3, 2));
    let known = Known { committed: Vec::new(), started: vec![7, 0] };
    let orders = roster.register(3 * SECOND, 1, 3, &hello(AgentState::Ready), known).unwrap();
    let remaining = orders.iter().find_map(|order| match &order.message {
        ToAgent::Welcome { remaining, .. } => Some(remaining.clone()),
        _ => None,
    });
    assert_eq!(remaining, Some(vec![0, 40]));
    assert!(told(&orders).contains(&(1, &ToAgent::Start { at: LEAD })));
    let mut window = loads_wire::Window::default();
    window.totals.started = 7;
    let mut aggregate = Aggregate::default();
    aggregate.add(1, 1, &window);
    let facts = roster.facts(0, &aggregate, false);
    assert_eq!((facts.planned, facts.agents.lost), (vec![47, 80], 0));
}

#[test]
fn before_the_start_the_number_decides_who_is_awaited() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    register(&mut roster, 0, 0, 1);
    let orders = roster.desire(SECOND, wish(1, 1));
    assert!(
        matches!(told(&orders)[..], [(0, ToAgent::Start { .. })]),
        "minAgents can not be more than agents"
    );
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    roster.desire(0, wish(1, 3));
    register(&mut roster, 0, 0, 1);
    assert!(told(&register(&mut roster, 0, 1, 1)).is_empty());
    assert_eq!(told(&register(&mut roster, 0, 2, 1)).len(), 3);
    assert_eq!(roster.facts(0, &Aggregate::default(), false).planned, [30]);
}

#[test]
fn a_rate_stays_shared_by_those_it_was_planned_for() {
    let mut plan = plan(&[Length::Seconds(50)]);
    plan.rate = Some(100);
    let mut roster = running(plan);
    roster.desire(SECOND, wish(1, 2));
    roster.desire(SECOND, wish(2, 3));
    assert!(
        told(&register(&mut roster, SECOND, 2, 1)).is_empty(),
        "more agents would send more than the rate"
    );
    assert!(result_note(&roster).contains("rate stays shared by the 2 agents"));
}
