//! The roster's promises, told as short histories of a run.

use loads_wire::message::{AgentState, Heartbeat, Problem, Register, StopMode, ToAgent};
use loads_wire::plan::{Length, OnAgentLoss, Plan, Step};

use super::{Known, Order, Refusal, Roster, SECOND};
use crate::aggregate::Aggregate;
use crate::dedupe::Dedupe;

mod criteria;
mod desired;
mod leaving;
mod pause;
mod scale;

const LEAD: u64 = SECOND / 10;

fn plan(steps: &[Length]) -> Plan {
    let steps: Vec<Step> = steps.iter().map(|length| Step { users: 10, length: *length }).collect();
    crate::aggregate::test_plan(&steps)
}

fn hello(state: AgentState) -> Register {
    Register {
        pid: 1,
        host: "a".into(),
        cores: 1,
        state,
        started_at: None,
        step: 0,
        paused_nanos: 0,
        paused: false,
    }
}

fn beat(state: AgentState) -> Heartbeat {
    let (users, cpu_millis, lag_micros) = (0, 5, 20);
    Heartbeat { sent_at: 1, state, step: 0, users, cpu_millis, lag_micros, start_skew_micros: Some(-7) }
}

fn register(roster: &mut Roster, now: u64, index: u32, epoch: u64) -> Vec<Order> {
    roster.register(now, index, epoch, &hello(AgentState::Ready), Known::default()).unwrap()
}

/// Messages without the greetings.
fn told(orders: &[Order]) -> Vec<(u32, &ToAgent)> {
    let plain = orders
        .iter()
        .filter(|o| !matches!(o.message, ToAgent::Welcome { .. } | ToAgent::HeartbeatAck { .. }));
    plain.map(|o| (o.index, &o.message)).collect()
}

/// Two agents running since T = LEAD.
fn running(plan: Plan) -> Roster {
    let mut roster = Roster::new(plan, LEAD, 0);
    assert!(told(&register(&mut roster, 0, 0, 1)).is_empty());
    let start = ToAgent::Start { at: LEAD };
    assert_eq!(told(&register(&mut roster, 0, 1, 1)), [(0, &start), (1, &start)]);
    roster
}

/// Heartbeats of the given agents and ticks, four times a second.
fn live(roster: &mut Roster, from: u64, to: u64, agents: &[u32]) -> Vec<Order> {
    let mut orders = Vec::new();
    for now in (from..to).step_by(SECOND as usize / 4) {
        for index in agents {
            orders.extend(roster.heartbeat(now, *index, 1, &beat(AgentState::Running)).unwrap());
        }
        orders.extend(roster.tick(now));
    }
    orders
}

fn result_note(roster: &Roster) -> String {
    let facts = roster.facts(0, &Aggregate::default(), false);
    facts.failed.or(facts.error).map_or_else(|| facts.notes.join(" "), |fault| fault.message)
}

#[test]
fn nobody_starts_before_enough_agents_are_ready_and_then_all_at_one_instant() {
    let mut roster = running(plan(&[Length::Hits(1)]));
    assert!(roster.tick(SECOND).is_empty(), "one start, not two");
}

#[test]
fn an_agent_that_is_ready_later_gets_the_same_start_and_the_present_step() {
    let mut plan = plan(&[Length::Hits(1), Length::Hits(1)]);
    plan.min_agents = 1;
    let mut roster = Roster::new(plan, LEAD, 0);
    register(&mut roster, 0, 0, 1);
    let next = ToAgent::StepStart { step: 1, at: SECOND + LEAD };
    assert_eq!(told(&roster.step_done(SECOND, 0, 1, 0).unwrap()), [(0, &next)]);
    roster.register(2 * SECOND, 1, 1, &hello(AgentState::Preparing), Known::default()).unwrap();
    let orders = roster.prepared(2 * SECOND, 1, 1).unwrap();
    assert_eq!(told(&orders), [(1, &ToAgent::Start { at: LEAD }), (1, &next)]);
    let facts = roster.facts(0, &Aggregate::default(), false);
    assert_eq!(facts.planned, [10, 20]);
    assert!(facts.notes[0].contains("joined in step 1"));
}

