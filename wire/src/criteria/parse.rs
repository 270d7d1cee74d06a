//! From the text of a criterion to its value, or to what is wrong with it.

use super::{Comparison, Criterion, Frame, Measure, StatusPattern, Subject};

/// Longest `for`, in seconds.
pub const MOST_FOR: u32 = 24 * 3600;
/// Longest `within` and `over`, in seconds: so much is kept in memory by second.
pub const MOST_WINDOW: u32 = 600;

/// Most characters of a pattern after `rc`: each `*` multiplies the ways to match.
const MOST_PATTERN: usize = 8;

const SUBJECTS: &str =
    "avg-rt, avg-lt, stdev-rt, p50 to p100, hits, succ, fail, rc404 or rc5xx, bytes, concurr";
const TIMES: [(&str, f64); 6] =
    [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
const BYTES: [(&str, f64); 7] = [
    ("b", 1.0),
    ("k", 1024.0),
    ("kb", 1024.0),
    ("m", 1_048_576.0),
    ("mb", 1_048_576.0),
    ("g", 1_073_741_824.0),
    ("gb", 1_073_741_824.0),
];

/// Why a text is no criterion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {problem}")]
pub struct CriterionError {
    /// The criterion.
    text: String,
    /// What is wrong with which part, and what to write.
    problem: String,
}

type Parsed<T> = Result<T, String>;

impl Criterion {
    /// Reads `[message:] subject [of label] < threshold [for|within|over time][, stop|continue [as
    /// failed|non-failed]]`.
    pub fn parse(text: &str) -> Result<Self, CriterionError> {
        parse(text).map_err(|problem| CriterionError { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Parsed<Criterion> {
    let at = text.find(['<', '>', '=']).ok_or_else(|| {
        "it compares nothing: write a subject, one of < <= > >= =, and a threshold, such as `p95<300ms`"
            .to_owned()
    })?;
    let (comparison, rest) = comparison(&text[at..])?;
    let (condition, action) = match rest.split_once(',') {
        Some((condition, action)) => (condition, Some(action)),
        None => (rest, None),
    };
    let (name, label) = subject_and_label(&text[..at])?;
    let mut words = condition.split_whitespace();
    let threshold = words.next().ok_or_else(|| {
        format!("a threshold is missing after `{}`, such as `p95<300ms`", text[..at].trim())
    })?;
    let subject = subject(name, threshold.ends_with('%'))?;
    if subject == Subject::Users && label.is_some() {
        return Err("users have no label: leave out `of …`".to_owned());
    }
    let frame = frame(&words.collect::<Vec<_>>())?;
    let (stop, fail) = action.map_or(Ok((true, true)), self::action)?;
    Ok(Criterion {
        text: text.to_owned(),
        threshold: self::threshold(&subject, threshold)?,
        subject,
        label,
        comparison,
        frame,
        stop,
        fail,
    })
}

fn comparison(rest: &str) -> Parsed<(Comparison, &str)> {
    let known = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("==", Comparison::Equal),
        ("<", Comparison::Below),
        (">", Comparison::Above),
        ("=", Comparison::Equal),
    ];
    let found = known.iter().find_map(|(sign, meaning)| Some((*meaning, rest.strip_prefix(sign)?)));
    match found {
        Some((meaning, rest)) if !rest.starts_with(['<', '>', '=']) => Ok((meaning, rest)),
        _ => Err("figure and threshold are compared by one of < <= > >= =".to_owned()),
    }
}

/// The message before a colon is for people. A colon may be part of the label as well: only what does not
/// begin with a subject can be a message.
fn subject_and_label(head: &str) -> Parsed<(&str, Option<String>)> {
    let without_message = match head.split_once(':') {
        Some((message, rest)) if !starts_with_subject(message) => rest,
        _ => head,
    };
    let head = without_message.trim();
    let Some((name, rest)) = head.split_once(char::is_whitespace) else {
        return if head.is_empty() {
            Err(format!("a subject is missing: one of {SUBJECTS}"))
        } else {
            Ok((head, None))
        };
    };
    let label = rest.trim_start().strip_prefix("of").filter(|rest| rest.starts_with(char::is_whitespace));
    match label.map(str::trim) {
        Some(label) if !label.is_empty() => Ok((name, Some(label.to_owned()))),
        _ => Err(format!("after `{name}` only `of LABEL` can follow, not `{}`", rest.trim())),
    }
}

fn starts_with_subject(message: &str) -> bool {
    let mut words = message.split_whitespace();
    let is_subject = words.next().is_some_and(|name| subject(name, false).is_ok());
    is_subject && words.next() == Some("of")
}

fn subject(name: &str, is_share: bool) -> Parsed<Subject> {
    let measure = if is_share { Measure::Share } else { Measure::Count };
    let begins =
        |with: &str| name.strip_prefix(with).is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_lowercase()));
    let subject = match name {
        "avg-rt" => Subject::MeanTime,
        "avg-lt" => Subject::MeanHeaders,
        "stdev-rt" => Subject::Deviation,
        "hits" => Subject::Hits,
        "bytes" => Subject::Bytes,
        "avg-ct" => {
            return Err(format!(
                "the time to connect is not measured apart (avg-lt has it in it); use one of {SUBJECTS}"
            ));
        }
        _ if begins("succ") => return Ok(Subject::Succeeded(measure)),
        _ if begins("fail") => return Ok(Subject::Failed(measure)),
        _ if begins("concurr") => Subject::Users,
        _ => match (name.strip_prefix("rc"), name.strip_prefix('p')) {
            (Some(pattern), _) => return Ok(Subject::Status(status(pattern)?, measure)),
            (_, Some(percent)) => percentile(name, percent)?,
            _ => return Err(format!("`{name}` is no subject; use one of {SUBJECTS}")),
        },
    };
    if is_share {
        return Err(format!("`{name}` has no share: % goes with succ, fail and rc…, such as `fail>1%`"));
    }
    Ok(subject)
}

fn status(pattern: &str) -> Parsed<StatusPattern> {
    StatusPattern::new(pattern).filter(|_| pattern.len() <= MOST_PATTERN).ok_or_else(|| {
        format!(
            "`rc{pattern}` is no HTTP status: write digits, x or ? for any digit, * for all, such as rc404 or rc5xx; \
             requests without an answer are in `fail`"
        )
    })
}

fn percentile(name: &str, percent: &str) -> Parsed<Subject> {
    let digits = percent.starts_with(|c: char| c.is_ascii_digit());
    let percent = percent.parse::<f64>().ok().filter(|p| digits && (0.0..=100.0).contains(p));
    percent.map(Subject::Percentile).ok_or_else(|| format!("`{name}` is no subject; use one of {SUBJECTS}"))
}

fn threshold(subject: &Subject, text: &str) -> Parsed<f64> {
    if let Some(percent) = text.strip_suffix('%') {
        let share = number(percent).filter(|percent| (0.0..=100.0).contains(percent));
        return share
            .map(|percent| percent / 100.0)
            .ok_or_else(|| format!("`{text}` is no share: write 0% to 100%"));
    }
    match subject {
        Subject::MeanTime | Subject::MeanHeaders | Subject::Deviation | Subject::Percentile(_) => time(text)
            .ok_or_else(|| {
                format!("`{text}` is no time: write 300ms, 1.5s or 1m30s; a number alone is seconds")
            }),
        Subject::Bytes => with_units(&text.to_ascii_lowercase(), &BYTES)
            .ok_or_else(|| format!("`{text}` is no size: write bytes, 64k or 10MB (1k = 1024)")),
        Subject::Hits | Subject::Users => {
            number(text).ok_or_else(|| format!("`{text}` is no number: write how many, without a unit"))
        }
        Subject::Succeeded(_) | Subject::Failed(_) | Subject::Status(..) => number(text)
            .ok_or_else(|| format!("`{text}` is no number: write how many, or a share such as 1%")),
    }
}

fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    text.parse().ok().filter(|_| is_plain)
}

fn time(text: &str) -> Option<f64> {
    with_units(text, &TIMES)
}

/// Numbers with units one after the other, added up: `1m30s`. A number alone counts by one.
fn with_units(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    if let Some(alone) = number(text) {
        return Some(alone);
    }
    let (mut sum, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let next =
            rest[end..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |length| end + length);
        let (_, worth) = units.iter().find(|(unit, _)| *unit == &rest[end..next])?;
        sum += number(&rest[..end])? * worth;
        rest = &rest[next..];
    }
    Some(sum)
}

fn frame(words: &[&str]) -> Parsed<Option<Frame>> {
    let (logic, text) = match words {
        [] => return Ok(None),
        [logic @ ("for" | "within" | "over"), time] => (*logic, *time),
        _ => {
            let rest = words.join(" ");
            return Err(format!(
                "after the threshold only `for`, `within` or `over` and a time can follow, not `{rest}`"
            ));
        }
    };
    let most = if logic == "for" { MOST_FOR } else { MOST_WINDOW };
    let seconds =
        time(text).filter(|seconds| seconds.fract() == 0.0 && (1.0..=f64::from(most)).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        format!(
            "`{logic} {text}`: the time must be whole seconds, 1s to {most}s; without a time the whole run is judged"
        )
    })? as u32;
    Ok(Some(match logic {
        "for" => Frame::For(seconds),
        "within" => Frame::Within(seconds),
        _ => Frame::Over(seconds),
    }))
}

/// Whether the run stops, and whether it fails.
fn action(text: &str) -> Parsed<(bool, bool)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let stop = match words.first() {
        Some(&"stop") => Some(true),
        Some(&"continue") => Some(false),
        _ => None,
    };
    let fail = match words.get(1..) {
        Some([] | ["as", "failed"]) => Some(true),
        Some(["as", "non-failed"]) => Some(false),
        _ => None,
    };
    stop.zip(fail).ok_or_else(|| {
        format!(
            "`{}` is no action: write `stop` or `continue`, and behind it `as failed` or `as non-failed` if you like",
            text.trim()
        )
    })
}
