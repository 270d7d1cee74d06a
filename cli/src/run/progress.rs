//! What is seen on standard error while a run goes on.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use loads_wire::{Plan, RunResult};

use crate::summary::live_line;

/// Without a terminal, a line so often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal, a line now and then elsewhere, or nothing.
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// In a log.
    Lines(Instant),
    /// `--quiet`.
    Quiet,
}

impl Progress {
    /// Chooses by the terminal.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !stderr().is_terminal() {
            return Self::Lines(Instant::now());
        }
        let bar = ProgressBar::new(1000);
        if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {percent:>3}% {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self::Bar(bar)
    }

    /// Shows the figures so far.
    pub fn update(&mut self, plan: &Plan, live: &RunResult) {
        match self {
            Self::Bar(bar) => {
                bar.set_position((share(plan, live) * 1000.0) as u64);
                bar.set_message(live_line(live));
            }
            Self::Lines(last) if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                eprintln!("{:3.0}% {}", share(plan, live) * 100.0, live_line(live));
            }
            Self::Lines(_) | Self::Quiet => {}
        }
    }

    /// Says something that stays.
    pub fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Self::Lines(_) => eprintln!("{text}"),
            Self::Quiet => {}
        }
    }

    /// Makes room for the summary.
    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
        }
    }
}

/// How much of the run is done, 0 to 1: by time where time decides, else by test executions.
fn share(plan: &Plan, live: &RunResult) -> f64 {
    let tests = &live.tests;
    let (done, all) = plan.timetable_seconds().map_or_else(
        || {
            let finished = tests.success + tests.errors + tests.failures + tests.skipped + tests.interrupted;
            (finished as f64, plan.executions_per_agent().unwrap_or(0) as f64 * f64::from(plan.agents))
        },
        |seconds| (live.duration_seconds, seconds as f64),
    );
    if all > 0.0 { (done / all).clamp(0.0, 1.0) } else { 0.0 }
}
