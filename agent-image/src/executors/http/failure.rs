//! Names for what goes wrong with a connection.

use std::io;

use loads_wire::ErrorKind;

/// Why a request failed: the name it is counted under, and one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The name.
    pub kind: ErrorKind,
    /// The line; without ports and times, so that equal failures are counted as one.
    pub message: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The peer ended the connection.
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the server closed the connection before the answer was complete")
    }

    /// Whether the connection was gone, rather than anything wrong with the answer.
    pub fn is_gone(&self) -> bool {
        matches!(self.kind, ErrorKind::Closed | ErrorKind::Reset)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::ConnectionRefused => ErrorKind::Refused,
            Io::TimedOut => ErrorKind::ConnectTimeout,
            Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe => ErrorKind::Reset,
            Io::UnexpectedEof => ErrorKind::Closed,
            _ if is_tls(&error) => ErrorKind::Tls,
            _ if no_descriptor(&error) => ErrorKind::Other("TooManyOpenFiles".to_owned()),
            kind => ErrorKind::Other(format!("{kind:?}")),
        };
        Self::new(kind, error.to_string())
    }
}

/// std has no name for these.
fn no_descriptor(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(nix::libc::EMFILE | nix::libc::ENFILE))
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_have_their_names() {
        let of = |errno: i32| Failure::from(io::Error::from_raw_os_error(errno)).kind.name().into_owned();
        assert_eq!(of(nix::libc::ECONNREFUSED), "refused");
        assert_eq!(of(nix::libc::ECONNRESET), "reset");
        assert_eq!(of(nix::libc::EPIPE), "reset");
        assert_eq!(of(nix::libc::ETIMEDOUT), "connect-timeout");
        assert_eq!(of(nix::libc::EADDRNOTAVAIL), "other:AddrNotAvailable");
        assert_eq!(of(nix::libc::EMFILE), "other:TooManyOpenFiles");
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(Failure::from(tls).kind, ErrorKind::Tls);
    }
}
