//! The core with a real store, connections named by numbers, and commits confirmed by hand.

use loads_wire::control::{Desired, Stage};
use loads_wire::message::{AgentState, Register};
use loads_wire::plan::{Length, Step};
use loads_wire::result::Verdict;
use loads_wire::{Totals, Window};

use super::*;

const SECOND: u64 = 1_000_000_000;

fn open(store: &Store, agents: u32) -> Core<u8> {
    let mut plan = crate::aggregate::test_plan(&[Step { users: 1, length: Length::Hits(2) }]);
    (plan.agents, plan.min_agents) = (agents, agents);
    Core::open(plan, 0, false, SECOND, store).unwrap()
}

fn say(core: &mut Core<u8>, body: ToBroker) -> Vec<Action<u8>> {
    let message = Envelope::new("r1", 0, 5, body).encode().unwrap();
    core.on_control(SECOND, 1, &message)
}

fn deliver(core: &mut Core<u8>, seqs: impl IntoIterator<Item = u64>) -> Vec<Action<u8>> {
    let totals = Totals { hits: 1, sent: 1, started: 1, success: 1, ..Totals::default() };
    let windows = seqs.into_iter().map(|seq| Window { seq, totals, ..Window::default() }).collect();
    let message = Envelope::new("r1", 0, 5, ToBroker::Windows { epoch: 5, windows }).encode().unwrap();
    core.on_results(9, &message)
}

/// Keeps what is to be kept and confirms it, until nothing more follows; returns what is to be sent.
fn settle(core: &mut Core<u8>, store: &mut Store, mut actions: Vec<Action<u8>>) -> Vec<(u8, ToAgent)> {
    let mut sent = Vec::new();
    while !actions.is_empty() {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Control(peer, message) | Action::Results(peer, message) => sent.push((peer, message)),
                Action::Keep(job) => {
                    store.keep(job.records.iter()).unwrap();
                    actions.extend(core.confirmed(2 * SECOND, job.token));
                }
            }
        }
    }
    sent
}

fn register() -> ToBroker {
    let (state, host) = (AgentState::Ready, "a".to_owned());
    ToBroker::Register(Register {
        pid: 1,
        host,
        cores: 1,
        state,
        started_at: None,
        step: 0,
        paused_nanos: 0,
        paused: false,
    })
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "r1").unwrap();
    (dir, store)
}

#[test]
fn the_start_is_told_only_after_it_is_stored() {
    let (_dir, mut store) = store();
    let mut core = open(&store, 1);
    let actions = say(&mut core, register());
    assert!(matches!(actions[..], [Action::Keep(_)]), "{actions:?}");
    let sent = settle(&mut core, &mut store, actions);
    assert!(
        matches!(sent[..], [(1, ToAgent::Welcome { .. }), (1, ToAgent::Start { at: SECOND })]),
        "{sent:?}"
    );
}

#[test]
fn a_window_is_acknowledged_after_its_commit_and_again_when_it_comes_again() {
    let (_dir, mut store) = store();
    let mut core = open(&store, 1);
    let actions = deliver(&mut core, [1, 2]);
    assert!(matches!(actions[..], [Action::Keep(_)]));
    assert_eq!(deliver(&mut core, [1, 2]), [], "not committed yet, so not acknowledged");
    let ack = (9, ToAgent::Ack { epoch: 5, seq: 2 });
    assert_eq!(settle(&mut core, &mut store, actions)[0], ack);
    let again = deliver(&mut core, [2]);
    assert_eq!(settle(&mut core, &mut store, again), [ack]);
    assert_eq!(deliver(&mut core, [4]), [], "3 is missing");
    assert_eq!(core.result(SECOND, Detail::Live).hits, 2);
}

#[test]
fn a_broker_that_is_killed_goes_on_with_exactly_what_was_committed() {
    let (dir, mut store) = store();
    let mut core = open(&store, 1);
    let actions = say(&mut core, register());
    settle(&mut core, &mut store, actions);
    for batch in [1..=3_000, 3_001..=6_000, 6_001..=6_010] {
        let mut actions = deliver(&mut core, batch);
        actions.extend(core.tick(2 * SECOND));
        settle(&mut core, &mut store, actions);
    }
    deliver(&mut core, [6_011]);
    drop((core, store));
    let store = Store::open(dir.path(), "r1").unwrap();
    let mut rows = 0;
    store.windows(|_, _, _, _| rows += 1).unwrap();
    assert_eq!(rows, 10, "what was folded is no row any more");
    let core = open(&store, 1);
    assert_eq!(core.result(3 * SECOND, Detail::Live).hits, 6_010);
    assert_eq!(core.result(3 * SECOND, Detail::Live).agents.connected, 1);
}

