//! Where the test runs on this machine: its folder, its files, its Python.

use std::io;
use std::path::{Path, PathBuf};

use loads_api::bundle::Bundle;
use loads_wire::Plan;
use loads_wire::plan::ExecutorPlan;

use super::Args;
use crate::exit::Exit;
use crate::python_env;

/// The test's surroundings.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Working directory.
    pub work_dir: PathBuf,
    /// Interpreter (unused by executors without Python).
    pub python: PathBuf,
    /// Python's path.
    pub python_path: Vec<PathBuf>,
}

/// Makes the test dir, fills it, and sees to Python. `base` is the LoadTest's folder, `scratch` one of this
/// run alone.
pub fn prepare(
    args: &Args,
    bundle: &Bundle,
    plan: &Plan,
    base: &Path,
    scratch: &Path,
    say: impl Fn(&str),
) -> Result<Stage, Exit> {
    let base = absolute(base)?;
    let work_dir = work_dir(args, bundle, &base, scratch)?;
    fill(args, bundle, &work_dir)?;
    let mut stage = Stage { work_dir, python: "python3".into(), python_path: Vec::new() };
    if matches!(plan.executor, ExecutorPlan::Python(_)) {
        let env = python_env::ensure(&plan.python_deps, say)?;
        stage.python = env.python;
        stage.python_path = vec![stage.work_dir.clone(), base, env.package];
        stage.python_path.dedup();
    }
    Ok(stage)
}

fn absolute(path: &Path) -> Result<PathBuf, Exit> {
    std::fs::canonicalize(path).map_err(|e| Exit::usage(format!("{} can not be used: {e}", path.display())))
}

fn work_dir(args: &Args, bundle: &Bundle, base: &Path, scratch: &Path) -> Result<PathBuf, Exit> {
    let own_files = !bundle.files.is_empty() || !args.include_file.is_empty();
    let dir = match (&args.test_dir, &bundle.test_dir) {
        (Some(dir), _) => dir.clone(),
        (None, Some(dir)) if own_files => scratch.join("bundle").join(dir),
        (None, Some(dir)) => base.join(dir),
        (None, None) if own_files => scratch.join("bundle"),
        (None, None) => return Ok(base.to_owned()),
    };
    let refuse = |error: io::Error| {
        Exit::usage(format!(
            "the test dir {} can not be used: {error}; give a folder that can be written with --test-dir",
            dir.display()
        ))
    };
    std::fs::create_dir_all(&dir).map_err(refuse)?;
    // Only writing shows whether writing is allowed.
    tempfile::tempfile_in(&dir).map_err(refuse)?;
    absolute(&dir)
}

fn fill(args: &Args, bundle: &Bundle, work_dir: &Path) -> Result<(), Exit> {
    let refuse = |path: &Path, error: io::Error| {
        Exit::error(format!("{} can not be put into the test dir: {error}", path.display()))
    };
    for (name, text) in &bundle.files {
        let path = work_dir.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text)).map_err(|e| refuse(&path, e))?;
    }
    if let Some(include) = bundle.include_files.first() {
        return Err(Exit::usage(format!(
            "spec.bundle.includeFiles names ConfigMap {:?}, which only a cluster has: give the files with --include-file",
            include.config_map
        )));
    }
    for pattern in &args.include_file {
        for path in matches(pattern)? {
            copy(&path, work_dir).map_err(|e| refuse(&path, e))?;
        }
    }
    Ok(())
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>, Exit> {
    let found = glob::glob(pattern)
        .map_err(|e| Exit::usage(format!("--include-file {pattern:?} is not a glob pattern: {e}")))?;
    let found: Vec<PathBuf> = found.filter_map(Result::ok).collect();
    if found.is_empty() {
        let here = std::env::current_dir().unwrap_or_default();
        return Err(Exit::usage(format!(
            "--include-file {pattern:?} matches nothing in {}: check the pattern and the folder it starts from",
            here.display()
        )));
    }
    Ok(found)
}

/// A file by its own name, a folder with all that is in it; permissions stay.
fn copy(from: &Path, into: &Path) -> io::Result<()> {
    let name = from.canonicalize()?;
    let to = into.join(name.file_name().unwrap_or_default());
    if to.canonicalize().is_ok_and(|to| to == name) {
        return Ok(()); // the test dir is where the files are
    }
    if !name.is_dir() {
        return std::fs::copy(&name, &to).map(|_| ());
    }
    std::fs::create_dir_all(&to)?;
    for entry in std::fs::read_dir(&name)? {
        copy(&entry?.path(), &to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_copied_whole_and_files_by_name() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(from.path().join("lib/deep")).unwrap();
        std::fs::write(from.path().join("lib/deep/a.py"), "a").unwrap();
        copy(&from.path().join("lib"), to.path()).unwrap();
        assert_eq!(std::fs::read_to_string(to.path().join("lib/deep/a.py")).unwrap(), "a");
    }

    #[test]
    fn a_pattern_without_a_match_says_what_to_check() {
        let message = format!("{:?}", matches("/nowhere/*.none").unwrap_err());
        assert!(message.contains("matches nothing") && message.contains("check the pattern"), "{message}");
    }
}
