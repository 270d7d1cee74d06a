//! HTTP/2, beside the hot path: a runtime for each lane, users as tasks, requests as streams over shared
//! connections.

mod exchange;
mod pool;
mod step;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use loads_wire::message::StopMode;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;

use super::control::{Command, LaneState};
use super::draw::Random;
use super::lane::Setting;
use super::tally::Tally;
use crate::clock;
use crate::record::Recorder;
use step::Step;

/// A lane, run by [`Lane::run`] on its own thread.
pub struct Lane {
    runtime: Runtime,
    setting: Setting,
    recorder: Recorder,
    state: Arc<LaneState>,
}

/// What all tasks of a lane share; none holds a borrow over an await.
struct Shared {
    setting: Setting,
    tally: RefCell<Tally>,
    random: RefCell<Random>,
    state: Arc<LaneState>,
    pool: pool::Pool,
}

impl Lane {
    /// A lane with a runtime of its own.
    pub fn new(setting: Setting, recorder: Recorder, state: Arc<LaneState>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, setting, recorder, state })
    }

    /// Works until [`Command::Quit`], or until nobody can send commands any more.
    pub fn run(self, commands: UnboundedReceiver<Command>) {
        let scenario = Arc::clone(&self.setting.scenario);
        let seed = clock::now() ^ (u64::from(self.setting.agent) << 32) ^ u64::from(self.setting.lane);
        let shared = Rc::new(Shared {
            pool: pool::Pool::new(&self.setting),
            tally: RefCell::new(Tally::new(self.recorder, scenario)),
            random: RefCell::new(Random::new(seed)),
            state: self.state,
            setting: self.setting,
        });
        LocalSet::new().block_on(&self.runtime, serve(shared, commands));
    }
}

async fn serve(shared: Rc<Shared>, mut commands: UnboundedReceiver<Command>) {
    let mut step: Option<Rc<Step>> = None;
    loop {
        match commands.recv().await {
            Some(Command::Step(order)) => step = Some(step::begin(&shared, order)),
            Some(Command::Stop(mode, done)) => {
                let Some(step) = step.clone() else {
                    let _ = done.send(());
                    continue;
                };
                step.ending.cancel();
                if mode == StopMode::Now {
                    step.cut.cancel();
                }
                let shared = Rc::clone(&shared);
                tokio::task::spawn_local(async move {
                    step.finished.cancelled().await;
                    shared.tally.borrow_mut().recorder.end_step(clock::now());
                    let _ = done.send(());
                });
            }
            Some(Command::Quit) | None => {
                if let Some(step) = step {
                    step.cut.cancel();
                    step.finished.cancelled().await;
                }
                shared.tally.borrow_mut().recorder.end_step(clock::now());
                return;
            }
        }
    }
}
