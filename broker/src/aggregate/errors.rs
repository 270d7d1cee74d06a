//! Equal errors counted together, bounded however many messages a test makes up.

use std::collections::BTreeMap;

use loads_wire::ErrorKind;
use loads_wire::result::ErrorEntry;
use loads_wire::window::{ErrorSample, ErrorSource, OTHER_LABEL};
use serde::{Deserialize, Serialize};

/// Distinct errors that keep their message; further ones are counted under their kind.
pub const MAX_ERRORS: usize = 200;
/// Kinds that are told apart (`other:CLASS` makes them endless); further ones are counted as `other:other`.
const MAX_KINDS: usize = 100;
/// Longest message and traceback kept, in bytes.
const MAX_MESSAGE: usize = 1_000;
const MAX_TRACEBACK: usize = 16_000;
/// Message of errors that are counted under their kind alone.
const FOLDED: &str = "(further messages of this kind)";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    kind: ErrorKind,
    source: ErrorSource,
    label: String,
    message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    count: u64,
    traceback: String,
}

/// Errors of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    seen: BTreeMap<Key, Seen>,
    by_kind: BTreeMap<(ErrorSource, ErrorKind), u64>,
}

impl Errors {
    /// Adds a window's sample.
    pub fn add(&mut self, sample: &ErrorSample) {
        let kind = self.count_kind(sample);
        let mut key = Key {
            kind,
            source: sample.source,
            label: cut(&sample.label, MAX_MESSAGE),
            message: cut(&sample.message, MAX_MESSAGE),
        };
        if self.seen.len() >= MAX_ERRORS && !self.seen.contains_key(&key) {
            key = Key { label: String::new(), message: FOLDED.to_owned(), ..key };
        }
        let seen = self.seen.entry(key).or_default();
        seen.count += sample.count;
        // The smallest, not the first: so that the order of windows does not matter.
        let smaller = seen.traceback.is_empty() || sample.traceback < seen.traceback;
        if !sample.traceback.is_empty() && smaller {
            seen.traceback = cut(&sample.traceback, MAX_TRACEBACK);
        }
    }

    fn count_kind(&mut self, sample: &ErrorSample) -> ErrorKind {
        let known = self.by_kind.contains_key(&(sample.source, sample.kind.clone()));
        let kind = if known || self.by_kind.len() < MAX_KINDS {
            sample.kind.clone()
        } else {
            ErrorKind::Other(OTHER_LABEL.to_owned())
        };
        *self.by_kind.entry((sample.source, kind.clone())).or_default() += sample.count;
        kind
    }

    /// Most common first, at most `limit`.
    pub fn result(&self, limit: usize) -> Vec<ErrorEntry> {
        let mut seen: Vec<_> = self.seen.iter().collect();
        seen.sort_by_key(|(key, seen)| (std::cmp::Reverse(seen.count), *key));
        seen.truncate(limit);
        seen.into_iter().map(|(key, seen)| entry(key, seen)).collect()
    }

    /// Counts by kind of those that were seen at `source`.
    pub fn by_kind(&self, source: ErrorSource) -> BTreeMap<String, u64> {
        let of_source = self.by_kind.iter().filter(|((s, _), _)| *s == source);
        of_source.map(|((_, kind), count)| (kind.name().into_owned(), *count)).collect()
    }
}

fn entry(key: &Key, seen: &Seen) -> ErrorEntry {
    let source = match key.source {
        ErrorSource::Request => "request",
        ErrorSource::TestError => "testError",
        ErrorSource::TestFailure => "testFailure",
        ErrorSource::Runner => "runner",
    };
    ErrorEntry {
        kind: key.kind.name().into_owned(),
        source: source.to_owned(),
        label: key.label.clone(),
        message: key.message.clone(),
        traceback: seen.traceback.clone(),
        count: seen.count,
    }
}

fn cut(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: ErrorKind, message: &str) -> ErrorSample {
        let (label, traceback) = ("/".to_owned(), String::new());
        ErrorSample {
            kind,
            source: ErrorSource::Request,
            label,
            message: message.into(),
            traceback,
            count: 2,
        }
    }

    #[test]
    fn messages_past_the_limit_are_counted_under_their_kind() {
        let mut errors = Errors::default();
        for i in 0..MAX_ERRORS + 5 {
            errors.add(&sample(ErrorKind::Reset, &format!("connection {i}")));
        }
        let top = &errors.result(1)[0];
        assert_eq!((top.message.as_str(), top.count), (FOLDED, 10));
        assert_eq!(errors.by_kind(ErrorSource::Request)["reset"], 2 * (MAX_ERRORS as u64 + 5));
    }

    #[test]
    fn classes_past_the_limit_are_counted_as_other() {
        let mut errors = Errors::default();
        for i in 0..1_000 {
            errors.add(&sample(ErrorKind::Other(format!("Class{i}")), "boom"));
        }
        let kinds = errors.by_kind(ErrorSource::Request);
        assert_eq!(kinds.len(), MAX_KINDS + 1);
        assert_eq!(kinds["other:other"], 2 * (1_000 - MAX_KINDS as u64));
        assert!(errors.result(usize::MAX).len() <= MAX_ERRORS + MAX_KINDS + 1);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut errors = Errors::default();
        errors.add(&sample(ErrorKind::Dns, &"ü".repeat(3_001)));
        assert_eq!(errors.result(1)[0].message.len(), MAX_MESSAGE);
    }
}
