//! What is packed is what an agent unpacks.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loads_agent::bundle::{Mounted, stage};
use loads_wire::bundle::{ARCHIVE_KEY, Archive, PART_KEY};
use serde_json::Value;

use super::{collect, manifest, pack};
use crate::exit::Exit;

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("lib/empty")).unwrap();
    fs::create_dir_all(dir.path().join(".git")).unwrap();
    fs::write(dir.path().join(".git/config"), "not for others").unwrap();
    fs::write(dir.path().join("example.py"), "# test").unwrap();
    fs::write(dir.path().join("lib/run.sh"), "#!/bin/sh").unwrap();
    fs::set_permissions(dir.path().join("lib/run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("../example.py", dir.path().join("lib/same.py")).unwrap();
    dir
}

fn documents(paths: &[&Path]) -> Result<Vec<Value>, Exit> {
    let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    manifest::documents("shop", Some("prod"), &pack::pack(&collect::collect(&paths)?)?)
}

/// Mounts as the operator does, and has an agent make its test dir of it.
async fn staged(documents: &[Value]) -> tempfile::TempDir {
    let work = tempfile::tempdir().unwrap();
    let mount = work.path().join("mount");
    let (index, parts) = documents.split_last().unwrap();
    let text = index["data"][ARCHIVE_KEY].as_str().unwrap();
    let archive: Archive = serde_json::from_str(text).unwrap();
    fs::create_dir_all(mount.join("archives/0/parts")).unwrap();
    fs::write(mount.join("archives/0/archive.json"), text).unwrap();
    for (number, part) in parts.iter().enumerate() {
        assert_eq!(part["metadata"]["name"], archive.parts[number]);
        assert_eq!(part["immutable"], true);
        let content = STANDARD.decode(part["binaryData"][PART_KEY].as_str().unwrap()).unwrap();
        fs::write(mount.join(format!("archives/0/parts/{number:06}")), content).unwrap();
    }
    let mounted = Mounted { dir: mount, deps_dir: work.path().join("deps"), pip_index: None };
    let plan = plan();
    stage(&mounted, &plan, &work.path().join("work"), Path::new("python3")).await.unwrap();
    work
}

fn plan() -> loads_wire::Plan {
    let file = r#"{"apiVersion": "loads.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": "x"},
        "spec": {"test": "example.T.test", "bundle": {"testDir": "tests"}}}"#;
    let load_test = loads_api::lint::load("x", file).unwrap();
    load_test.plan("r").unwrap()
}

#[tokio::test]
async fn a_folder_arrives_at_an_agent_as_it_is() {
    let tree = tree();
    let documents = documents(&[tree.path()]).unwrap();
    assert_eq!(documents.last().unwrap()["metadata"]["namespace"], "prod");
    let work = staged(&documents).await;
    let test = work.path().join("work/tests");
    assert_eq!(fs::read_to_string(test.join("example.py")).unwrap(), "# test");
    assert_eq!(fs::read_link(test.join("lib/same.py")).unwrap(), Path::new("../example.py"));
    assert_eq!(fs::metadata(test.join("lib/run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(test.join("lib/empty").is_dir() && !test.join(".git").exists());
}

#[tokio::test]
async fn three_mebibytes_go_over_several_parts_and_come_back_byte_for_byte() {
    let tree = tree();
    // Does not compress.
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    })
    .take(3 << 20)
    .collect();
    fs::write(tree.path().join("noise"), &noise).unwrap();
    let documents = documents(&[tree.path()]).unwrap();
    assert_eq!(documents.len(), 5);
    let work = staged(&documents).await;
    assert!(fs::read(work.path().join("work/tests/noise")).unwrap() == noise);
}

#[test]
fn the_same_files_make_the_same_config_maps() {
    let (one, other) = (tree(), tree());
    assert_eq!(documents(&[one.path()]).unwrap(), documents(&[other.path()]).unwrap());
    fs::write(other.path().join("example.py"), "# other").unwrap();
    let [one, other] = [one, other].map(|tree| documents(&[tree.path()]).unwrap());
    assert_ne!(one[0]["metadata"]["name"], other[0]["metadata"]["name"]);
    assert_eq!(one[1]["metadata"]["name"], other[1]["metadata"]["name"]);
}

#[test]
fn patterns_put_in_what_they_match_by_its_own_name() {
    let tree = tree();
    let (files, folders) = (tree.path().join("*.py"), tree.path().join("li?"));
    let patterns = [files, folders].map(|p| p.display().to_string());
    // A folder by a pattern is a tree of its own: its links may not leave it.
    fs::remove_file(tree.path().join("lib/same.py")).unwrap();
    let found = collect::collect(&patterns).unwrap();
    let names: Vec<_> = found.keys().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["example.py", "lib", "lib/empty", "lib/run.sh"]);
}

#[test]
fn what_can_not_be_bundled_is_refused_by_name() {
    let refused = |tree: &tempfile::TempDir| format!("{:?}", documents(&[tree.path()]).unwrap_err());
    let out = tree();
    symlink("/etc/passwd", out.path().join("abs")).unwrap();
    assert!(refused(&out).contains("abs") && refused(&out).contains("absolute"));
    let out = tree();
    symlink("../..", out.path().join("lib/up")).unwrap();
    assert!(refused(&out).contains("lib/up") && refused(&out).contains("outside of"));
    let out = tree();
    symlink("gone", out.path().join("dangling")).unwrap();
    assert!(refused(&out).contains("dangling"));
    assert!(
        format!("{:?}", documents(&[Path::new("/nowhere/*.py")]).unwrap_err()).contains("matches nothing")
    );
    for name in ["", "-a", "A", "a.b", &"a".repeat(64)] {
        assert!(manifest::check_name(name).is_err(), "{name}");
    }
}

#[test]
fn more_than_a_bundle_holds_is_refused_with_the_numbers() {
    let tree = tree();
    let large = fs::File::create(tree.path().join("large")).unwrap();
    large.set_len(201 << 20).unwrap();
    let message = format!("{:?}", documents(&[tree.path()]).unwrap_err());
    assert!(message.contains("large") && message.contains("209715200"), "{message}");
}
