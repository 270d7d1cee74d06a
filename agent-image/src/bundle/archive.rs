//! Unpacks a `tar.zst` below one folder, within bounds.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use loads_wire::bundle::FILES_LIMIT;
use tar::{Entry, EntryType};

use super::Error;
use super::place::{Root, failed, relative};

/// Most bytes of what an archive unpacks to.
pub const UNPACKED_LIMIT: u64 = 200 * 1024 * 1024;
/// Heads and padding of as many entries as there may be.
const HEADS: u64 = FILES_LIMIT as u64 * 2048;

/// Unpacks the archive. Links are made last and checked where they really lead, so that nothing is ever written
/// or read through one that leads out.
pub fn unpack(number: &str, packed: &[u8], root: &Root) -> Result<(), Error> {
    let broken = |e: io::Error| Error::Archive { number: number.to_owned(), reason: e.to_string() };
    let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(broken)?;
    let mut archive = tar::Archive::new(decoder.take(UNPACKED_LIMIT + HEADS));
    let mut unpacking = Unpacking { number, root, links: Vec::new(), bytes: 0 };
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        if count >= FILES_LIMIT {
            let reason = format!("it has more than {FILES_LIMIT} entries");
            return Err(Error::Archive { number: number.to_owned(), reason });
        }
        unpacking.entry(entry.map_err(broken)?)?;
    }
    unpacking.make_links()
}

struct Unpacking<'a> {
    number: &'a str,
    root: &'a Root,
    /// Path of the link, what it says, and its path as it stands in the archive.
    links: Vec<(PathBuf, PathBuf, String)>,
    bytes: u64,
}

impl Unpacking<'_> {
    fn refuse(&self, entry: &str, reason: impl Into<String>) -> Error {
        let place = format!("archive {} of the bundle", self.number);
        Error::Entry { place, entry: entry.to_owned(), reason: reason.into() }
    }

    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), Error> {
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = entry.path().map_err(|e| self.refuse(&shown, e.to_string()))?.into_owned();
        let path = relative(path).map_err(|reason| self.refuse(&shown, reason))?;
        let kind = entry.header().entry_type();
        if path.as_os_str().is_empty() && kind != EntryType::Directory {
            return Err(self.refuse(&shown, "it has no name"));
        }
        match kind {
            EntryType::Directory => self.root.folder(&path).map(drop),
            EntryType::Regular | EntryType::Continuous => self.file(&mut entry, &path, &shown),
            EntryType::Symlink => {
                let target = self.target(&entry, &shown)?;
                self.links.push((path, target, shown));
                Ok(())
            }
            EntryType::Link => {
                let target = self.target(&entry, &shown)?;
                self.hard_link(&path, &target, &shown)
            }
            EntryType::XGlobalHeader => Ok(()),
            EntryType::Char | EntryType::Block => Err(self.refuse(&shown, "it is a device")),
            EntryType::Fifo => Err(self.refuse(&shown, "it is a fifo")),
            _ => Err(self.refuse(&shown, "it is neither a file, a folder nor a link")),
        }
    }

    fn file<R: Read>(&mut self, entry: &mut Entry<'_, R>, path: &Path, shown: &str) -> Result<(), Error> {
        let size = entry.size();
        if self.bytes.saturating_add(size) > UNPACKED_LIMIT {
            return Err(self.refuse(shown, format!("with it, more than {UNPACKED_LIMIT} bytes are unpacked")));
        }
        let mode = entry.header().mode().map_err(|e| self.refuse(shown, e.to_string()))?;
        self.bytes += size;
        let written = self.root.write(path, entry, mode & 0o111 != 0)?;
        if written != size {
            return Err(self.refuse(shown, format!("it ends after {written} of {size} bytes")));
        }
        Ok(())
    }

    fn target<R: Read>(&self, entry: &Entry<'_, R>, shown: &str) -> Result<PathBuf, Error> {
        match entry.link_name() {
            Ok(Some(target)) => Ok(target.into_owned()),
            Ok(None) => Err(self.refuse(shown, "it is a link to nothing")),
            Err(e) => Err(self.refuse(shown, e.to_string())),
        }
    }

    /// Names a file that was unpacked before; there are no other links yet that it could lead through.
    fn hard_link(&self, path: &Path, target: &Path, shown: &str) -> Result<(), Error> {
        let inside = relative(target)
            .map_err(|_| self.refuse(shown, format!("it links to {}, outside of the bundle", target.display())))?;
        let original = self.root.path().join(inside);
        if !fs::symlink_metadata(&original).is_ok_and(|meta| meta.is_file()) {
            let reason = format!("it links to {}, which is no file before it", target.display());
            return Err(self.refuse(shown, reason));
        }
        let link = self.root.free(path)?;
        fs::hard_link(&original, &link).map_err(failed(&link))
    }

    fn make_links(&self) -> Result<(), Error> {
        let mut made = Vec::new();
        for (path, target, shown) in &self.links {
            let link = self.root.free(path)?;
            std::os::unix::fs::symlink(target, &link).map_err(failed(&link))?;
            made.push((link, target, shown));
        }
        // Only when all are there can be seen where each leads.
        let outside = made.iter().find(|(link, ..)| !self.leads_inside(link));
        let Some((_, target, shown)) = outside else { return Ok(()) };
        for (link, ..) in &made {
            fs::remove_file(link).map_err(failed(link))?;
        }
        Err(self.refuse(shown, format!("it links to {}, outside of the bundle or nowhere", target.display())))
    }

    fn leads_inside(&self, link: &Path) -> bool {
        link.canonicalize().is_ok_and(|real| real.starts_with(self.root.path()))
    }
}
