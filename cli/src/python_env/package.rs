//! The `loads` Python package, carried in this program.

use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};

use crate::exit::Exit;

static PACKAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../agent-image/python/src");

/// Unpacks the package (once for each content) and gives the folder for Python's path.
pub fn unpack(cache: &Path) -> Result<PathBuf, Exit> {
    let mut files = Vec::new();
    sources(&PACKAGE, &mut files);
    let dir = cache.join(format!("package-{}", digest(&files)));
    if !dir.is_dir() {
        let fail = |error| {
            Exit::error(format!("the Python package can not be unpacked to {}: {error}", dir.display()))
        };
        write(&files, &dir).map_err(fail)?;
    }
    Ok(dir)
}

fn sources<'a>(dir: &'a Dir<'a>, files: &mut Vec<&'a File<'a>>) {
    files.extend(dir.files().filter(|file| file.path().extension().is_none_or(|e| e != "pyc")));
    dir.dirs().for_each(|dir| sources(dir, files));
}

fn digest(files: &[&File<'_>]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.path().as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(file.contents());
    }
    hex(&hash.finalize())
}

/// The first 16 hex digits: enough to tell cache entries apart.
pub fn hex(bytes: &[u8]) -> String {
    let first: [u8; 8] = std::array::from_fn(|n| bytes.get(n).copied().unwrap_or(0));
    format!("{:016x}", u64::from_be_bytes(first))
}

/// Writes aside and renames, so that two runs at once never see half a package.
fn write(files: &[&File<'_>], dir: &Path) -> std::io::Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    std::fs::create_dir_all(parent)?;
    let aside = tempfile::tempdir_in(parent)?;
    for file in files {
        let path = aside.path().join(file.path());
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, file.contents())?;
    }
    match std::fs::rename(aside.path(), dir) {
        // Somebody else was faster with the same content.
        Err(_) if dir.is_dir() => Ok(()),
        other => other,
    }
}
