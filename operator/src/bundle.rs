//! The files of a test: which ConfigMaps they come from, where they go, and their digest.
//!
//! `Collector` is pure; `dereference` feeds it one ConfigMap after the other and drops each.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use loads_api::bundle::{Bundle, IncludeFiles};
use loads_api::conditions::reason;
use loads_wire::bundle::{ARCHIVE_KEY, Archive, BUNDLE_LIMIT, FILES_LIMIT, PART_KEY, digest_of, sha256};

use crate::problem::Problem;

/// One ConfigMap and the paths of its keys below the mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub config_map: String,
    /// (key, path).
    pub items: Vec<(String, String)>,
}

/// Where all files of a bundle come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// In the order of mounting; no path twice.
    pub sources: Vec<Source>,
    /// `loads_wire::bundle::digest` of everything; none when there is no file.
    pub digest: Option<String>,
}

/// The inline files as keys of the operator's own ConfigMap: a path is not a key.
pub fn inline(bundle: &Bundle) -> Vec<(String, &str, &str)> {
    let numbered = bundle.files.iter().enumerate();
    numbered.map(|(n, (path, text))| (format!("file-{n}"), path.as_str(), text.as_str())).collect()
}

/// Collects the ConfigMaps of a bundle.
#[derive(Debug, Default)]
pub struct Collector {
    sources: Vec<Source>,
    hashes: BTreeMap<String, String>,
    bytes: u64,
    archives: usize,
}

impl Collector {
    /// The files that stand in the LoadTest itself; `name` is the ConfigMap that will hold them.
    pub fn add_inline(&mut self, name: &str, bundle: &Bundle) -> Result<(), Problem> {
        let mut items = Vec::new();
        for (key, path, content) in inline(bundle) {
            items.push((key, self.file(path, content.as_bytes())?));
        }
        self.source(name, items);
        Ok(())
    }

    /// A ConfigMap that the test includes. An archive's index answers with the parts to add next.
    pub fn add(&mut self, include: &IncludeFiles, map: &ConfigMap) -> Result<Option<Archive>, Problem> {
        let name = &include.config_map;
        if let Some(text) = map.data.as_ref().and_then(|data| data.get(ARCHIVE_KEY)) {
            return self.archive(name, text).map(Some);
        }
        let all = || keys(map).map(|key| (key.to_owned(), key.to_owned())).collect::<Vec<_>>();
        let wanted = match include.items.as_slice() {
            [] => all(),
            items => items.iter().map(|item| (item.key.clone(), item.path.clone())).collect(),
        };
        let mut items = Vec::new();
        for (key, path) in wanted {
            let content = value(map, &key).ok_or_else(|| no_such_key(name, &key, map))?;
            items.push((key, self.file(&path, content)?));
        }
        self.source(name, items);
        Ok(None)
    }

    fn archive(&mut self, name: &str, text: &str) -> Result<Archive, Problem> {
        let archive: Archive = serde_json::from_str(text).map_err(|e| invalid(name, &e.to_string()))?;
        let path = format!("archives/{}/archive.json", self.archives);
        self.count(path.clone(), text.as_bytes())?;
        self.source(name, vec![(ARCHIVE_KEY.to_owned(), path)]);
        self.archives += 1;
        Ok(archive)
    }

    /// A part of the archive that was added last.
    pub fn add_part(&mut self, number: usize, name: &str, map: &ConfigMap) -> Result<(), Problem> {
        let content = value(map, PART_KEY).ok_or_else(|| no_such_key(name, PART_KEY, map))?;
        let path = format!("archives/{}/parts/{number:06}", self.archives.saturating_sub(1));
        self.count(path.clone(), content)?;
        self.source(name, vec![(PART_KEY.to_owned(), path)]);
        Ok(())
    }

    /// Everything that was added.
    pub fn finish(self) -> Layout {
        let digest = (!self.hashes.is_empty()).then(|| digest_of(&self.hashes));
        Layout { sources: self.sources, digest }
    }

    fn file(&mut self, path: &str, content: &[u8]) -> Result<String, Problem> {
        let inside = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !inside {
            let message = format!("{path:?} is no path inside the bundle: use a relative one without `..`");
            return Err(Problem::of_spec(reason::BUNDLE_INVALID, message));
        }
        let path = format!("files/{path}");
        self.count(path.clone(), content)?;
        Ok(path)
    }

    fn count(&mut self, path: String, content: &[u8]) -> Result<(), Problem> {
        self.bytes += content.len() as u64;
        if self.bytes > BUNDLE_LIMIT || self.hashes.len() >= FILES_LIMIT {
            let message = format!(
                "the bundle has more than {} MiB or {FILES_LIMIT} files: leave out what the test does not read, or bring it in the agents' image",
                BUNDLE_LIMIT >> 20
            );
            return Err(Problem::passing(reason::BUNDLE_TOO_LARGE, message));
        }
        let shown = path.trim_start_matches("files/").to_owned();
        if self.hashes.insert(path, sha256(content)).is_some() {
            let message =
                format!("two sources of the bundle bring the file {shown:?}: rename one, or leave it out");
            return Err(Problem::passing(reason::BUNDLE_INVALID, message));
        }
        Ok(())
    }

