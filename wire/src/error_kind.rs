//! The one closed list of names under which every executor reports a failed request.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a request failed. Serialised as its kebab-case name; anything outside the list is `other:CLASS`,
/// where CLASS is the class name that the executor's language gives the error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// Nobody listens at the address.
    Refused,
    /// The host name has no address.
    Dns,
    /// The operator does not allow load to go to the address.
    NotAllowed,
    /// No connection within the time limit.
    ConnectTimeout,
    /// Connected and sent, but no (full) answer within the time limit.
    ReadTimeout,
    /// Handshake, certificate or record failure.
    Tls,
    /// The peer reset the connection.
    Reset,
    /// The peer closed the connection before the answer was complete.
    Closed,
    /// What came back is not HTTP.
    BadResponse,
    /// More redirects than the client follows.
    TooManyRedirects,
    /// The answer came whole, with a status that the test did not expect.
    UnexpectedStatus,
    /// Anything else, by class name.
    Other(String),
}

impl ErrorKind {
    /// Every kind that has a name of its own.
    pub const NAMED: [(&'static str, Self); 11] = [
        ("refused", Self::Refused),
        ("dns", Self::Dns),
        ("not-allowed", Self::NotAllowed),
        ("connect-timeout", Self::ConnectTimeout),
        ("read-timeout", Self::ReadTimeout),
        ("tls", Self::Tls),
        ("reset", Self::Reset),
        ("closed", Self::Closed),
        ("bad-response", Self::BadResponse),
        ("too-many-redirects", Self::TooManyRedirects),
        ("unexpected-status", Self::UnexpectedStatus),
    ];

    /// The name used in results, metrics and on the wire.
    pub fn name(&self) -> Cow<'static, str> {
        if let Self::Other(class) = self {
            return Cow::Owned(format!("other:{class}"));
        }
        let named = Self::NAMED.iter().find(|(_, kind)| kind == self);
        Cow::Borrowed(named.map_or("other", |(name, _)| name))
    }

    /// The kind behind a name; an unknown name becomes [`ErrorKind::Other`], so that nothing is lost.
    pub fn from_name(name: &str) -> Self {
        let known = Self::NAMED.iter().find(|(n, _)| *n == name).map(|(_, kind)| kind.clone());
        known.unwrap_or_else(|| Self::Other(name.strip_prefix("other:").unwrap_or(name).to_owned()))
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_name(&Cow::<'de, str>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_own_name() {
        for (_, kind) in ErrorKind::NAMED {
            assert_eq!(ErrorKind::from_name(&kind.name()), kind);
        }
        let other = ErrorKind::Other("ValueError".into());
        assert_eq!(other.name(), "other:ValueError");
        assert_eq!(ErrorKind::from_name("other:ValueError"), other);
    }
}
