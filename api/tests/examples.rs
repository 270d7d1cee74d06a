//! Every LoadTest in examples/ and in the README is one that the API server would take.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn problems(name: &str, text: &str) -> Vec<String> {
    loads_api::lint::load(name, text).err().into_iter().flatten().map(|problem| problem.to_string()).collect()
}

#[test]
fn every_example_is_valid() {
    let folders = std::fs::read_dir(root().join("examples")).unwrap().flatten();
    let files: Vec<_> =
        folders.map(|folder| folder.path().join("loadtest.yaml")).filter(|file| file.exists()).collect();
    assert!(files.len() >= 4, "an example for each executor, and one for a cluster: {files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(problems(&file.display().to_string(), &text), Vec::<String>::new());
    }
}

#[test]
fn the_load_test_of_the_readme_is_valid() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    assert_eq!(problems("README.md", text), Vec::<String>::new());
}
