//! Waiting for conditions, never for time.

use std::time::{Duration, Instant};

/// Longer than anything here takes on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// Between two questions.
const AGAIN: Duration = Duration::from_millis(10);
/// Between two questions that start a program.
const SLOWLY: Duration = Duration::from_millis(300);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    every(AGAIN, PATIENCE, what, ask)
}

/// The same for questions that cost something.
///
/// # Panics
/// When there is no answer within [`PATIENCE`].
pub fn slowly<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    every(SLOWLY, PATIENCE, what, ask)
}

/// The same for what takes longer by its nature.
///
/// # Panics
/// When there is no answer within `limit`.
pub fn patiently<T>(limit: Duration, what: &str, ask: impl FnMut() -> Option<T>) -> T {
    every(SLOWLY, limit, what, ask)
}

fn every<T>(pause: Duration, limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::park_timeout(pause);
    }
}
