//! Bundles as they are mounted, good and bad.

use std::os::unix::fs::{PermissionsExt, symlink};

use loads_wire::bundle::{Archive, digest, sha256};
use loads_wire::message::Problem;
use tar::{Builder, EntryType, Header};

use super::*;

/// A mount as the kubelet makes it: data in a folder of its own, links to it.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// In parts of `size` bytes, with an index that `change` may spoil.
    fn archive(&self, packed: &[u8], size: usize, change: impl FnOnce(&mut Archive)) {
        let parts: Vec<_> = packed.chunks(size).collect();
        for (number, part) in parts.iter().enumerate() {
            self.write(&format!("archives/0/parts/{number:06}"), part);
        }
        let names = (0..parts.len()).map(|n| format!("part-{n}")).collect();
        let mut index = Archive { sha256: sha256(packed), size: packed.len() as u64, parts: names };
        change(&mut index);
        self.write("archives/0/archive.json", &serde_json::to_vec(&index).unwrap());
    }

    fn fill(&self, test_dir: &Path) -> Result<(), Error> {
        fill(self.0.path(), test_dir, None)
    }
}

/// One entry as no well-behaved program would write it.
fn entry(builder: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, link: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o7777);
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn packed(entries: &[(EntryType, &str, &str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, link, content) in entries {
        entry(&mut builder, *kind, name, link, content);
    }
    zstd::encode_all(builder.into_inner().unwrap().as_slice(), 3).unwrap()
}

fn unpacked(entries: &[(EntryType, &str, &str, &[u8])]) -> (tempfile::TempDir, Result<(), Error>) {
    let (mount, work) = (Mount::new(), tempfile::tempdir().unwrap());
    mount.archive(&packed(entries), 100, |_| {});
    let done = mount.fill(&work.path().join("test"));
    (work, done)
}

#[test]
fn files_behind_kubernetes_links_arrive_byte_for_byte() {
    let (mount, work) = (Mount::new(), tempfile::tempdir().unwrap());
    let every_byte: Vec<u8> = (0..=255).collect();
    mount.write("files/..2026_11_22/lib/a.py", &every_byte);
    mount.write("files/..2026_11_22/run.sh", b"#!/bin/sh");
    symlink("..2026_11_22", mount.0.path().join("files/..data")).unwrap();
    symlink("..data/lib", mount.0.path().join("files/lib")).unwrap();
    symlink("..data/run.sh", mount.0.path().join("files/run.sh")).unwrap();
    let script = mount.0.path().join("files/..data/run.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o555)).unwrap();
    let accepted = digest([("files/lib/a.py", every_byte.as_slice()), ("files/run.sh", b"#!/bin/sh")]);
    let test_dir = work.path().join("a/b");
    // Twice: a container that is started again finds what it made before.
    for _ in 0..2 {
        fill(mount.0.path(), &test_dir, Some(&accepted)).unwrap();
    }
    assert_eq!(std::fs::read(test_dir.join("lib/a.py")).unwrap(), every_byte);
    let mode = |name: &str| std::fs::metadata(test_dir.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("lib/a.py"), mode("run.sh")), (0o644, 0o755));
    assert_eq!(std::fs::read_dir(&test_dir).unwrap().count(), 2, "nothing of Kubernetes' own");
    mount.write("files/..2026_11_22/lib/a.py", b"changed");
    let error = fill(mount.0.path(), &test_dir, Some(&accepted)).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }) && error.to_string().contains("new LoadTest"));
}

#[test]
fn an_archive_in_parts_arrives_whole_with_links_and_modes() {
    let large = vec![7; 300_000];
    let long = "long/".repeat(18) + "name";
    let (work, done) = unpacked(&[
        (EntryType::Directory, "./", "", b""),
        (EntryType::Directory, "data/", "", b""),
        (EntryType::Regular, "data/large", "", &large),
        (EntryType::Regular, &long, "", b"deep"),
        (EntryType::Symlink, "latest", "data/large", b""),
        (EntryType::Symlink, "data/up", "../data", b""),
        (EntryType::Link, "same", "data/large", b""),
    ]);
    done.unwrap();
    let test = work.path().join("test");
    for name in ["data/large", "latest", "same", "data/up/large"] {
        assert_eq!(std::fs::read(test.join(name)).unwrap(), large, "{name}");
    }
    assert_eq!(std::fs::read(test.join(long)).unwrap(), b"deep");
    let mode = std::fs::metadata(test.join("data/large")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "no set-user-id, no write for others");
}

#[test]
fn entries_that_lead_out_or_are_no_files_are_refused_by_name() {
    let cases: &[(EntryType, &str, &str, &str)] = &[
        (EntryType::Regular, "../evil", "", "`..`"),
        (EntryType::Regular, "a/../../evil", "", "`..`"),
        (EntryType::Regular, "/etc/evil", "", "absolute"),
        (EntryType::Symlink, "evil", "/etc/passwd", "outside of the bundle"),
        (EntryType::Symlink, "evil", "../outside", "outside of the bundle"),
        (EntryType::Symlink, "evil", "nowhere", "nowhere"),
        (EntryType::Link, "evil", "/etc/passwd", "outside of the bundle"),
        (EntryType::Link, "evil", "later", "no file before it"),
        (EntryType::Char, "evil", "", "device"),
        (EntryType::Block, "evil", "", "device"),
        (EntryType::Fifo, "evil", "", "fifo"),
    ];
    for (kind, name, link, reason) in cases {
        let outside = tempfile::tempdir().unwrap();
        let (work, done) = unpacked(&[(*kind, name, link, b"")]);
        std::fs::write(outside.path().join("x"), "x").unwrap();
        let error = done.expect_err(name);
        assert_eq!(error.problem(), Problem::Bundle);
        let message = error.to_string();
        assert!(message.contains("evil") && message.contains(reason), "{message}");
        assert!(std::fs::symlink_metadata(work.path().join("test/evil")).is_err(), "{message}");
        assert!(std::fs::symlink_metadata(work.path().join("evil")).is_err(), "{message}");
    }
}

