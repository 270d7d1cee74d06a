//! One pass/fail criterion: Taurus' grammar as a value. docs/criteria.md has it for readers.

mod parse;
mod status;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use parse::{CriterionError, MOST_FOR, MOST_WINDOW};
pub use status::StatusPattern;

use crate::text::duration;

/// What is judged, against what, over which time, and what follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// As the LoadTest has it.
    pub text: String,
    /// The figure that is judged.
    pub subject: Subject,
    /// Judge only requests of this label; none: all of them.
    pub label: Option<String>,
    /// How figure and threshold are compared.
    pub comparison: Comparison,
    /// In the unit of [`Criterion::unit`].
    pub threshold: f64,
    /// Over which time; none: the whole run, once, at its end.
    pub frame: Option<Frame>,
    /// Whether the run is ended early.
    pub stop: bool,
    /// Whether the run fails; else it is only noted.
    pub fail: bool,
}

/// The figure that a criterion judges.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// `avg-rt`: mean time to the last byte.
    MeanTime,
    /// `avg-lt`: mean time to the headers.
    MeanHeaders,
    /// `stdev-rt`: standard deviation of the time to the last byte.
    Deviation,
    /// `p95`: so many percent of the requests were no slower.
    Percentile(f64),
    /// `hits`: answers.
    Hits,
    /// `succ`: requests without an error.
    Succeeded(Measure),
    /// `fail`: requests with an error.
    Failed(Measure),
    /// `rc404`, `rc5xx`: answers with such a status.
    Status(StatusPattern, Measure),
    /// `bytes`: body bytes received.
    Bytes,
    /// `concurr`: active users.
    Users,
}

/// How a number of requests is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How many.
    Count,
    /// Their share of all requests.
    Share,
}

/// How the figure is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `=` or `==`
    Equal,
}

/// The time over which a figure is judged, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Every second for so long in a row.
    For(u32),
    /// Figured over the last so many seconds, from the first second on.
    Within(u32),
    /// Figured over the last so many seconds, once there are that many.
    Over(u32),
}

/// What a figure and its threshold are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// 0 to 1.
    Share,
    /// Bytes.
    Bytes,
    /// A number of something.
    Count,
}

/// Which values of a subject are better, where that is beyond doubt.
#[derive(PartialEq)]
enum Better {
    Smaller,
    Larger,
    Unknown,
}

impl Criterion {
    /// Whether a figure is on the side of the threshold that the criterion is there to catch.
    ///
    /// Taurus' reading is that the comparison says when a run fails. Where that could only fail good runs
    /// (`p95<300ms`, `fail<1%`, `succ>99%`), the comparison says what must hold instead.
    pub fn catches(&self, measured: f64) -> bool {
        let holds = match self.comparison {
            Comparison::Below => measured < self.threshold,
            Comparison::AtMost => measured <= self.threshold,
            Comparison::Above => measured > self.threshold,
            Comparison::AtLeast => measured >= self.threshold,
            // Thresholds are written down, so only exactly this number can be meant.
            Comparison::Equal => measured.total_cmp(&self.threshold).is_eq(),
        };
        holds != self.is_goal()
    }

    /// Whether the comparison says what must hold, and not what must not.
    pub fn is_goal(&self) -> bool {
        match self.comparison {
            Comparison::Below | Comparison::AtMost => self.subject.better() == Better::Smaller,
            Comparison::Above | Comparison::AtLeast => self.subject.better() == Better::Larger,
            Comparison::Equal => false,
        }
    }

    /// What figure and threshold are given in.
    pub fn unit(&self) -> Unit {
        match &self.subject {
            Subject::MeanTime | Subject::MeanHeaders | Subject::Deviation | Subject::Percentile(_) => {
                Unit::Seconds
            }
            Subject::Succeeded(measure) | Subject::Failed(measure) | Subject::Status(_, measure) => {
                match measure {
                    Measure::Share => Unit::Share,
                    Measure::Count => Unit::Count,
                }
            }
            Subject::Bytes => Unit::Bytes,
            Subject::Hits | Subject::Users => Unit::Count,
        }
    }

    /// Whether requests of `label` are judged. A criterion's label that is a path also means the URLs with
    /// that path, on whatever host: requests without a label of their own are named by their URL.
    pub fn is_of(&self, label: &str) -> bool {
        let Some(wanted) = &self.label else { return true };
        label == wanted || (wanted.starts_with('/') && path(label) == Some(wanted))
    }
}

fn path(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.find('/').map(|at| &rest[at..])
}

impl Subject {
    fn better(&self) -> Better {
        match self {
            Self::MeanTime | Self::MeanHeaders | Self::Deviation | Self::Percentile(_) | Self::Failed(_) => {
                Better::Smaller
            }
            Self::Succeeded(_) => Better::Larger,
            Self::Status(pattern, _) => match pattern.class() {
                Some(2) => Better::Larger,
                Some(4 | 5) => Better::Smaller,
                _ => Better::Unknown,
            },
            Self::Hits | Self::Bytes | Self::Users => Better::Unknown,
        }
    }
}

impl Frame {
    /// Its length.
    pub fn seconds(self) -> u32 {
        match self {
            Self::For(seconds) | Self::Within(seconds) | Self::Over(seconds) => seconds,
        }
    }
}

impl Unit {
    /// A value as people read it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => duration(value * 1e6),
            Self::Share => format!("{} %", plain(value * 100.0)),
            Self::Bytes => format!("{} B", plain(value)),
            Self::Count => plain(value),
        }
    }
}

/// A number with at most two decimals, and none that say nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