#[test]
fn what_an_agent_repeats_after_a_new_connection_starts_nothing_again() {
    let mut roster = running(plan(&[Length::Hits(1)]));
    let hello = Register { started_at: Some(LEAD), ..hello(AgentState::Running) };
    assert!(told(&roster.register(SECOND, 0, 1, &hello, Known::default()).unwrap()).is_empty());
    assert!(roster.prepared(SECOND, 0, 1).unwrap().is_empty());
}

#[test]
fn a_start_time_out_names_who_is_missing_and_what_to_do() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    register(&mut roster, 0, 0, 1);
    let mut orders = Vec::new();
    for second in 1..=60 {
        roster.heartbeat(second * SECOND, 0, 1, &beat(AgentState::Ready)).unwrap();
        orders.extend(roster.tick(second * SECOND));
    }
    assert_eq!(told(&orders), [(0, &ToAgent::Stop { stop: StopMode::Now })]);
    let error = result_note(&roster);
    assert!(error.starts_with("1 of 2 agents were ready after 60 s"), "{error}");
    assert!(error.contains("1 (never registered)") && error.contains("raise startTimeout"), "{error}");
}

#[test]
fn an_agent_that_can_not_prepare_ends_the_run_with_its_message() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    register(&mut roster, 0, 0, 1);
    roster.register(0, 1, 1, &hello(AgentState::Preparing), Known::default()).unwrap();
    let orders = roster.prepare_failed(1, 1, 1, Problem::Test, "No module named x.").unwrap();
    assert_eq!(told(&orders).len(), 2);
    assert_eq!(result_note(&roster), "Agent 1 could not prepare the test: No module named x.");
    roster.agent_done(2, 0, 1, 0, &[], false).unwrap();
    roster.committed(SECOND, &Dedupe::default(), &Aggregate::default());
    assert!(roster.is_over());
}

#[test]
fn the_next_step_begins_when_the_last_agent_finished_the_one_before() {
    let mut roster = running(plan(&[Length::Hits(1), Length::Hits(1)]));
    assert!(roster.step_done(3 * SECOND, 0, 1, 0).unwrap().is_empty());
    let next = ToAgent::StepStart { step: 1, at: 5 * SECOND + LEAD };
    assert_eq!(told(&roster.step_done(5 * SECOND, 1, 1, 0).unwrap()), [(0, &next), (1, &next)]);
    roster.step_done(6 * SECOND, 0, 1, 1).unwrap();
    roster.step_done(7 * SECOND, 1, 1, 1).unwrap();
    let facts = roster.facts(100 * SECOND, &Aggregate::default(), false);
    assert_eq!(facts.step_nanos, [5 * SECOND - LEAD, 2 * SECOND - LEAD]);
    assert_eq!(facts.ended_at, Some(7 * SECOND));
}

#[test]
fn duration_steps_follow_the_timetable_without_a_word() {
    let mut roster = running(plan(&[Length::Seconds(5), Length::Seconds(5)]));
    assert!(told(&live(&mut roster, SECOND, 9 * SECOND, &[0, 1])).is_empty());
    let facts = roster.facts(8 * SECOND + LEAD, &Aggregate::default(), false);
    assert_eq!(facts.step_nanos, [5 * SECOND, 3 * SECOND]);
    assert_eq!(facts.planned, [0, 0]);
    assert_eq!(roster.step_at(8 * SECOND), 1);
}

#[test]
fn a_newer_process_fences_the_older_one_and_gets_what_is_left() {
    let mut replace = plan(&[Length::Hits(2), Length::Hits(3)]);
    replace.on_agent_loss = OnAgentLoss::Replace;
    let mut roster = running(replace);
    let known = Known { committed: vec![(1, 4)], started: vec![15, 0] };
    let orders = roster.register(SECOND, 1, 2, &hello(AgentState::Preparing), known).unwrap();
    assert!(matches!(&orders[0], Order { epoch: 1, message: ToAgent::Refused { superseded: true, .. }, .. }));
    let ToAgent::Welcome { remaining, committed, step, .. } = &orders[1].message else {
        panic!("{orders:?}")
    };
    assert_eq!((remaining.as_slice(), committed.as_slice(), *step), (&[5, 30][..], &[(1, 4)][..], Some(0)));
    assert!(roster.heartbeat(SECOND, 1, 1, &beat(AgentState::Running)).unwrap_err().superseded);
    assert_eq!(told(&roster.prepared(SECOND, 1, 2).unwrap()), [(1, &ToAgent::Start { at: LEAD })]);
    assert_eq!(roster.facts(0, &Aggregate::default(), false).agents.lost, 1);
}