#[test]
fn a_poisoned_window_is_refused_by_number_and_the_next_ones_are_counted() {
    let (_dir, mut store) = store();
    let mut core = open(&store, 1);
    let mut windows: Vec<Window> = (1..=3).map(|seq| Window { seq, ..Window::default() }).collect();
    windows[1].step = 99;
    windows[2].totals.hits = 4;
    let message = Envelope::new("r1", 0, 5, ToBroker::Windows { epoch: 5, windows }).encode().unwrap();
    let actions = core.on_results(9, &message);
    let sent = settle(&mut core, &mut store, actions);
    assert!(matches!(&sent[0], (9, ToAgent::Nack { epoch: 5, seq: 2, reason }) if reason.contains("step")));
    assert_eq!(sent[1], (9, ToAgent::Ack { epoch: 5, seq: 3 }));
    assert_eq!((core.left_out().windows, core.result(SECOND, Detail::Live).hits), (1, 4));
}

#[test]
fn strangers_are_told_why_they_are_refused_and_garbage_is_left_out() {
    let (_dir, store) = store();
    let mut core = open(&store, 1);
    let stranger = Envelope::new("r2", 0, 5, ToBroker::Prepared).encode().unwrap();
    let answer = core.on_control(SECOND, 1, &stranger);
    assert!(
        matches!(&answer[..], [Action::Control(1, ToAgent::Refused { reason, .. })] if reason.contains("r2"))
    );
    assert_eq!(core.on_control(SECOND, 1, b"GET / HTTP/1.1"), []);
    assert_eq!(core.on_results(1, b"\xc1"), []);
    assert_eq!(core.left_out(), LeftOut { run: 1, garbage: 2, ..LeftOut::default() });
}

#[test]
fn everybody_leaves_after_the_result_is_stored_and_whoever_comes_back_is_told_again() {
    let (dir, mut store) = store();
    let mut core = open(&store, 1);
    let mut actions = say(&mut core, register());
    actions.extend(deliver(&mut core, [1, 2]));
    settle(&mut core, &mut store, actions);
    let actions = say(&mut core, ToBroker::Done { last_seq: 2, recovered: vec![], leaving: false });
    let sent = settle(&mut core, &mut store, actions);
    assert_eq!(sent, [(1, ToAgent::Bye)]);
    let result = core.finished().unwrap().clone();
    assert_eq!((result.verdict, result.hits, result.tests.planned), (Verdict::Passed, 2, 2), "{result:?}");
    drop((core, store));
    let mut core = open(&Store::open(dir.path(), "r1").unwrap(), 1);
    assert_eq!(say(&mut core, register()), [Action::Control(1, ToAgent::Bye)]);
    assert_eq!(core.finished(), Some(&result));
}

#[test]
fn clients_read_the_figures_and_stop_the_run() {
    let (_dir, mut store) = store();
    let mut core = open(&store, 2);
    let sent = say(&mut core, ToBroker::Summary);
    assert!(matches!(&sent[..], [Action::Control(1, ToAgent::Summary { done: false, .. })]));
    let actions = say(&mut core, ToBroker::Stop { stop: StopMode::Drain });
    settle(&mut core, &mut store, actions);
    assert_eq!(core.finished().unwrap().verdict, Verdict::Stopped);
}

/// A run of one agent that is over; its core holds the result.
fn held(store: &mut Store) -> Core<u8> {
    let mut plan = crate::aggregate::test_plan(&[Step { users: 1, length: Length::Hits(2) }]);
    (plan.agents, plan.min_agents) = (1, 1);
    let mut core = Core::open(plan, 0, true, SECOND, store).unwrap();
    let mut actions = say(&mut core, register());
    actions.extend(deliver(&mut core, [1, 2]));
    settle(&mut core, store, actions);
    let actions = say(&mut core, ToBroker::Done { last_seq: 2, recovered: vec![], leaving: false });
    assert_eq!(settle(&mut core, store, actions), [], "no last word yet");
    assert!(core.finished().is_some() && !core.released());
    core
}

