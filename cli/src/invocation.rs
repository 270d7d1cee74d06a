//! Under which name the program was called.

use std::path::Path;

/// Whether kubectl called it (`kubectl loads …` runs the program `kubectl-loads`).
pub fn is_plugin() -> bool {
    std::env::args_os().next().is_some_and(|name| is_plugin_name(Path::new(&name)))
}

/// How users call it, for help and messages.
pub fn name() -> &'static str {
    if is_plugin() { "kubectl loads" } else { "loads" }
}

fn is_plugin_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kubectl-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubectl_plugin_is_known_by_its_file_name() {
        assert!(is_plugin_name(Path::new("/usr/local/bin/kubectl-loads")));
        assert!(!is_plugin_name(Path::new("/opt/kubectl-tools/loads")));
    }
}
