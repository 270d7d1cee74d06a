//! `loads run`: a LoadTest on this machine, from file to summary.

mod args;
mod load_test;
mod local;
mod page;
mod processes;
mod progress;
mod remote;
mod results;
mod stage;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loads_wire::message::StopMode;
use loads_wire::result::Verdict;
use loads_wire::{Plan, RunResult};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use args::Args;
use page::Page;
use progress::Progress;
use stage::Stage;

use crate::exit::Exit;
use crate::signals::stop_orders;
use crate::summary;

/// A run that goes on: its figures, the way to end it, and its end.
pub struct Running {
    /// Figures so far.
    live: watch::Receiver<Arc<RunResult>>,
    /// Ends the load.
    stop: mpsc::UnboundedSender<StopMode>,
    /// The final figures.
    finished: JoinHandle<Result<RunResult, Exit>>,
}

/// What a run needs, made ready.
pub struct Job {
    /// What to do.
    plan: Plan,
    /// Where.
    stage: Stage,
    /// Where it can be watched.
    page: Option<Page>,
    /// Folder of this run alone: store, spools, logs, sockets.
    state_dir: PathBuf,
}

/// Runs the load test and prints its summary.
pub async fn run(args: Args) -> Result<(), Exit> {
    let mut orders = stop_orders()?;
    let loaded = load_test::load(&args)?;
    for sentence in loaded.load_test.spec.not_done() {
        eprintln!("warning: {sentence}");
    }
    let plan = loaded.load_test.plan(&run_id(&loaded.load_test)).map_err(|e| Exit::usage(e.to_string()))?;
    let results = args.results.as_deref().map(results::Writer::open).transpose()?;
    let scratch = Scratch::new(args.state_dir.as_deref())?;
    let mut progress = Progress::new(args.quiet);
    let bundle = loaded.load_test.spec.bundle.clone().unwrap_or_default();
    let stage =
        stage::prepare(&args, &bundle, &plan, &loaded.base, scratch.path(), |text| progress.say(text))?;
    let mut plan = plan;
    let _target = if args.demo_server { Some(target::start(&mut plan).await?) } else { None };
    let page = open_page(&args).await?;
    let job = Job { plan: plan.clone(), stage, page, state_dir: scratch.path().to_owned() };
    let mut running = if args.processes { processes::start(job)? } else { local::start(job).await? };
    let result = follow(&mut running, &mut orders, &plan, &mut progress).await;
    progress.finish();
    let result = result?;
    if let Some(writer) = results {
        writer.write(&result)?;
    }
    if result.verdict == Verdict::Error && result.started_at.is_empty() {
        // Nothing was sent: there is nothing to sum up, and the reason is an error like any other.
        return Err(Exit::error(result.reasons.join("\n")));
    }
    print!("{}", summary::render(&result, &summary::Style::of_stdout()));
    Exit::of(result.verdict)
}

async fn open_page(args: &Args) -> Result<Option<Page>, Exit> {
    let Some(address) = &args.page else { return Ok(None) };
    let page = Page::open(address, args.processes).await?;
    if let Some(url) = page.url() {
        // Not progress: without it the page can not be found.
        eprintln!("live page: {url}");
    }
    Ok(Some(page))
}

async fn follow(
    running: &mut Running,
    orders: &mut watch::Receiver<Option<StopMode>>,
    plan: &Plan,
    progress: &mut Progress,
) -> Result<RunResult, Exit> {
    loop {
        tokio::select! {
            finished = &mut running.finished => {
                return finished.map_err(|e| Exit::error(format!("the run broke down: {e}")))?;
            }
            Ok(()) = running.live.changed() => progress.update(plan, &running.live.borrow_and_update()),
            Ok(()) = orders.changed() => {
                let order = *orders.borrow_and_update();
                if let Some(mode) = order {
                    progress.say(match mode {
                        StopMode::Drain => "stopping: what is in flight may finish (Ctrl-C again to cut it)",
                        StopMode::Now => "cutting",
                    });
                    let _ = running.stop.send(mode);
                }
            }
        }
    }
}

/// Name, time and process: unique on this machine and telling in logs.
fn run_id(load_test: &loads_api::LoadTest) -> String {
    let name = load_test.metadata.name.as_deref().unwrap_or("local");
    format!("{name}-{}-{}", jiff::Timestamp::now().as_millisecond(), std::process::id())
}

/// The run's folder: the user's to keep, or a temporary one.
enum Scratch {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Scratch {
    fn new(kept: Option<&Path>) -> Result<Self, Exit> {
        let Some(dir) = kept else {
            let made = tempfile::Builder::new().prefix("loads-").tempdir();
            return made.map(Self::Temporary).map_err(|e| {
                Exit::error(format!("no temporary folder can be made: {e}; set TMPDIR or give --state-dir"))
            });
        };
        let refuse = |e| {
            Exit::usage(format!(
                "the state dir {} can not be used: {e}; give another with --state-dir",
                dir.display()
            ))
        };
        std::fs::create_dir_all(dir).map_err(refuse)?;
        Ok(Self::Kept(std::fs::canonicalize(dir).map_err(refuse)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}
