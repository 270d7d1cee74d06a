//! Figures and texts as people read them.

pub use loads_wire::text::duration;

/// A time of so many microseconds as the original wrote it, `0.04s`, with digits enough for a fast server.
pub fn seconds(micros: f64) -> String {
    let decimals = if micros < 1e6 { 4 } else { 2 };
    format!("{:.decimals$}s", micros / 1e6)
}

/// Removes what would steer the terminal: servers and tests choose these texts. Newlines stay.
pub fn clean(text: &str) -> String {
    let plain = text.replace('\t', "    ");
    plain.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// [`clean`], and without newlines.
pub fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// Cuts out the middle when there are more than `most` characters: both ends of a URL say something.
pub fn shorten(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let tail = kept / 2;
    let head: String = text.chars().take(kept - tail).collect();
    let tail: String = text.chars().skip(length - tail).collect();
    format!("{head}…{tail}")
}

/// Breaks at blanks so that lines fit `width`; the first line starts with `first`, others with `next`.
/// A word that is wider than a line stays whole: it may be a URL to copy.
pub fn wrap(text: &str, width: usize, first: &str, next: &str) -> String {
    let mut out = String::from(first);
    let mut column = first.chars().count();
    let mut is_line_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_line_start && column + 1 + length > width {
            out.push('\n');
            out.push_str(next);
            column = next.chars().count();
            is_line_start = true;
        }
        if !is_line_start {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        is_line_start = false;
    }
    out
}

/// `1 user`, `2 users`.
pub fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_show_a_fast_servers_time() {
        assert_eq!((seconds(83.0), seconds(2_345_000.0)), ("0.0001s".into(), "2.35s".into()));
    }

    #[test]
    fn texts_of_strangers_do_not_steer_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\r\n\tc\u{9b}"), "a[31mb\n    c");
        assert_eq!(one_line("a\nb"), "a b");
    }

    #[test]
    fn a_long_label_keeps_both_ends() {
        assert_eq!(shorten("http://127.0.0.1/a/long/path", 13), "http:/…g/path");
        assert_eq!(shorten("äöü", 3), "äöü");
    }

    #[test]
    fn wrapping_breaks_at_blanks_and_never_within_a_word() {
        assert_eq!(wrap("one two three", 9, "- ", "  "), "- one two\n  three");
        assert_eq!(wrap("http://a.very.long/url and", 9, "", " "), "http://a.very.long/url\n and");
    }
}
