//! The CRD's CEL rules, by kube's evaluator, with each fault put into the API server's words.

use kube::core::cel::{ValidationError, Validator};
use serde_json::Value;

use super::{Finding, schema::quoted};

/// Every rule that an object breaks at its creation, or in its change from an old object.
pub(super) fn faults(schema: &Value, value: &Value, old: Option<&Value>) -> Vec<Finding> {
    let mut schema = schema.clone();
    without_optionals(&mut schema);
    let Err(errors) = Validator::new().validate(&schema, value, old) else { return Vec::new() };
    errors.into_vec().iter().map(|error| finding(&schema, value, error)).collect()
}

/// The server wraps `oldSelf` of an `optionalOldSelf` rule into an optional; kube's evaluator leaves it null.
fn without_optionals(schema: &mut Value) {
    match schema {
        Value::Object(node) => {
            if node.get("optionalOldSelf") == Some(&Value::Bool(true))
                && let Some(Value::String(rule)) = node.get_mut("rule")
            {
                *rule = rule.replace("oldSelf.hasValue()", "oldSelf != null");
            }
            node.values_mut().for_each(without_optionals);
        }
        Value::Array(items) => items.iter_mut().for_each(without_optionals),
        _ => {}
    }
}

fn finding(schema: &Value, value: &Value, error: &ValidationError) -> Finding {
    let path = error.field_path.trim_start_matches('.');
    if path.is_empty() {
        // The only rules of the whole object without a field path are about its name, which no schema has.
        let finding = Finding::field(path, &format!("Invalid value: {}", error.message));
        return Finding { path: "metadata.name".to_owned(), ..finding };
    }
    let (schema, value) = descend(schema, value, path);
    let own = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|r| r["rule"] == error.rule.as_str());
    // The value is named only where it is short: by rules of a field itself that is no object and no list.
    if own && !value.is_object() && !value.is_array() {
        Finding::field(path, &format!("Invalid value: {}: {}", quoted(value), error.message))
    } else {
        Finding::field(path, &format!("Invalid value: {}", error.message))
    }
}

/// Schema and value at a path such as `spec.http.requests[0]`.
fn descend<'v>(schema: &'v Value, value: &'v Value, path: &str) -> (&'v Value, &'v Value) {
    static NOTHING: Value = Value::Null;
    let mut at = (schema, value);
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        at = match step.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
            Some(index) => (&at.0["items"], at.1.get(index).unwrap_or(&NOTHING)),
            None => (&at.0["properties"][step], at.1.get(step).unwrap_or(&NOTHING)),
        };
    }
    at
}
