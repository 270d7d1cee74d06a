//! Why a socket can not be made or a message not be sent.

use std::io;
use std::path::PathBuf;

/// What went wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint is not written as one.
    #[error(
        "endpoint {endpoint:?} is not usable: {reason}; write tcp://HOST:PORT (port 0: any free one) or ipc://PATH"
    )]
    Endpoint {
        /// As given.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The endpoint can not be listened on.
    #[error("can not listen on {endpoint}: {source}; choose another endpoint or stop what uses it")]
    Bind {
        /// As given.
        endpoint: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The socket behind the frame filter can not be made.
    #[error(
        "can not make a private socket below {place}: {reason}; TMPDIR must name a writable directory with a short path"
    )]
    Private {
        /// The temporary directory.
        place: String,
        /// The reason.
        reason: String,
    },
    /// Certificates or key can not be used.
    #[error(
        "TLS with {path} is not possible: {reason}; the folder must hold ca.crt, tls.crt and tls.key in PEM, all of one run"
    )]
    Tls {
        /// The file, or the folder.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The other side would drop the connection.
    #[error("message of {size} bytes is over the limit of {limit}: send it in parts")]
    TooBig {
        /// Size of the message in bytes.
        size: usize,
        /// Largest size in bytes.
        limit: usize,
    },
    /// The socket is gone, nothing will ever arrive.
    #[error("socket is closed")]
    Closed,
}
