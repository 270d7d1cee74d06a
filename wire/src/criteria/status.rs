//! Which HTTP statuses a criterion means.

/// `404`, `5xx`, `4??`, `*`: digits, with `x` or `?` for any digit and `*` for any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPattern(Vec<u8>);

impl StatusPattern {
    /// Reads a pattern; none when no status can be meant.
    pub(super) fn new(text: &str) -> Option<Self> {
        let is_known = |c: u8| c.is_ascii_digit() || b"x?*".contains(&c);
        (!text.is_empty() && text.bytes().all(is_known)).then(|| Self(text.bytes().collect()))
    }

    /// Whether this status is meant.
    pub fn covers(&self, status: u16) -> bool {
        covers(&self.0, status.to_string().as_bytes())
    }

    /// The first digit of every status that is meant, where there is one.
    pub(super) fn class(&self) -> Option<u8> {
        self.0.first().filter(|c| c.is_ascii_digit()).map(|c| c - b'0')
    }
}

fn covers(pattern: &[u8], status: &[u8]) -> bool {
    match (pattern.split_first(), status.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', pattern)), _) => (0..=status.len()).any(|taken| covers(pattern, &status[taken..])),
        (Some((b'x' | b'?', pattern)), Some((_, status))) => covers(pattern, status),
        (Some((digit, pattern)), Some((found, status))) => digit == found && covers(pattern, status),
        (Some(_), None) => false,
    }
}
