//! How a bundle travels in ConfigMaps.
//!
//! A file is a key of a ConfigMap. A tree of more than one ConfigMap's size is a `tar.zst` archive, cut into
//! immutable part ConfigMaps; an index ConfigMap holds the [`Archive`] that names them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Key of an index ConfigMap: its value is an [`Archive`] as JSON.
pub const ARCHIVE_KEY: &str = "loads-archive.json";
/// Key of a part ConfigMap's `binaryData`.
pub const PART_KEY: &str = "part";
/// Most bytes of a part: a ConfigMap holds 1 MiB with all its metadata.
pub const PART_SIZE: usize = 900 * 1024;
/// Most bytes of all files of a bundle, and of all parts.
pub const BUNDLE_LIMIT: u64 = 20 * 1024 * 1024;
/// Most files of a bundle.
pub const FILES_LIMIT: usize = 10_000;

/// A `tar.zst` in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// SHA-256 of the joined parts, in hex.
    pub sha256: String,
    /// Bytes of the joined parts.
    pub size: u64,
    /// Names of the part ConfigMaps, in order.
    pub parts: Vec<String>,
}

/// SHA-256 in hex over all paths and contents, so that no two different bundles have the same. Paths are those
/// below the mount: an archive counts with the bytes of its parts.
pub fn digest<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    digest_of(&files.into_iter().map(|(path, content)| (path.to_owned(), sha256(content))).collect())
}

/// The same from the [`sha256`] of each content, for who can not keep all contents at once.
pub fn digest_of(hashes: &BTreeMap<String, String>) -> String {
    let mut all = Sha256::new();
    for (path, hash) in hashes {
        // The length first: no path can look like the end of another.
        all.update((path.len() as u64).to_be_bytes());
        all.update(path);
        all.update(hash);
    }
    hex(&all.finalize())
}

/// SHA-256 of the bytes, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_the_order_but_on_every_byte_and_border() {
        let a = digest([("a", b"xy".as_slice()), ("b", b"z")]);
        assert_eq!(a, digest([("b", b"z".as_slice()), ("a", b"xy")]));
        assert_ne!(a, digest([("a", b"x".as_slice()), ("b", b"yz")]));
        assert_ne!(a, digest([("ab", b"xyz".as_slice())]));
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
