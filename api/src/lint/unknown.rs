//! Fields that the schema does not have, with the one that was probably meant.

use serde_json::Value;

use super::Finding;

/// Below this likeness (0 to 1) a proposal would be a guess.
const ALIKE: f64 = 0.7;

/// Fields of every Kubernetes object, which no CRD names.
const OBJECT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];
const METADATA: [&str; 16] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
    "clusterName",
];

/// All unknown fields of an object.
pub(super) fn fields(object: &Value, schema: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk("", object, schema, &OBJECT, &mut findings);
    for name in object["metadata"].as_object().into_iter().flatten().map(|(name, _)| name) {
        if !METADATA.contains(&name.as_str()) {
            findings.push(unknown(&format!("metadata.{name}"), name, METADATA.into_iter()));
        }
    }
    findings
}

fn walk(path: &str, value: &Value, schema: &Value, also: &[&str], findings: &mut Vec<Finding>) {
    match value {
        Value::Object(fields) => {
            let Some(properties) = schema["properties"].as_object() else { return };
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match properties.get(name) {
                    Some(property) => walk(&path, value, property, &[], findings),
                    None if also.contains(&name.as_str()) => {}
                    None => {
                        let known = properties.keys().map(String::as_str).chain(also.iter().copied());
                        findings.push(unknown(&path, name, known));
                    }
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{path}[{index}]"), item, &schema["items"], &[], findings);
            }
        }
        _ => {}
    }
}

fn unknown<'k>(path: &str, name: &str, known: impl Iterator<Item = &'k str>) -> Finding {
    let likeness = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let nearest = known
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Finding {
        path: path.to_owned(),
        message: format!("strict decoding error: unknown field {path:?}"),
        hint: nearest.map(|(_, other)| format!("did you mean `{other}`?")),
        blocking: false,
    }
}