#[test]
fn links_that_are_harmless_alone_can_not_lead_out_together() {
    let (work, done) = unpacked(&[
        (EntryType::Directory, "p/q/r", "", b""),
        (EntryType::Symlink, "p/q/r/s", "../../..", b""),
        (EntryType::Symlink, "evil", "p/q/r/s/../x", b""),
    ]);
    std::fs::write(work.path().join("x"), "outside").unwrap();
    assert!(done.unwrap_err().to_string().contains("evil"));
    // A file under the name of a link is written to its own place, not through the link.
    let (work, done) =
        unpacked(&[(EntryType::Symlink, "d", "..", b""), (EntryType::Regular, "d/evil", "", b"x")]);
    assert!(done.is_err() && !work.path().join("evil").exists());
}

#[test]
fn more_than_the_limits_is_refused_before_it_is_written() {
    let zeros = vec![0; 1 << 20];
    let names: Vec<String> = (0..=200).map(|n| format!("f{n}")).collect();
    let bomb: Vec<_> = names.iter().map(|n| (EntryType::Regular, n.as_str(), "", zeros.as_slice())).collect();
    let (_work, done) = unpacked(&bomb);
    let message = done.unwrap_err().to_string();
    assert!(message.contains("f200") && message.contains("209715200"), "{message}");

    let names: Vec<String> = (0..=10_000).map(|n| format!("f{n}")).collect();
    let many: Vec<_> = names.iter().map(|n| (EntryType::Regular, n.as_str(), "", [].as_slice())).collect();
    let (_work, done) = unpacked(&many);
    assert!(done.unwrap_err().to_string().contains("10000 entries"));

    let (mount, work) = (Mount::new(), tempfile::tempdir().unwrap());
    mount.write("files/large", &vec![1; 21 << 20]);
    let message = mount.fill(work.path()).unwrap_err().to_string();
    assert!(message.contains("20971520") && message.contains("large"), "{message}");
}

type Change = fn(&mut Archive);

#[test]
fn a_damaged_archive_says_what_is_wrong_with_it() {
    let whole = packed(&[(EntryType::Regular, "a", "", b"a")]);
    let cases: &[(&[u8], Change, &str)] = &[
        (&whole, |index| index.size += 1, "its index says"),
        (&whole, |index| index.sha256 = sha256(b"other"), "SHA-256"),
        (&whole, |index| index.parts.push("missing".to_owned()), "parts are mounted"),
        (b"not zstd at all", |_| {}, "archive 0"),
        (&whole[..whole.len() / 2], |_| {}, "archive 0"),
    ];
    for (packed, change, reason) in cases {
        let (mount, work) = (Mount::new(), tempfile::tempdir().unwrap());
        mount.archive(packed, 10, change);
        let message = mount.fill(work.path()).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
    let (mount, work) = (Mount::new(), tempfile::tempdir().unwrap());
    mount.write("archives/0/parts/000000", b"x");
    assert!(mount.fill(work.path()).unwrap_err().to_string().contains("no archive.json"));
}

#[tokio::test]
async fn a_test_dir_that_leads_out_is_refused() {
    let mounted = Mounted { dir: "/nowhere".into(), deps_dir: "/nowhere".into(), pip_index: None };
    for dir in ["../out", "/etc"] {
        let mut plan = crate::agent::test_plan(Vec::new());
        plan.test_dir = Some(dir.to_owned());
        let error = stage(&mounted, &plan, Path::new("/nowhere"), Path::new("python3")).await.unwrap_err();
        assert!(matches!(error, Error::TestDir { .. }), "{error}");
    }
}

/// A wheel of one module, made as a bundle would have it.
const WHEEL: &str = r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/here-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("here.py", "ANSWER = 42\n")
    wheel.writestr("here-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: here\nVersion: 1.0\n")
    wheel.writestr("here-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("here-1.0.dist-info/RECORD", "")
"#;

#[tokio::test]
async fn a_wheel_of_the_bundle_is_installed_and_a_dep_that_fails_says_why() {
    let python = std::env::var("LOADS_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let (mount, work) = (Mount::new(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(mount.0.path().join("files/wheels")).unwrap();
    let made = std::process::Command::new(&python)
        .args(["-c", WHEEL])
        .arg(mount.0.path().join("files/wheels"))
        .status();
    assert!(made.unwrap().success());
    let deps_dir = work.path().join("deps");
    // An index that nobody serves: nothing may be fetched.
    let pip_index = Some("http://127.0.0.1:9/simple".to_owned());
    let mounted = Mounted { dir: mount.0.path().to_owned(), deps_dir: deps_dir.clone(), pip_index };
    let mut plan = crate::agent::test_plan(Vec::new());
    plan.python_deps = vec!["wheels/here-1.0-py3-none-any.whl".to_owned()];
    let test_dir = stage(&mounted, &plan, work.path(), Path::new(&python)).await.unwrap();
    assert_eq!(test_dir, work.path());
    assert!(deps_dir.join("here.py").exists());

    plan.python_deps = vec!["wheels/not-there-1.0-py3-none-any.whl".to_owned()];
    let error = stage(&mounted, &plan, work.path(), Path::new(&python)).await.unwrap_err();
    assert_eq!(error.problem(), Problem::Dependency);
    let message = error.to_string();
    assert!(message.contains("not-there") && message.contains("check the name"), "{message}");
}