#[test]
fn agents_stay_until_the_operator_keeps_the_result() {
    let (_dir, mut store) = store();
    let mut core = held(&mut store);
    let beat = ToBroker::Heartbeat(loads_wire::message::Heartbeat {
        sent_at: 1,
        state: AgentState::Done,
        step: 0,
        users: 0,
        cpu_millis: 0,
        lag_micros: 0,
        start_skew_micros: None,
    });
    let actions = say(&mut core, beat);
    let sent = settle(&mut core, &mut store, actions);
    assert!(matches!(sent[..], [(1, ToAgent::HeartbeatAck { .. })]), "it is not left alone: {sent:?}");
    let newcomer = Envelope::new("r1", 0, 6, register()).encode().unwrap();
    let answer = core.on_control(3 * SECOND, 2, &newcomer);
    assert_eq!(settle(&mut core, &mut store, answer), [(2, ToAgent::Bye)], "nothing is left to do");
    let wish = Desired { generation: 1, agents: 1, result_stored: true, ..Desired::default() };
    let actions = core.desire(3 * SECOND, wish);
    assert_eq!(settle(&mut core, &mut store, actions), [(1, ToAgent::Bye)]);
    let observed = core.observed(3 * SECOND, Detail::Live);
    assert_eq!((observed.stage, observed.progress_percent), (Stage::Finished, 100));
    assert_eq!(observed.result.reason, loads_wire::result::reason::PASSED);
}

#[test]
fn without_an_operator_they_leave_after_a_minute() {
    let (_dir, mut store) = store();
    let mut core = held(&mut store);
    let early = core.tick(61 * SECOND);
    assert_eq!(settle(&mut core, &mut store, early), []);
    let late = core.tick(62 * SECOND);
    assert_eq!(settle(&mut core, &mut store, late), [(1, ToAgent::Bye)]);
}

#[test]
fn an_agent_that_leaves_goes_alone_and_after_its_windows_are_committed() {
    let (_dir, mut store) = store();
    let mut core = open(&store, 2);
    let mut actions = say(&mut core, register());
    let other = Envelope::new("r1", 1, 8, register()).encode().unwrap();
    actions.extend(core.on_control(SECOND, 2, &other));
    settle(&mut core, &mut store, actions);
    let mut actions = say(&mut core, ToBroker::Done { last_seq: 2, recovered: vec![], leaving: true });
    actions.extend(deliver(&mut core, [1]));
    assert!(!settle(&mut core, &mut store, actions).contains(&(1, ToAgent::Bye)));
    let actions = deliver(&mut core, [2]);
    let sent = settle(&mut core, &mut store, actions);
    assert!(sent.contains(&(1, ToAgent::Bye)) && !sent.contains(&(2, ToAgent::Bye)), "{sent:?}");
    assert!(core.finished().is_none() && core.observed(SECOND, Detail::Live).connected == 2);
}

#[test]
fn a_criterion_ends_the_run_and_the_next_broker_says_the_same() {
    let (dir, mut store) = store();
    let plan = || {
        let mut plan = crate::aggregate::test_plan(&[Step { users: 1, length: Length::Seconds(60) }]);
        (plan.agents, plan.min_agents, plan.criteria) = (1, 1, vec!["hits<5 for 2s".to_owned()]);
        plan
    };
    let mut core: Core<u8> = Core::open(plan(), 0, false, SECOND, &store).unwrap();
    let actions = say(&mut core, register());
    settle(&mut core, &mut store, actions);
    let totals = Totals { hits: 1, sent: 1, ..Totals::default() };
    let window = |seq| Window { seq, second: seq as u32 - 1, totals, ..Window::default() };
    let windows = (1..=4).map(window).collect();
    let message = Envelope::new("r1", 0, 5, ToBroker::Windows { epoch: 5, windows }).encode().unwrap();
    let mut actions = core.on_results(9, &message);
    actions.extend(core.tick(6 * SECOND));
    let sent = settle(&mut core, &mut store, actions);
    assert!(sent.contains(&(1, ToAgent::Stop { stop: StopMode::Drain })), "{sent:?}");
    let judged = |core: &Core<u8>| {
        let result = core.result(7 * SECOND, Detail::Live);
        (result.criteria, result.reasons)
    };
    let before = judged(&core);
    assert_eq!((before.0[0].passed, before.0[0].failed_at_second), (false, Some(1)));
    assert!(before.1[0].contains("ended the run early"), "{:?}", before.1);
    drop((core, store));
    let store = Store::open(dir.path(), "r1").unwrap();
    let core: Core<u8> = Core::open(plan(), 0, false, SECOND, &store).unwrap();
    assert_eq!(judged(&core), before);
}

#[test]
fn a_plan_with_a_criterion_that_can_not_be_judged_is_refused() {
    let (_dir, store) = store();
    let mut plan = crate::aggregate::test_plan(&[]);
    plan.criteria = vec!["p95".to_owned()];
    let error = Core::<u8>::open(plan, 0, false, SECOND, &store).err().unwrap().to_string();
    assert!(error.starts_with("criterion `p95`: it compares nothing"), "{error}");
}
