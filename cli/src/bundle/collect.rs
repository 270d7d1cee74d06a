//! Which files go into a bundle, and under which paths.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use loads_wire::bundle::FILES_LIMIT;

use crate::exit::Exit;

/// Left out wherever they are: what other tools keep for themselves.
const SKIPPED: [&str; 2] = [".git", "__pycache__"];

/// What is at a path of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Where it is read from.
        from: PathBuf,
        /// By its mode.
        executable: bool,
    },
    /// A link to somewhere in the bundle.
    Link(PathBuf),
}

/// Everything by its path in the bundle, which is the order of the archive.
pub type Entries = BTreeMap<PathBuf, Entry>;

/// Finds everything that the folders and patterns name.
pub fn collect(paths: &[String]) -> Result<Entries, Exit> {
    let mut entries = Entries::new();
    for pattern in paths {
        let folder = Path::new(pattern);
        if folder.is_dir() {
            let root = real(folder)?;
            walk(&root, &root, Path::new(""), &mut entries)?;
            continue;
        }
        for found in matches(pattern)? {
            let root = real(&found)?;
            let name = found.file_name().map(PathBuf::from).unwrap_or_default();
            take(&root, &root, &name, &mut entries)?;
        }
    }
    if entries.is_empty() {
        return Err(Exit::usage(format!("there is no file in {}", paths.join(", "))));
    }
    Ok(entries)
}

fn real(path: &Path) -> Result<PathBuf, Exit> {
    path.canonicalize().map_err(|e| Exit::usage(format!("{} can not be read: {e}", path.display())))
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>, Exit> {
    let found =
        glob::glob(pattern).map_err(|e| Exit::usage(format!("{pattern:?} is no glob pattern: {e}")))?;
    let found: Vec<PathBuf> = found.filter_map(Result::ok).collect();
    if found.is_empty() {
        return Err(Exit::usage(format!("{pattern:?} is no folder, and as a pattern it matches nothing")));
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, below: &Path, entries: &mut Entries) -> Result<(), Exit> {
    let refuse = |e: std::io::Error| Exit::usage(format!("{} can not be read: {e}", folder.display()));
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        take(root, &entry.path(), &below.join(name), entries)?;
    }
    Ok(())
}

/// Takes what is at `from`; links may lead anywhere in `root`.
fn take(root: &Path, from: &Path, path: &Path, entries: &mut Entries) -> Result<(), Exit> {
    let refuse =
        |reason: String| Exit::usage(format!("{} can not go into a bundle: {reason}", from.display()));
    let meta = fs::symlink_metadata(from).map_err(|e| refuse(e.to_string()))?;
    let entry = if meta.is_symlink() {
        Entry::Link(link(root, from).map_err(refuse)?)
    } else if meta.is_dir() {
        Entry::Folder
    } else if meta.is_file() {
        Entry::File { from: from.to_owned(), executable: meta.permissions().mode() & 0o111 != 0 }
    } else {
        return Err(refuse("it is neither a file, a folder nor a link".to_owned()));
    };
    let is_folder = entry == Entry::Folder;
    if let Some(other) = entries.insert(path.to_owned(), entry.clone())
        && other != entry
    {
        return Err(refuse(format!("something else is {} in it already", path.display())));
    }
    if entries.len() > FILES_LIMIT {
        return Err(refuse(format!("with it there are more than {FILES_LIMIT} files")));
    }
    if is_folder { walk(root, from, path, entries) } else { Ok(()) }
}

fn link(root: &Path, from: &Path) -> Result<PathBuf, String> {
    let target = fs::read_link(from).map_err(|e| e.to_string())?;
    if target.is_absolute() {
        return Err(format!("it is a link to the absolute path {}; make it relative", target.display()));
    }
    let leads = from.canonicalize().map_err(|e| format!("it is a link to {}: {e}", target.display()))?;
    if leads.starts_with(root) {
        return Ok(target);
    }
    Err(format!("it is a link to {}, outside of {}", target.display(), root.display()))
}
