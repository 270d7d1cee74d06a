//! How much strangers may take: sizes, times, and shares of the open-file limit.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// File descriptors left to everything that is no guarded connection.
const RESERVED_FILES: u64 = 64;
/// Outer connection, and both ends of the inner one.
const FILES_A_CONNECTION: u64 = 3;
/// Above this many connections memory is the limit, not files.
const MOST_CONNECTIONS: u64 = 16_384;
/// Handshakes take milliseconds; more at once are half-open strangers.
const MOST_PENDING: u64 = 128;

/// Limits of one bound socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message in bytes, all frames together; a peer that announces more is dropped.
    pub max_message: usize,
    /// Time from accept to the end of the handshake.
    pub handshake: Duration,
    /// Time in which a peer must take what is written to it, before it is dropped.
    pub write_stall: Duration,
    /// Connections past the handshake. When all are taken, the oldest one that was [quiet](Self::quiet) for too
    /// long makes room; if all have sent something, the newcomer is turned away.
    pub max_connections: usize,
    /// Time from the end of the handshake in which a peer that never sent a message keeps its place all the same:
    /// its first message is on its way, and nobody would know that it is lost.
    pub quiet: Duration,
    /// Connections within the handshake; a newcomer evicts the oldest.
    pub max_pending: usize,
}

impl Limits {
    /// Limits for each of `sockets` bound sockets of this process, which share its open-file limit.
    pub fn for_sockets(sockets: u64) -> Self {
        Self::of_open_files(open_files(), sockets)
    }

    fn of_open_files(files: u64, sockets: u64) -> Self {
        let share = files.saturating_sub(RESERVED_FILES) / sockets.max(1);
        let pending = (share / 4).clamp(4, MOST_PENDING);
        let connections = share.saturating_sub(pending) / FILES_A_CONNECTION;
        Self {
            max_message: loads_wire::message::MAX_MESSAGE,
            handshake: Duration::from_secs(5),
            write_stall: Duration::from_mins(1),
            max_connections: connections.clamp(4, MOST_CONNECTIONS) as usize,
            quiet: Duration::from_millis(500),
            max_pending: pending as usize,
        }
    }
}

impl Default for Limits {
    /// For a broker's three sockets.
    fn default() -> Self {
        Self::for_sockets(3)
    }
}

fn open_files() -> u64 {
    // A limit that can not be read is taken as the usual soft one.
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft)
}

/// Raises the soft open-file limit of this process to the hard one and returns it. Call it first thing in a
/// program that binds sockets; children inherit it.
pub fn raise_open_files() -> u64 {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(reason) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(soft, hard, %reason, "open-file limit stays low");
    }
    open_files()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sockets_together_stay_below_the_open_file_limit() {
        for files in [256, 1024, 4096, 65_536] {
            for sockets in [1, 3] {
                let limits = Limits::of_open_files(files, sockets);
                let used = limits.max_pending + limits.max_connections * FILES_A_CONNECTION as usize;
                assert!(used as u64 * sockets + RESERVED_FILES <= files, "{files} files, {sockets} sockets");
            }
        }
    }

    #[test]
    fn raising_reaches_the_hard_limit() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(raise_open_files(), hard);
    }
}
