//! When each step of an agent begins and ends: pure.

use loads_wire::Plan;
use loads_wire::plan::Length;

use super::inbox::Welcome;
use crate::clock::SECOND;
use crate::executor::StepOrder;

/// How to come by the order for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Begin by this order.
    Go(StepOrder),
    /// Its time is over (this process joined later).
    Missed,
    /// The broker's word for this step is needed first.
    Wait,
}

/// The step's turn, given T, the barrier's word for it and the time now.
pub fn turn(welcome: &Welcome, step: u16, run_start: u64, barrier: Option<u64>, now: u64) -> Turn {
    let plan = &welcome.plan;
    let Some(this) = plan.steps.get(usize::from(step)) else { return Turn::Missed };
    let executions = welcome.remaining.get(usize::from(step)).copied();
    let order = |start, end| {
        let (users, length) = (this.users, this.length);
        Turn::Go(StepOrder { step, users, length, run_start, start, end, executions })
    };
    match this.length {
        Length::Seconds(seconds) => {
            let start = run_start + seconds_before(plan, step) * SECOND;
            let end = start + u64::from(seconds) * SECOND;
            if now >= end { Turn::Missed } else { order(start, Some(end)) }
        }
        Length::Hits(_) if executions == Some(0) => Turn::Missed,
        // A later process of this index has no need of the barrier for the step that the run is in.
        Length::Hits(_) if step == 0 || welcome.step == Some(step) => {
            order(barrier.unwrap_or(run_start).max(run_start), None)
        }
        Length::Hits(_) => barrier.map_or(Turn::Wait, |at| order(at, None)),
    }
}

fn seconds_before(plan: &Plan, step: u16) -> u64 {
    let before = plan.steps.iter().take(usize::from(step));
    before.map(|s| if let Length::Seconds(seconds) = s.length { u64::from(seconds) } else { 0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::plan::{ExecutorPlan, ExternalPlan, OnAgentLoss, Step};

    const T: u64 = 100 * SECOND;

    fn welcome(lengths: &[Length]) -> Welcome {
        let plan = Plan {
            run_id: "r".into(),
            test: "t".into(),
            executor: ExecutorPlan::External(ExternalPlan { command: vec!["true".into()] }),
            server_url: None,
            agents: 1,
            min_agents: 1,
            steps: lengths.iter().map(|l| Step { users: 2, length: *l }).collect(),
            rate: None,
            ramp_up_seconds: 0,
            start_timeout_seconds: 60,
            broker_silence_seconds: 60,
            drain_seconds: 10,
            on_agent_loss: OnAgentLoss::Replace,
            test_dir: None,
            python_deps: Vec::new(),
            bundle_digest: None,
            targets: None,
        };
        Welcome { plan, remaining: Vec::new(), step: None }
    }

    fn times(turn: Turn) -> (u64, Option<u64>) {
        let Turn::Go(order) = turn else { panic!("not a go: {turn:?}") };
        (order.start, order.end)
    }

    #[test]
    fn duration_steps_follow_each_other_without_a_word_from_the_broker() {
        let w = welcome(&[Length::Seconds(10), Length::Seconds(5)]);
        assert_eq!(times(turn(&w, 0, T, None, T)), (T, Some(T + 10 * SECOND)));
        assert_eq!(times(turn(&w, 1, T, None, T)), (T + 10 * SECOND, Some(T + 15 * SECOND)));
    }

    #[test]
    fn a_late_process_joins_the_step_of_the_timetable() {
        let w = welcome(&[Length::Seconds(10), Length::Seconds(5)]);
        assert_eq!(turn(&w, 0, T, None, T + 11 * SECOND), Turn::Missed);
        assert_eq!(times(turn(&w, 1, T, None, T + 11 * SECOND)).0, T + 10 * SECOND);
    }

    #[test]
    fn hits_steps_after_the_first_wait_for_the_barrier() {
        let w = welcome(&[Length::Hits(3), Length::Hits(3)]);
        assert_eq!(times(turn(&w, 0, T, None, T)), (T, None));
        assert_eq!(turn(&w, 1, T, None, T), Turn::Wait);
        assert_eq!(times(turn(&w, 1, T, Some(T + 7), T)), (T + 7, None));
    }

    #[test]
    fn a_replacement_does_what_is_left_and_nothing_twice() {
        let mut w = welcome(&[Length::Hits(3), Length::Hits(3)]);
        (w.remaining, w.step) = (vec![0, 4], Some(1));
        assert_eq!(turn(&w, 0, T, None, T), Turn::Missed);
        let Turn::Go(order) = turn(&w, 1, T, None, T) else { panic!("must not wait") };
        assert_eq!(order.executions, Some(4));
    }
}
