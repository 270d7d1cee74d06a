//! Where a socket listens.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// A parsed endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Host (name or address, brackets kept) and port.
    Tcp(String, u16),
    /// Path of a unix socket.
    Ipc(PathBuf),
}

impl Endpoint {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Endpoint { endpoint: text.to_owned(), reason };
        if let Some(path) = text.strip_prefix("ipc://") {
            // 107 bytes is what a unix address holds.
            return match path.len() {
                0 => Err(refuse("the path is empty")),
                1..=107 => Ok(Self::Ipc(path.into())),
                _ => Err(refuse("the path is longer than 107 bytes")),
            };
        }
        let address = text.strip_prefix("tcp://").ok_or_else(|| refuse("the scheme is unknown"))?;
        let (host, port) = address.rsplit_once(':').ok_or_else(|| refuse("the port is missing"))?;
        let port = port.parse().map_err(|_| refuse("the port is not a number from 0 to 65535"))?;
        match host {
            "" => Err(refuse("the host is missing")),
            "*" => Ok(Self::Tcp("0.0.0.0".to_owned(), port)),
            _ => Ok(Self::Tcp(host.to_owned(), port)),
        }
    }

    /// Host without brackets, and port; TLS has no other endpoints.
    pub(crate) fn must_be_tcp(&self, text: &str) -> Result<(&str, u16), Error> {
        match self {
            Self::Tcp(host, port) => Ok((host.trim_start_matches('[').trim_end_matches(']'), *port)),
            Self::Ipc(_) => {
                let reason = "TLS is for tcp endpoints, a unix socket has the rights of its file";
                Err(Error::Endpoint { endpoint: text.to_owned(), reason })
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Self::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_come_back_as_they_were_written() {
        for text in ["tcp://127.0.0.1:0", "tcp://[::1]:5555", "ipc:///tmp/a.sock"] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Endpoint::parse("tcp://*:1").unwrap(), Endpoint::Tcp("0.0.0.0".into(), 1));
    }

    #[test]
    fn a_wrong_endpoint_is_refused_with_its_reason() {
        for (text, reason) in [
            ("http://a:1", "scheme"),
            ("tcp://a", "port is missing"),
            ("tcp://a:99999", "65535"),
            ("tcp://:1", "host"),
            ("ipc://", "empty"),
        ] {
            let message = Endpoint::parse(text).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
        assert!(Endpoint::parse(&format!("ipc://{}", "a".repeat(108))).is_err());
    }
}
