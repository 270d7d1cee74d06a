//! From mounted ConfigMaps to a test dir in which the test can run.
//!
//! `mount` reads what is mounted and checks that it is what the run was accepted with, `archive` unpacks,
//! `deps` has pip install what the test requires. The layout of the mount is in docs/bundles.md.

mod archive;
mod deps;
mod error;
mod mount;
mod place;

use std::path::{Path, PathBuf};

use loads_wire::Plan;

pub use deps::last_lines;
pub use error::Error;

/// Where a bundle comes from, and where what it requires goes.
#[derive(Debug, Clone)]
pub struct Mounted {
    /// The mounted tree.
    pub dir: PathBuf,
    /// Folder for python deps.
    pub deps_dir: PathBuf,
    /// Index that pip asks; none: pip's own configuration.
    pub pip_index: Option<String>,
}

/// Fills the test dir below `work_dir`, installs the python deps, and gives the test dir.
pub async fn stage(mounted: &Mounted, plan: &Plan, work_dir: &Path, python: &Path) -> Result<PathBuf, Error> {
    let test_dir = match &plan.test_dir {
        Some(dir) => work_dir.join(place::relative(dir).map_err(|reason| Error::TestDir { dir: dir.clone(), reason })?),
        None => work_dir.to_owned(),
    };
    let (from, to, digest) = (mounted.dir.clone(), test_dir.clone(), plan.bundle_digest.clone());
    // Blocks: files are read, hashed, unpacked.
    let filled = tokio::task::spawn_blocking(move || fill(&from, &to, digest.as_deref())).await;
    filled.map_err(|reason| Error::Mount { path: mounted.dir.clone(), reason: reason.to_string() })??;
    if !plan.python_deps.is_empty() {
        deps::install(mounted, &plan.python_deps, &test_dir, python).await?;
    }
    Ok(test_dir)
}

/// Copies files and unpacks archives into `test_dir`, once they are what `digest` says.
fn fill(mount: &Path, test_dir: &Path, digest: Option<&str>) -> Result<(), Error> {
    let files = mount::read(mount)?;
    if let Some(wanted) = digest
        && wanted != loads_wire::bundle::digest(files.iter().map(|f| (f.path.as_str(), f.content.as_slice())))
    {
        return Err(Error::Changed { path: mount.to_owned() });
    }
    let root = place::Root::make(test_dir)?;
    for file in &files {
        if let Some(path) = file.path.strip_prefix("files/") {
            let path = place::relative(path)
                .map_err(|reason| Error::Entry { place: "the bundle".into(), entry: path.to_owned(), reason })?;
            root.write(&path, &mut file.content.as_slice(), file.executable)?;
        }
    }
    for (number, archive) in mount::archives(&files)? {
        archive::unpack(&number, &archive, &root)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
