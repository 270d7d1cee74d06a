//! `loads bundle`: files as ConfigMaps (docs/bundles.md).
//!
//! `collect` finds the files, `pack` makes one archive of them that is the same every time, `manifest` cuts it
//! over ConfigMaps.

mod collect;
mod manifest;
mod pack;
#[cfg(test)]
mod tests;

use std::io::Write;

use crate::exit::Exit;

/// Options of `loads bundle`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder stands for everything in it; what a glob pattern matches is put in by its own name, folders
    /// with all that is in them. `.git` and `__pycache__` are left out.
    #[arg(required = true, value_name = "DIR|GLOB")]
    paths: Vec<String>,
    /// Name of the ConfigMap that a LoadTest includes.
    #[arg(long)]
    name: String,
    /// Namespace of the ConfigMaps; default: that of kubectl.
    #[arg(long, short)]
    namespace: Option<String>,
    /// How they are written.
    #[arg(long, short, default_value = "yaml", value_parser = ["yaml"])]
    output: String,
}

/// Writes the ConfigMaps to standard output.
pub fn bundle(args: &Args) -> Result<(), Exit> {
    manifest::check_name(&args.name)?;
    let entries = collect::collect(&args.paths)?;
    let archive = pack::pack(&entries)?;
    let documents = manifest::documents(&args.name, args.namespace.as_deref(), &archive)?;
    let mut out = std::io::stdout().lock();
    for document in &documents {
        let text = serde_yaml::to_string(document).map_err(|e| Exit::error(e.to_string()))?;
        let written = write!(out, "---\n{text}");
        written.map_err(|e| Exit::error(format!("standard output can not be written: {e}")))?;
    }
    eprintln!(
        "loads: {} entries, {} bytes in {} ConfigMaps; a LoadTest includes them by\n  bundle: {{includeFiles: [{{configMap: {}}}]}}",
        entries.len(),
        archive.len(),
        documents.len(),
        args.name
    );
    Ok(())
}
