//! Writing below one folder, and nowhere else.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::Error;

/// The path as one below a folder: no `..`, nothing absolute, nothing empty.
pub fn relative(path: impl AsRef<Path>) -> Result<PathBuf, String> {
    let mut plain = PathBuf::new();
    for component in path.as_ref().components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err("its path has `..` in it".to_owned()),
            Component::RootDir | Component::Prefix(_) => return Err("its path is absolute".to_owned()),
        }
    }
    Ok(plain)
}

/// A folder that is written to.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Makes the folder with its parents.
    pub fn make(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(failed(path))?;
        let path = path.canonicalize().map_err(failed(path))?;
        Ok(Self { path })
    }

    /// Where it is, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder and its parents. A link in the way is taken away: nothing is ever written through one.
    pub fn folder(&self, relative: &Path) -> Result<PathBuf, Error> {
        let mut path = self.path.clone();
        for name in relative {
            path.push(name);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => continue,
                Ok(_) => fs::remove_file(&path).map_err(failed(&path))?,
                Err(_) => {}
            }
            fs::create_dir(&path).map_err(failed(&path))?;
        }
        Ok(path)
    }

    /// Where something new can be put: its folder is there, and what was at its place is gone.
    pub fn free(&self, relative: &Path) -> Result<PathBuf, Error> {
        let folder = self.folder(relative.parent().unwrap_or(Path::new("")))?;
        let path = folder.join(relative.file_name().unwrap_or_default());
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(&path)(e)),
            _ => Ok(path),
        }
    }

    /// Writes a file: mode 0755 if it can be executed, else 0644. Returns its size.
    pub fn write(&self, relative: &Path, content: &mut impl Read, executable: bool) -> Result<u64, Error> {
        let path = self.free(relative)?;
        let mut file = File::create_new(&path).map_err(failed(&path))?;
        let size = io::copy(content, &mut file).map_err(failed(&path))?;
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(failed(&path))?;
        Ok(size)
    }
}

/// For `map_err`: names the path.
pub fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}
