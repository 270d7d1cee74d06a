//! When a request began: ISO 8601, with or without fraction and offset, or seconds since the Unix epoch.

use super::fields::Scalar;

/// Seconds since the Unix epoch. A time without offset is UTC, as the original's are.
pub(super) fn seconds(started: &Scalar<'_>) -> Option<f64> {
    let Scalar::Text(text) = started else { return started.number() };
    iso(text.trim().as_bytes()).or_else(|| started.number())
}

fn iso(text: &[u8]) -> Option<f64> {
    let (date, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if !separators.iter().all(|(at, byte)| date[*at] == *byte) || !matches!(date[10], b'T' | b' ') {
        return None;
    }
    let part = |from: usize, to: usize| digits(&date[from..to]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let possible =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let (fraction, rest) = fraction(rest);
    let whole = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(rest)?;
    possible.then_some(whole as f64 + fraction)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn fraction(text: &[u8]) -> (f64, &[u8]) {
    let Some(text) = text.strip_prefix(b".") else { return (0.0, text) };
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (part, rest) = text.split_at(end);
    let fraction = part.iter().rev().fold(0.0, |sum, digit| (sum + f64::from(digit - b'0')) / 10.0);
    (fraction, rest)
}

/// Seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"" | b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let seconds = digits(&[*h1, *h2])? * 3600 + digits(&[*m1, *m2])? * 60;
            Some(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

/// Days from 1970-01-01; years begin in March, so that the leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn text(text: &str) -> Option<f64> {
        seconds(&Scalar::Text(Cow::Borrowed(text)))
    }

    #[test]
    fn all_ways_of_writing_one_instant_are_understood() {
        for same in [
            "2026-11-22T01:50:42.5",
            "2026-11-22T01:50:42.500000Z",
            "2026-11-22 03:50:42.50+02:00",
            "2026-11-21T21:50:42.5-0400",
            "1795312242.5",
        ] {
            assert_eq!(text(same), Some(1_795_312_242.5), "{same}");
        }
        assert_eq!(seconds(&Scalar::Number(1_795_312_242.5)), Some(1_795_312_242.5));
        assert_eq!(text("2000-02-29T00:00:00"), Some(951_782_400.0));
        assert_eq!(text("1970-01-01T00:00:00"), Some(0.0));
    }

    #[test]
    fn nonsense_is_no_instant() {
        for wrong in
            ["", "yesterday", "2026-13-22T01:50:42", "2026-11-22T01:50", "2026-11-22T01:50:42.5+1", "NaN"]
        {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
