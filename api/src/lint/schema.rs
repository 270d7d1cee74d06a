//! The CRD's schema, by the jsonschema crate, with each fault put into the API server's words.

use std::collections::BTreeSet;

use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind as Kind};
use serde_json::{Value, json};

use super::Finding;

/// Everything in which a value departs from the schema.
pub(super) fn faults(schema: &Value, value: &Value) -> Result<Vec<Finding>, String> {
    let mut schema = schema.clone();
    standard(&mut schema);
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft7)
        .should_validate_formats(false)
        .build(&schema)
        .map_err(|error| error.to_string())?;
    Ok(validator.iter_errors(value).map(|error| finding(&error)).collect())
}

/// Kubernetes' own keyword in terms of the standard.
fn standard(schema: &mut Value) {
    if schema["x-kubernetes-int-or-string"] == true {
        schema["type"] = json!(["integer", "string"]);
    }
    match schema {
        Value::Object(node) => node.values_mut().filter(|value| value.is_object()).for_each(standard),
        Value::Array(items) => items.iter_mut().for_each(standard),
        _ => {}
    }
}

/// `/spec/http/requests/0/path` as the server writes it.
fn dotted(error: &ValidationError<'_>) -> String {
    use jsonschema::paths::LocationSegment;
    error.instance_path().into_iter().fold(String::new(), |mut path, segment| match segment {
        LocationSegment::Index(index) => format!("{path}[{index}]"),
        LocationSegment::Property(name) => {
            child(&mut path, &name);
            path
        }
    })
}

fn child(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// A value as the server quotes it.
pub(super) fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn finding(error: &ValidationError<'_>) -> Finding {
    let mut path = dotted(error);
    let value = error.instance();
    let size = value.as_array().map(Vec::len).or(value.as_object().map(serde_json::Map::len)).unwrap_or(0);
    let invalid = |what: String| format!("Invalid value: {}: {path} in body should {what}", quoted(value));
    let (message, blocking) = match error.kind() {
        Kind::Required { property } => {
            child(&mut path, property.as_str().unwrap_or_default());
            ("Required value".to_owned(), true)
        }
        Kind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(_) => "integer,string".to_owned(),
            };
            let got = type_name(value);
            (format!("Invalid value: {got:?}: {path} in body must be of type {expected}: {got:?}"), true)
        }
        Kind::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().map(quoted).collect();
            (format!("Unsupported value: {}: supported values: {}", quoted(value), options.join(", ")), true)
        }
        Kind::MaxLength { limit } => {
            (format!("Too long: may not be more than {limit} {}", plural("byte", *limit)), true)
        }
        Kind::MaxItems { limit } | Kind::MaxProperties { limit } => {
            (format!("Too many: {size}: must have at most {limit} {}", plural("item", *limit)), true)
        }
        Kind::MinLength { limit } => (invalid(format!("be at least {limit} chars long")), false),
        Kind::MinItems { limit } => {
            (format!("Invalid value: {size}: {path} in body should have at least {limit} items"), false)
        }
        Kind::Minimum { limit } => (invalid(format!("be greater than or equal to {limit}")), false),
        Kind::Maximum { limit } => (invalid(format!("be less than or equal to {limit}")), false),
        Kind::Pattern { pattern } => (invalid(format!("match '{pattern}'")), false),
        _ => (format!("Invalid value: {}: {error}", quoted(value)), false),
    };
    let finding = Finding::field(&path, &message);
    if blocking { finding.blocking() } else { finding }
}

fn plural(noun: &str, count: u64) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// Items that a list of kind `set` or `map` has twice.
pub(super) fn duplicates(path: &str, schema: &Value, value: &Value) -> Vec<Finding> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let mut path = path.to_owned();
                child(&mut path, name);
                let schema = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                duplicates(&path, schema, value)
            })
            .collect(),
        Value::Array(items) => {
            let mut seen = BTreeSet::new();
            let mut findings = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                if let Some(key) = identity(schema, item)
                    && !seen.insert(key.clone())
                {
                    findings.push(Finding::field(&path, &format!("Duplicate value: {key}")));
                }
                findings.extend(duplicates(&path, &schema["items"], item));
            }
            findings
        }
        _ => Vec::new(),
    }
}

/// By what a list tells its items apart; none when it does not care.
fn identity(list: &Value, item: &Value) -> Option<String> {
    match list["x-kubernetes-list-type"].as_str()? {
        "set" => Some(quoted(item)),
        "map" => {
            let keys = list["x-kubernetes-list-map-keys"].as_array()?.iter().filter_map(Value::as_str);
            Some(keys.map(|key| (key.to_owned(), item[key].clone())).collect::<Value>().to_string())
        }
        _ => None,
    }
}
