//! The CustomResourceDefinition: what the derive makes of the types, put into the form the API server takes.

use std::sync::OnceLock;

use kube::CustomResourceExt;
use serde_json::{Map, Value};

use crate::loadtest::LoadTest;
use crate::status::SAFE;
use crate::{conditions, rules};

/// First lines of the committed file.
const HEADER: &str =
    "# Made by `loads-operator crd` from the types in api/src; a test fails when they differ.\n";

/// The definition as JSON.
pub fn definition() -> Result<Value, serde_json::Error> {
    let mut crd = serde_json::to_value(LoadTest::crd())?;
    if let Some(schema) = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        for template in ["agentTemplate", "brokerTemplate"] {
            if let Some(template) = schema.pointer_mut(&format!("/properties/spec/properties/{template}")) {
                bound(template);
            }
        }
        for field in ["startTime", "completionTime"] {
            plain_time(schema.pointer_mut(&format!("/properties/status/properties/{field}")));
        }
        plain(schema);
        schema["x-kubernetes-validations"] = rules::root().into();
        schema["properties"]["status"]["default"] = conditions::initial();
    }
    Ok(crd)
}

/// The schema of the whole object, as it stands in the definition. Made once: it takes a while.
pub fn schema() -> Result<&'static Value, String> {
    static SCHEMA: OnceLock<Result<Value, String>> = OnceLock::new();
    let make = || {
        let mut crd = definition().map_err(|error| error.to_string())?;
        crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema")
            .map(Value::take)
            .ok_or_else(|| "the definition has no schema".to_owned())
    };
    SCHEMA.get_or_init(make).as_ref().map_err(Clone::clone)
}

/// The definition as the YAML file `crds/loads.dev_loadtests.yaml`.
pub fn yaml() -> Result<String, Box<dyn std::error::Error>> {
    Ok(format!("{HEADER}{}", serde_yaml::to_string(&definition()?)?))
}

/// An optional field is not a nullable one, and the API server warns of formats that it does not know.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(node) => {
            let is_schema = node.contains_key("type") || node.contains_key("x-kubernetes-int-or-string");
            if is_schema {
                node.remove("nullable");
                if node.get("default").is_some_and(Value::is_null) {
                    node.remove("default");
                }
                if node.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint"))
                {
                    node.remove("format");
                }
                for bound in ["minimum", "maximum"] {
                    if let Some(whole) =
                        node.get(bound).and_then(Value::as_f64).filter(|whole| whole.fract() == 0.0)
                    {
                        node.insert(bound.to_owned(), (whole as i64).into());
                    }
                }
                one_line(node);
            }
            node.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// Doc comments are wrapped for the source; `kubectl explain` wraps for itself.
fn one_line(node: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = node.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// Instants keep their format, and a bound like every other text.
fn plain_time(schema: Option<&mut Value>) {
    if let Some(schema) = schema {
        schema["maxLength"] = 64.into();
    }
}

/// Kubernetes' own types come without bounds; CEL's cost and the size of objects need them. Descriptions of
/// their fields stay in the Pod reference, where they are kept up.
fn bound(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    if node.contains_key("x-kubernetes-int-or-string") {
        node.entry("maxLength").or_insert(32.into());
        node.entry("pattern").or_insert(r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|[munk]|[eE][0-9]+)?$".into());
        node.entry("minimum").or_insert(0.into());
        node.entry("maximum").or_insert(SAFE.into());
    }
    match node.get("type").and_then(Value::as_str) {
        Some("string") if !node.contains_key("enum") => {
            node.entry("maxLength").or_insert(4096.into());
        }
        Some("integer") => {
            node.entry("minimum").or_insert(0.into());
            node.entry("maximum").or_insert(i32::MAX.into());
        }
        Some("array") => {
            node.entry("maxItems").or_insert(32.into());
            node.entry("x-kubernetes-list-type").or_insert("atomic".into());
        }
        Some("object") if node.contains_key("additionalProperties") => {
            node.entry("maxProperties").or_insert(32.into());
        }
        _ => {}
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = node.get_mut(key) {
            bound(child);
        }
    }
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        properties.values_mut().for_each(|property| {
            bound(property);
            undescribed_below(property);
        });
    }
}

fn undescribed_below(schema: &mut Value) {
    for key in ["items", "additionalProperties"] {
        if let Some(child) = schema.get_mut(key) {
            child.as_object_mut().map(|child| child.remove("description"));
            undescribed_below(child);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            property.as_object_mut().map(|property| property.remove("description"));
            undescribed_below(property);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `check` with the path and schema of every node.
    fn walk(path: &str, schema: &Value, check: &mut dyn FnMut(&str, &Value)) {
        check(path, schema);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            walk(&format!("{path}.{name}"), property, check);
        }
        for (key, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
            if schema[key].is_object() {
                walk(&format!("{path}{mark}"), &schema[key], check);
            }
        }
    }

    fn faults(fault: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut faults = Vec::new();
        walk("", schema().unwrap(), &mut |path, node| {
            if fault(node) {
                faults.push(path.to_owned());
            }
        });
        faults
    }

    #[test]
    fn every_leaf_has_bounds() {
        let unbounded = faults(|node| match node["type"].as_str() {
            Some("string") => node.get("enum").is_none() && node.get("maxLength").is_none(),
            Some("integer") => node.get("minimum").is_none() || node.get("maximum").is_none(),
            Some("array") => node.get("maxItems").is_none() || node.get("x-kubernetes-list-type").is_none(),
            Some("object") => {
                node.get("additionalProperties").is_some() && node.get("maxProperties").is_none()
            }
            Some("boolean") => false,
            _ => node["x-kubernetes-int-or-string"] != true || node.get("maxLength").is_none(),
        });
        assert_eq!(unbounded, Vec::<String>::new());
    }

    #[test]
    fn nothing_is_nullable_free_form_or_of_a_format_the_server_does_not_know() {
        let odd = faults(|node| {
            node.get("nullable").is_some()
                || node.get("x-kubernetes-preserve-unknown-fields").is_some()
                || node["type"] == "object"
                    && node.get("properties").is_none()
                    && node.get("additionalProperties").is_none()
                || node
                    .get("format")
                    .is_some_and(|f| !["int32", "int64", "date-time"].contains(&f.as_str().unwrap()))
                || node["type"] == "number"
        });
        assert_eq!(odd, Vec::<String>::new());
    }

    #[test]
    fn required_fields_have_no_default_and_every_field_of_ours_a_sentence() {
        walk("", schema().unwrap(), &mut |path, node| {
            for required in node["required"].as_array().into_iter().flatten() {
                assert!(
                    node["properties"][required.as_str().unwrap()].get("default").is_none(),
                    "{path}.{required}"
                );
            }
            let theirs = path.contains("Template.") || path.ends_with("[]") || path.ends_with(".*");
            assert!(theirs || node["description"].as_str().is_some_and(|text| text.ends_with('.')), "{path}");
        });
    }

    #[test]
    fn it_fits_the_annotation_of_a_client_side_apply() {
        assert!(serde_json::to_string(&definition().unwrap()).unwrap().len() < 200 * 1024);
    }

    #[test]
    fn the_committed_definition_is_the_one_of_the_types() {
        let file =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/loads.dev_loadtests.yaml"));
        assert!(
            file.unwrap_or_default() == yaml().unwrap(),
            "crds/loads.dev_loadtests.yaml differs from the types: run\n  cargo run -p loads-operator -- crd > crds/loads.dev_loadtests.yaml"
        );
    }
}
