//! Quantities that a LoadTest may give as an integer or as text: counts by step, and spans of time.

use std::fmt;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Longest span of time that any field accepts: 30 days.
pub const MAX_SECONDS: u32 = 30 * 24 * 3600;
/// Most entries of a colon list, so also most steps made of one list.
pub const MAX_STEPS: usize = 32;

/// A span of time as text, as a regular expression without anchors.
pub(crate) const SPAN_TEXT: &str =
    "[0-9]{1,3}h([0-9]{1,5}m)?([0-9]{1,7}s)?|[0-9]{1,5}m([0-9]{1,7}s)?|[0-9]{1,7}s";

/// Text that is neither a colon list nor a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A count that is no number, zero, or too big.
    #[error(
        "`{text}`: must be a positive whole number or several joined by colons, such as `10` or `10:20:30`, each at most {max}, at most 32 of them"
    )]
    Counts {
        /// What was given.
        text: String,
        /// The largest number that the field takes.
        max: u32,
    },
    /// A span of time that is not written as `1h30m20s`.
    #[error("`{0}`: must be whole seconds or a span such as `90s`, `5m` or `1h30m20s`, at most 720h")]
    Span(String),
}

fn text(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

/// Plain digits are a number in YAML and on the command line alike.
fn int_or_text(text: &str) -> IntOrString {
    text.parse().map_or_else(|_| IntOrString::String(text.to_owned()), IntOrString::Int)
}

/// The figures of a colon list, when each lies in `1..=max`.
fn counts(value: &IntOrString, max: u32) -> Result<Vec<u32>, QuantityError> {
    let text = text(value);
    let figures: Option<Vec<u32>> = text
        .split(':')
        .map(|figure| figure.parse().ok().filter(|figure| (1..=max).contains(figure)))
        .collect();
    figures.filter(|figures| figures.len() <= MAX_STEPS).ok_or(QuantityError::Counts { text, max })
}

macro_rules! count_list {
    ($name:ident, $max:literal, $digits:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name(IntOrString);

        impl $name {
            /// The largest figure of the list.
            pub const MAX: u32 = $max;

            /// One figure for each step, in order.
            pub fn steps(&self) -> Result<Vec<u32>, QuantityError> {
                counts(&self.0, Self::MAX)
            }
        }

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                let list = Self(int_or_text(text));
                list.steps().map(|_| list)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&text(&self.0))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let figure = concat!("[1-9][0-9]{0,", $digits, "}");
                json_schema!({
                    "x-kubernetes-int-or-string": true,
                    "minimum": 1,
                    "maximum": Self::MAX,
                    "maxLength": 400,
                    "pattern": format!("^{figure}(:{figure}){{0,31}}$"),
                })
            }
        }
    };
}

count_list!(Users, 999_999, "5", "Users of each step: an integer, or a list such as `10:20:30`.");
count_list!(Hits, 999_999_999, "8", "Test executions of each user: an integer, or a list such as `1:10`.");

/// A span of time: integer seconds, or text such as `90s`, `5m` or `1h30m20s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(IntOrString);

impl Span {
    /// Length in whole seconds.
    pub fn seconds(&self) -> Result<u32, QuantityError> {
        let seconds = match &self.0 {
            IntOrString::Int(seconds) => u32::try_from(*seconds).ok(),
            IntOrString::String(text) => parse_span(text),
        };
        seconds.filter(|seconds| *seconds <= MAX_SECONDS).ok_or_else(|| QuantityError::Span(text(&self.0)))
    }

    /// A span of so many seconds.
    pub fn from_seconds(seconds: u32) -> Self {
        Self(IntOrString::Int(i32::try_from(seconds).unwrap_or(i32::MAX)))
    }

    pub(crate) fn literal(text: &str) -> Self {
        Self(IntOrString::String(text.to_owned()))
    }
}

/// Hours, minutes, seconds in this order, each at most once, at least one of them.
fn parse_span(text: &str) -> Option<u32> {
    let (mut rest, mut total, mut last) = (text, 0_u32, u32::MAX);
    while !rest.is_empty() {
        let (figure, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = match tail.as_bytes().first()? {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(figure.parse::<u32>().ok()?.checked_mul(unit)?)?;
        rest = &tail[1..];
    }
    (last != u32::MAX).then_some(total)
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let span = Self(int_or_text(text));
        span.seconds().map(|_| span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&text(&self.0))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 0,
            "maximum": MAX_SECONDS,
            "maxLength": 20,
            "pattern": format!("^({SPAN_TEXT})$"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_list_is_one_step_after_the_other() {
        assert_eq!("10:20:30".parse::<Users>().unwrap().steps().unwrap(), [10, 20, 30]);
        assert_eq!("7".parse::<Hits>().unwrap().steps().unwrap(), [7]);
    }

    #[test]
    fn counts_refuse_zero_words_and_too_much() {
        for text in ["", "0", "10:x", "10:", ":10", "-1", "1000000", "1.5", &["1"; 33].join(":")] {
            assert!(text.parse::<Users>().is_err(), "{text}");
        }
        assert!("999999999".parse::<Hits>().is_ok());
        assert!("1000000000".parse::<Hits>().is_err());
    }

    #[test]
    fn a_span_is_seconds_or_hours_minutes_seconds() {
        for (text, seconds) in
            [("60", 60), ("90s", 90), ("5m", 300), ("1h30m20s", 5420), ("1h20s", 3620), ("0s", 0)]
        {
            assert_eq!(text.parse::<Span>().unwrap().seconds().unwrap(), seconds, "{text}");
        }
    }

    #[test]
    fn a_span_refuses_other_units_wrong_order_and_more_than_a_month() {
        for text in ["", "s", "5x", "1s1h", "5m5m", "1d", "1.5s", "-5", "5 m", "721h", "2592001"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn quantities_keep_the_form_in_which_they_were_given() {
        for json in ["5", "\"5m\""] {
            let span: Span = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&span).unwrap(), json);
        }
    }
}
