//! An archive as ConfigMaps: immutable parts named by content, and one index that names them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loads_wire::bundle::{ARCHIVE_KEY, Archive, PART_KEY, PART_SIZE, sha256};
use serde_json::{Value, json};

use crate::exit::Exit;

/// A label's value is no longer, and parts carry the name in one.
const LONGEST_NAME: usize = 63;

/// Whether a ConfigMap, its parts and a label can be named so.
pub fn check_name(name: &str) -> Result<(), Exit> {
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let ends = !name.starts_with('-') && !name.ends_with('-');
    if !name.is_empty() && name.len() <= LONGEST_NAME && letters && ends {
        return Ok(());
    }
    Err(Exit::usage(format!(
        "--name {name:?} can not name a ConfigMap: use up to {LONGEST_NAME} lower-case letters, digits and dashes, no dash at either end"
    )))
}

/// The parts, then the index: who applies them in order never has an index without its parts.
pub fn documents(name: &str, namespace: Option<&str>, archive: &[u8]) -> Result<Vec<Value>, Exit> {
    let sha256 = sha256(archive);
    let part_name = |number: usize| format!("{name}-{}-{number}", &sha256[..8]);
    let chunks: Vec<&[u8]> = archive.chunks(PART_SIZE).collect();
    let index = Archive {
        size: archive.len() as u64,
        parts: (0..chunks.len()).map(part_name).collect(),
        sha256: sha256.clone(),
    };
    let index = serde_json::to_string(&index).map_err(|e| Exit::error(e.to_string()))?;
    let mut documents: Vec<Value> = chunks
        .iter()
        .enumerate()
        .map(|(number, part)| {
            let mut document = config_map(&part_name(number), name, namespace);
            document["immutable"] = json!(true);
            document["binaryData"] = json!({PART_KEY: STANDARD.encode(part)});
            document
        })
        .collect();
    let mut document = config_map(name, name, namespace);
    document["data"] = json!({ARCHIVE_KEY: index});
    documents.push(document);
    Ok(documents)
}

fn config_map(name: &str, bundle: &str, namespace: Option<&str>) -> Value {
    let mut metadata = json!({"name": name, "labels": {"loads.dev/bundle": bundle}});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
}