#[test]
fn the_barrier_waits_for_a_replacement_and_not_for_ever() {
    let mut replace = plan(&[Length::Hits(1), Length::Hits(1)]);
    replace.on_agent_loss = OnAgentLoss::Replace;
    let mut roster = running(replace);
    roster.agent_lost(SECOND, 1, "killed by signal 9");
    assert!(roster.step_done(2 * SECOND, 0, 1, 0).unwrap().is_empty());
    let orders = live(&mut roster, 2 * SECOND, 70 * SECOND, &[0]);
    assert!(matches!(told(&orders)[..], [(0, ToAgent::StepStart { step: 1, .. })]));
    assert!(result_note(&roster).contains("no process took its place within 60 s"));
}

#[test]
fn silence_is_a_loss_and_a_pause_of_the_broker_itself_is_none() {
    let mut carry_on = plan(&[Length::Hits(1)]);
    carry_on.on_agent_loss = OnAgentLoss::Continue;
    let mut roster = running(carry_on);
    live(&mut roster, SECOND, 2 * SECOND, &[0, 1]);
    assert!(roster.tick(40 * SECOND).is_empty());
    assert_eq!(result_note(&roster), "");
    live(&mut roster, 40 * SECOND, 55 * SECOND, &[0]);
    assert!(result_note(&roster).contains("no heartbeat for 10 s"), "{}", result_note(&roster));
    let refusal = roster.heartbeat(56 * SECOND, 1, 1, &beat(AgentState::Running)).unwrap_err();
    assert!(refusal.superseded);
}

#[test]
fn without_replacement_the_plan_shrinks_to_what_the_lost_agent_had_begun() {
    let mut carry_on = plan(&[Length::Hits(4)]);
    carry_on.on_agent_loss = OnAgentLoss::Continue;
    let mut roster = running(carry_on);
    roster.agent_lost(SECOND, 1, "exit code 1");
    let mut window = loads_wire::Window::default();
    window.totals.started = 7;
    let mut aggregate = Aggregate::default();
    aggregate.add(1, 1, &window);
    assert_eq!(roster.facts(SECOND, &aggregate, false).planned, [47]);
}

#[test]
fn a_loss_ends_the_run_when_the_plan_says_so() {
    let mut roster = running(plan(&[Length::Hits(4)]));
    let orders = roster.agent_lost(SECOND, 1, "exit code 1");
    assert_eq!(told(&orders), [(0, &ToAgent::Stop { stop: StopMode::Drain })]);
    let facts = roster.facts(SECOND, &Aggregate::default(), false);
    assert!(!facts.stopped && facts.failed.unwrap().message.contains("(exit code 1)"));
}

#[test]
fn a_stop_is_told_to_everybody_and_to_those_who_come_later() {
    let mut roster = running(plan(&[Length::Seconds(50)]));
    assert_eq!(told(&roster.stop(SECOND, StopMode::Drain)).len(), 2);
    assert!(roster.stop(SECOND, StopMode::Drain).is_empty());
    let hello = Register { started_at: Some(LEAD), ..hello(AgentState::Running) };
    let orders = roster.register(SECOND, 0, 1, &hello, Known::default()).unwrap();
    assert_eq!(told(&orders), [(0, &ToAgent::Stop { stop: StopMode::Drain })]);
    assert_eq!(told(&roster.stop(SECOND, StopMode::Now)).len(), 2, "only harsher");
}

#[test]
fn the_run_is_over_when_the_last_window_of_every_epoch_is_committed() {
    let mut roster = running(plan(&[Length::Hits(1)]));
    let mut committed = Dedupe::default();
    roster.agent_done(SECOND, 0, 1, 2, &[], false).unwrap();
    roster.agent_done(SECOND, 1, 1, 1, &[(0, 3)], false).unwrap();
    for (index, epoch, seq) in [(0, 1, 2), (1, 1, 1), (1, 0, 2)] {
        committed.raise(index, epoch, seq);
        roster.committed(SECOND, &committed, &Aggregate::default());
        assert!(!roster.is_over());
    }
    committed.raise(1, 0, 3);
    roster.committed(SECOND, &committed, &Aggregate::default());
    assert!(roster.is_over());
    assert_eq!(told(&roster.bye()).len(), 2);
    roster.agent_lost(2 * SECOND, 0, "exit code 0");
    assert_eq!(roster.facts(0, &Aggregate::default(), true).agents.lost, 0, "it left, it was not lost");
}

