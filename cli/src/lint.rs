//! `loads lint`: the API server's verdict on LoadTest files, without an API server.

use std::path::{Path, PathBuf};

use crate::exit::Exit;

/// Options of `loads lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// LoadTest files; `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Prints every problem of every file; exit code 2 when there is one. Warnings go to standard error.
pub fn lint(args: &Args) -> Result<(), Exit> {
    let mut problems = 0;
    for file in &args.files {
        let name = file.display().to_string();
        match loads_api::lint::load(&name, &read(file)?) {
            Ok(test) => {
                println!("{name}: valid");
                for sentence in test.spec.not_done() {
                    eprintln!("{name}: warning: {sentence}");
                }
            }
            Err(found) => {
                problems += found.len();
                for problem in found {
                    println!("{problem}");
                }
            }
        }
    }
    if problems == 0 { Ok(()) } else { Err(Exit::silent(2)) }
}

/// A file's text, or standard input's for `-`.
pub fn read(file: &Path) -> Result<String, Exit> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    text.map_err(|e| {
        Exit::usage(format!("{} can not be read: {e}; give the path of a LoadTest file", file.display()))
    })
}
