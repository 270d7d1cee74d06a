//! One archive of all files, byte for byte the same for the same files.

use std::fs;
use std::io;
use std::path::Path;

use loads_agent::bundle::UNPACKED_LIMIT;
use loads_wire::bundle::BUNDLE_LIMIT;
use tar::{Builder, EntryType, Header};

use super::collect::{Entries, Entry};
use crate::exit::Exit;

/// Slow and small: packed once, unpacked by every agent, kept in etcd.
const LEVEL: i32 = 19;

/// A `tar.zst` of the entries.
pub fn pack(entries: &Entries) -> Result<Vec<u8>, Exit> {
    let refuse = |e: io::Error| Exit::error(format!("the archive can not be made: {e}"));
    let encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).map_err(refuse)?;
    let mut builder = Builder::new(encoder);
    let mut unpacked = 0;
    for (path, entry) in entries {
        unpacked += append(&mut builder, path, entry)
            .map_err(|e| Exit::error(format!("{} can not be packed: {e}", path.display())))?;
        if unpacked > UNPACKED_LIMIT {
            return Err(Exit::usage(format!(
                "with {} the files have {unpacked} bytes, and {UNPACKED_LIMIT} is the limit; fetch large data in the test",
                path.display()
            )));
        }
    }
    let packed = builder.into_inner().and_then(zstd::stream::write::Encoder::finish).map_err(refuse)?;
    if packed.len() as u64 > BUNDLE_LIMIT {
        return Err(Exit::usage(format!(
            "packed, the files have {} bytes, and {BUNDLE_LIMIT} is the limit of a bundle; leave out what the test does \
             not need, or put it into an image",
            packed.len()
        )));
    }
    Ok(packed)
}

/// Returns the size of the content.
fn append<W: io::Write>(builder: &mut Builder<W>, path: &Path, entry: &Entry) -> io::Result<u64> {
    // A new header's numbers are not 0 but missing.
    let mut header = Header::new_gnu();
    let (kind, mode) = match entry {
        Entry::Folder => (EntryType::Directory, 0o755),
        Entry::File { executable, .. } => (EntryType::Regular, if *executable { 0o755 } else { 0o644 }),
        Entry::Link(_) => (EntryType::Symlink, 0o777),
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(0);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match entry {
        Entry::File { from, .. } => {
            let content = fs::read(from)?;
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_slice())?;
            return Ok(content.len() as u64);
        }
        Entry::Folder => builder.append_data(&mut header, path, io::empty())?,
        Entry::Link(target) => builder.append_link(&mut header, path, target)?,
    }
    Ok(0)
}
