//! What is worth remembering between two looks at a LoadTest, and can be forgotten without harm.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt;
use loads_api::LoadTest;

use crate::bundle::Layout;
use crate::problem::Problem;

/// A child that was made shows in its store within this time, or is gone.
const SHOWN_AFTER: Duration = Duration::from_secs(20);
/// Between two writes of a status in which nothing but figures changed.
const FIGURES: Duration = Duration::from_secs(5);
/// Between two looks at pods and events of one run.
const LOOK: Duration = Duration::from_secs(10);

/// By LoadTest uid.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    made: HashMap<(String, String), Instant>,
    layout: Option<Layout>,
    secret: Option<String>,
    written: Option<Instant>,
    waiting_since: Option<Instant>,
    looked: Option<Instant>,
    why: Option<Problem>,
    failures: u32,
}

impl Memory {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, test: &LoadTest, use_it: impl FnOnce(&mut Remembered) -> T) -> T {
        use_it(self.all().entry(test.uid().unwrap_or_default()).or_default())
    }

    /// Forgets a LoadTest that is over or gone.
    pub fn forget(&self, test: &LoadTest) {
        self.all().remove(&test.uid().unwrap_or_default());
    }

    /// A child was made just now; the watch tells of it later.
    pub fn made(&self, test: &LoadTest, kind: String, name: String) {
        self.with(test, |all| all.made.insert((kind, name), Instant::now()));
    }

    /// Whether a child was made a moment ago.
    pub fn was_made(&self, test: &LoadTest, kind: &str, name: &str) -> bool {
        let key = (kind.to_owned(), name.to_owned());
        self.with(test, |all| all.made.get(&key).is_some_and(|at| at.elapsed() < SHOWN_AFTER))
    }

    /// Where the files come from, as read when the run was accepted.
    pub fn layout(&self, test: &LoadTest) -> Option<Layout> {
        self.with(test, |all| all.layout.clone())
    }

    /// See [`Memory::layout`].
    pub fn keep_layout(&self, test: &LoadTest, layout: Layout) {
        self.with(test, |all| all.layout = Some(layout));
    }

    /// The Secret that was made; the plan that names it shows a moment later.
    pub fn secret(&self, test: &LoadTest) -> Option<String> {
        self.with(test, |all| all.secret.clone())
    }

    /// See [`Memory::secret`].
    pub fn keep_secret(&self, test: &LoadTest, secret: String) {
        self.with(test, |all| all.secret = Some(secret));
    }

    /// Forgets all but these.
    pub fn retain(&self, uids: &std::collections::HashSet<String>) {
        self.all().retain(|uid, _| uids.contains(uid));
    }

    /// How long figures must wait until they may be written again.
    pub fn figures_wait(&self, test: &LoadTest) -> Option<Duration> {
        self.with(test, |all| all.written.and_then(|at| FIGURES.checked_sub(at.elapsed())))
    }

    /// A status was written.
    pub fn written(&self, test: &LoadTest) {
        self.with(test, |all| all.written = Some(Instant::now()));
    }

    /// Agents are missing: how long already.
    pub fn waiting(&self, test: &LoadTest) -> Duration {
        self.with(test, |all| all.waiting_since.get_or_insert_with(Instant::now).elapsed())
    }

    /// All agents are there.
    pub fn complete(&self, test: &LoadTest) {
        self.with(test, |all| (all.waiting_since, all.looked, all.why) = (None, None, None));
    }

    /// Whether it is time to look at pods and events again.
    pub fn may_look(&self, test: &LoadTest) -> bool {
        self.with(test, |all| {
            let may = all.looked.is_none_or(|at| at.elapsed() >= LOOK);
            if may {
                all.looked = Some(Instant::now());
            }
            may
        })
    }

    /// What the last look found.
    pub fn why(&self, test: &LoadTest) -> Option<Problem> {
        self.with(test, |all| all.why.clone())
    }

    /// See [`Memory::why`].
    pub fn keep_why(&self, test: &LoadTest, why: Option<Problem>) {
        self.with(test, |all| all.why = why);
    }

    /// How long to wait after one more failure: doubling from half a second to half a minute.
    pub fn failed(&self, test: &LoadTest) -> Duration {
        self.with(test, |all| {
            all.failures = (all.failures + 1).min(7);
            Duration::from_millis(250 << all.failures).min(Duration::from_secs(30))
        })
    }

    /// It went well again.
    pub fn succeeded(&self, test: &LoadTest) {
        self.with(test, |all| all.failures = 0);
    }
}
