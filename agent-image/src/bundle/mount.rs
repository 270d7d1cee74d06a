//! The mounted tree, read into memory: it is small, and must be whole before anything of it is used.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use loads_wire::bundle::{Archive, BUNDLE_LIMIT, FILES_LIMIT, sha256};

use super::Error;

/// Folders within folders; Kubernetes' links to data folders never come near it, a circle of links does.
const DEPTH: usize = 32;
const INDEX: &str = "archive.json";

/// One mounted file.
#[derive(Debug)]
pub struct Mounted {
    /// Below the mount.
    pub path: String,
    /// Whole.
    pub content: Vec<u8>,
    /// By its mode.
    pub executable: bool,
}

/// Everything below the mount, in the order of paths. Names that begin with `..` are Kubernetes' own; its links
/// are followed.
pub fn read(mount: &Path) -> Result<Vec<Mounted>, Error> {
    let mut reading = Reading { files: Vec::new(), bytes: 0 };
    reading.folder(mount, "", 0)?;
    reading.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(reading.files)
}

struct Reading {
    files: Vec<Mounted>,
    bytes: u64,
}

impl Reading {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Error> {
        let refuse = |reason: String| Error::Mount { path: folder.to_owned(), reason };
        if depth > DEPTH {
            return Err(refuse(format!("more than {DEPTH} folders within each other")));
        }
        for entry in fs::read_dir(folder).map_err(|e| refuse(e.to_string()))? {
            let entry = entry.map_err(|e| refuse(e.to_string()))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(refuse(format!("the name {} is not UTF-8", entry.file_name().display())));
            };
            if name.starts_with("..") {
                continue;
            }
            let (path, below) = (entry.path(), format!("{prefix}{name}"));
            if path.is_dir() {
                self.folder(&path, &format!("{below}/"), depth + 1)?;
            } else {
                self.file(&path, below)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, below: String) -> Result<(), Error> {
        let refuse = |reason: String| Error::Mount { path: path.to_owned(), reason };
        let meta = fs::metadata(path).map_err(|e| refuse(e.to_string()))?;
        self.bytes += meta.len();
        // The archive's index is small, and not the user's: only their own bytes count against the limit.
        if self.bytes > BUNDLE_LIMIT + 64 * 1024 {
            return Err(refuse(format!("all files together are over the limit of {BUNDLE_LIMIT} bytes")));
        }
        if self.files.len() >= FILES_LIMIT {
            return Err(refuse(format!("there are more than {FILES_LIMIT} files")));
        }
        let content = fs::read(path).map_err(|e| refuse(e.to_string()))?;
        self.files.push(Mounted { path: below, content, executable: meta.permissions().mode() & 0o111 != 0 });
        Ok(())
    }
}

/// The archives, joined and checked, by their number.
pub fn archives(files: &[Mounted]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut found: BTreeMap<&str, Vec<(&str, &Mounted)>> = BTreeMap::new();
    for file in files {
        let below = file.path.strip_prefix("archives/").and_then(|path| path.split_once('/'));
        if let Some((number, rest)) = below {
            found.entry(number).or_default().push((rest, file));
        }
    }
    found.into_iter().map(|(number, parts)| Ok((number.to_owned(), join(number, &parts)?))).collect()
}

fn join(number: &str, entries: &[(&str, &Mounted)]) -> Result<Vec<u8>, Error> {
    let refuse = |reason: String| Error::Archive { number: number.to_owned(), reason };
    let index = entries.iter().find(|(path, _)| *path == INDEX);
    let (_, index) = index.ok_or_else(|| refuse(format!("it has no {INDEX}")))?;
    let index: Archive = serde_json::from_slice(&index.content)
        .map_err(|e| refuse(format!("its {INDEX} can not be read: {e}")))?;
    // The order of paths is the order of parts: they are numbered with leading zeros.
    let parts: Vec<_> = entries.iter().filter(|(path, _)| path.starts_with("parts/")).collect();
    if parts.len() != index.parts.len() {
        return Err(refuse(format!("{} of its {} parts are mounted", parts.len(), index.parts.len())));
    }
    let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| part.content.iter().copied()).collect();
    if whole.len() as u64 != index.size {
        return Err(refuse(format!(
            "its parts have {} bytes together, its index says {}",
            whole.len(),
            index.size
        )));
    }
    if sha256(&whole) != index.sha256 {
        return Err(refuse("its parts are not what its index says (SHA-256 differs)".to_owned()));
    }
    Ok(whole)
}