#[test]
fn a_restarted_broker_goes_on_and_does_not_start_again() {
    let mut roster = running(plan(&[Length::Hits(1), Length::Hits(1)]));
    roster.step_done(SECOND, 0, 1, 0).unwrap();
    assert!(roster.take_changed());
    let mut again = Roster::resume(roster.plan.clone(), LEAD, 30 * SECOND, roster.state());
    let hello = Register { started_at: Some(LEAD), ..hello(AgentState::Running) };
    let mut orders = again.register(30 * SECOND, 0, 1, &hello, Known::default()).unwrap();
    orders.extend(again.register(30 * SECOND, 1, 1, &hello, Known::default()).unwrap());
    assert!(told(&orders).is_empty());
    assert_eq!(told(&again.step_done(31 * SECOND, 1, 1, 0).unwrap()).len(), 2);
}

#[test]
fn a_broker_without_memory_learns_the_start_and_the_step_from_the_agents() {
    let mut roster = Roster::new(plan(&[Length::Hits(1), Length::Hits(1)]), LEAD, 90 * SECOND);
    let ahead = Register { started_at: Some(LEAD), step: 1, ..hello(AgentState::Running) };
    roster.register(91 * SECOND, 0, 1, &ahead, Known::default()).unwrap();
    let behind = Register { step: 0, ..ahead };
    let orders = roster.register(91 * SECOND, 1, 1, &behind, Known::default()).unwrap();
    assert_eq!(told(&orders), [(1, &ToAgent::StepStart { step: 1, at: 91 * SECOND })]);
    assert_eq!(roster.facts(0, &Aggregate::default(), false).started_at, Some(LEAD));
}

#[test]
fn a_broker_without_memory_ends_nothing_before_every_agent_is_back() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 90 * SECOND);
    let hello = Register { started_at: Some(LEAD), ..hello(AgentState::Running) };
    roster.register(91 * SECOND, 0, 1, &hello, Known::default()).unwrap();
    roster.step_done(91 * SECOND, 0, 1, 0).unwrap();
    roster.agent_done(91 * SECOND, 0, 1, 0, &[], false).unwrap();
    roster.committed(SECOND, &Dedupe::default(), &Aggregate::default());
    assert!(!roster.is_over(), "agent 1 may still be at work");
    let mut stopped = roster.clone();
    stopped.stop(91 * SECOND, StopMode::Drain);
    assert!(!stopped.is_over(), "nor does a stop end it");
    let mut alone = roster.clone();
    roster.register(92 * SECOND, 1, 1, &hello, Known::default()).unwrap();
    roster.agent_done(93 * SECOND, 1, 1, 0, &[], false).unwrap();
    roster.committed(SECOND, &Dedupe::default(), &Aggregate::default());
    assert!(roster.is_over());
    alone.tick(160 * SECOND);
    assert!(alone.is_over() && result_note(&alone).contains("agents [1] did not come back"));
}

#[test]
fn an_index_outside_the_plan_is_refused_with_its_reason() {
    let mut roster = Roster::new(plan(&[Length::Hits(1)]), LEAD, 0);
    let refused = roster.register(0, 2, 1, &hello(AgentState::Ready), Known::default());
    assert!(matches!(refused, Err(Refusal { superseded: false, reason }) if reason.contains("2 agents")));
}

#[test]
fn the_agents_own_measurements_are_in_the_facts() {
    let mut roster = running(plan(&[Length::Hits(1)]));
    live(&mut roster, 0, SECOND, &[0, 1]);
    let agents = roster.facts(0, &Aggregate::default(), false).agents;
    assert_eq!((agents.wanted, agents.connected, agents.ready), (2, 2, 2));
    assert_eq!(
        (agents.start_skew_microseconds, agents.lag_microseconds, agents.cpu_milliseconds),
        (7, 20, 40)
    );
}
