//! Who works in an agent's folder, and whether the broker has all that is in it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

const LOCK: &str = "lock";
const DELIVERED: &str = "delivered";

/// Held by the living process of an agent's folder; the system gives it back however that ends.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "held, never read")] Flock<File>);

/// Claims the folder; none while another process has it.
pub fn claim(agent_dir: &Path) -> io::Result<Option<Claim>> {
    fs::create_dir_all(agent_dir)?;
    let file = File::create(agent_dir.join(LOCK))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(Claim(lock))),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, reason)) => Err(reason.into()),
    }
}

/// Notes that the broker has everything of all processes up to this epoch.
pub fn note_delivered(agent_dir: &Path, epoch: u64) -> io::Result<()> {
    fs::write(agent_dir.join(DELIVERED), epoch.to_string())
}

/// Whether the broker has everything of the process of this epoch.
pub fn is_delivered(agent_dir: &Path, epoch: u64) -> bool {
    let noted = fs::read_to_string(agent_dir.join(DELIVERED)).ok().and_then(|text| text.parse().ok());
    noted.is_some_and(|up_to: u64| epoch <= up_to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = claim(dir.path()).unwrap();
        assert!(first.is_some() && claim(dir.path()).unwrap().is_none());
        drop(first);
        assert!(claim(dir.path()).unwrap().is_some());
    }

    #[test]
    fn what_is_delivered_is_remembered_for_all_processes_up_to_then() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_delivered(dir.path(), 1));
        note_delivered(dir.path(), 7).unwrap();
        assert!(is_delivered(dir.path(), 7) && !is_delivered(dir.path(), 8));
    }
}