    fn source(&mut self, name: &str, items: Vec<(String, String)>) {
        if !items.is_empty() {
            self.sources.push(Source { config_map: name.to_owned(), items });
        }
    }
}

/// The ConfigMap is not there.
pub fn not_found(name: &str, namespace: &str) -> Problem {
    let message = format!(
        "ConfigMap {name:?} of spec.bundle.includeFiles does not exist in namespace {namespace:?}: create it, for example with `loads bundle DIR --name {name} | kubectl apply --server-side -f -`; the run starts then"
    );
    Problem::passing(reason::BUNDLE_NOT_FOUND, message)
}

fn no_such_key(name: &str, key: &str, map: &ConfigMap) -> Problem {
    let some: Vec<&str> = keys(map).take(10).collect();
    let message = format!(
        "ConfigMap {name:?} has no key {key:?}, it has {}: correct spec.bundle.includeFiles or the ConfigMap",
        if some.is_empty() { "none".to_owned() } else { some.join(", ") }
    );
    Problem::passing(reason::BUNDLE_KEY_NOT_FOUND, message)
}

fn invalid(name: &str, why: &str) -> Problem {
    let message =
        format!("{ARCHIVE_KEY} of ConfigMap {name:?} can not be read ({why}): make it with `loads bundle`");
    Problem::passing(reason::BUNDLE_INVALID, message)
}

fn keys(map: &ConfigMap) -> impl Iterator<Item = &str> {
    let text = map.data.iter().flat_map(BTreeMap::keys);
    text.chain(map.binary_data.iter().flat_map(BTreeMap::keys)).map(String::as_str)
}

fn value<'a>(map: &'a ConfigMap, key: &str) -> Option<&'a [u8]> {
    let text = map.data.as_ref().and_then(|data| data.get(key)).map(String::as_bytes);
    text.or_else(|| map.binary_data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use loads_api::bundle::IncludeItem;

    fn map(data: &[(&str, &str)]) -> ConfigMap {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ConfigMap { data: Some(data), ..ConfigMap::default() }
    }

    fn include(items: &[(&str, &str)]) -> IncludeFiles {
        let item = |(key, path): &(&str, &str)| IncludeItem { key: (*key).into(), path: (*path).into() };
        IncludeFiles { config_map: "shop".into(), items: items.iter().map(item).collect() }
    }

    #[test]
    fn keys_become_files_at_their_paths() {
        let mut all = Collector::default();
        all.add(&include(&[("a", "lib/a.py")]), &map(&[("a", "x"), ("b", "y")])).unwrap();
        let layout = all.finish();
        assert_eq!(layout.sources[0].items, [("a".to_owned(), "files/lib/a.py".to_owned())]);
        assert_eq!(layout.digest, Some(loads_wire::bundle::digest([("files/lib/a.py", b"x".as_slice())])));
    }

    #[test]
    fn a_key_that_is_not_there_is_named_with_those_that_are() {
        let problem = Collector::default().add(&include(&[("c", "c.py")]), &map(&[("a", "x")])).unwrap_err();
        assert_eq!(problem.reason, reason::BUNDLE_KEY_NOT_FOUND);
        assert!(problem.message.contains("\"c\"") && problem.message.contains("it has a"), "{problem}");
    }

    #[test]
    fn the_same_path_from_two_sources_is_refused() {
        let mut all = Collector::default();
        all.add(&include(&[]), &map(&[("a.py", "x")])).unwrap();
        assert_eq!(
            all.add(&include(&[]), &map(&[("a.py", "y")])).unwrap_err().reason,
            reason::BUNDLE_INVALID
        );
    }

    #[test]
    fn a_path_that_leaves_the_bundle_is_refused_even_without_the_api_servers_rules() {
        let problem = Collector::default().add(&include(&[("a", "../a")]), &map(&[("a", "x")])).unwrap_err();
        assert_eq!(problem.reason, reason::BUNDLE_INVALID);
    }

    #[test]
    fn twenty_mebibytes_are_the_most() {
        let part = ConfigMap {
            binary_data: Some([(PART_KEY.to_owned(), ByteString(vec![0; 11 << 20]))].into()),
            ..ConfigMap::default()
        };
        let mut all = Collector::default();
        let text = serde_json::json!({"sha256": "0", "size": 1, "parts": ["p0", "p1"]}).to_string();
        let archive = all.add(&include(&[]), &map(&[(ARCHIVE_KEY, &text)])).unwrap().unwrap();
        assert_eq!(archive.parts, ["p0", "p1"]);
        all.add_part(0, "p0", &part).unwrap();
        assert_eq!(all.add_part(1, "p1", &part).unwrap_err().reason, reason::BUNDLE_TOO_LARGE);
    }
}
