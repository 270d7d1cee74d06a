//! The file's YAML: one document, its value as JSON, and where each field stands.
//!
//! serde_yaml gives the values (and the place of a syntax fault), saphyr the places of the fields, which
//! serde_yaml forgets once the text is well formed.

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde::Deserialize;
use serde_json::Value;

use super::Place;

/// Why a text holds no LoadTest.
#[derive(Debug)]
pub(super) struct Fault {
    pub place: Option<Place>,
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    fn new(place: Option<Place>, message: impl Into<String>, hint: &str) -> Self {
        Self { place, message: message.into(), hint: (!hint.is_empty()).then(|| hint.to_owned()) }
    }
}

/// The only document of the text.
pub(super) fn parse(text: &str) -> Result<(Value, Positions), Fault> {
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = serde_yaml::Value::deserialize(document).map_err(|error| syntax(&error))?;
        if !value.is_null() {
            documents.push(value);
        }
    }
    let positions = Positions::of_text(text);
    let start = Some(Place { line: 1, column: 1 });
    let count = documents.len();
    let Some(mut document) = documents.pop() else {
        return Err(Fault::new(
            start,
            "the file is empty",
            "it must hold one LoadTest; `loads lint` needs `apiVersion`, `kind`, `metadata` and `spec`",
        ));
    };
    if count > 1 {
        let second = positions.documents.get(1).map(|node| node.place).or(start);
        return Err(Fault::new(
            second,
            format!("the file holds {count} documents"),
            "it must hold one LoadTest: give each its own file",
        ));
    }
    document.apply_merge().map_err(|error| syntax(&error))?;
    let mut value = serde_json::to_value(document).map_err(|error| {
        Fault::new(start, format!("not a Kubernetes object: {error}"), "keys must be text")
    })?;
    if !value.is_object() {
        return Err(Fault::new(
            start,
            "not a Kubernetes object",
            "it must be a mapping with `apiVersion`, `kind`, `metadata` and `spec`",
        ));
    }
    whole_numbers(&mut value);
    Ok((value, positions))
}

fn syntax(error: &serde_yaml::Error) -> Fault {
    let place = error.location().map(|location| Place { line: location.line(), column: location.column() });
    Fault::new(place, format!("not well-formed YAML: {error}"), "")
}

/// On its way through JSON `5.0` becomes `5`, and the server never sees the difference.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Number(number) => {
            if let Some(float) =
                number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15)
            {
                *value = Value::from(float as i64);
            }
        }
        _ => {}
    }
}

/// `field: null` means the same as no field, which makes room for the field's default.
pub(super) fn drop_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            let properties = &schema["properties"];
            fields.retain(|name, value| !(value.is_null() && properties.get(name).is_some()));
            for (name, value) in fields {
                drop_nulls(value, properties.get(name).unwrap_or(&schema["additionalProperties"]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| drop_nulls(item, &schema["items"])),
        _ => {}
    }
}

/// Where everything stands in a text.
#[derive(Debug, Default)]
pub(super) struct Positions {
    documents: Vec<Node>,
}

/// A field or item: where it begins, and what is inside, by name or index.
#[derive(Debug)]
struct Node {
    place: Place,
    children: Vec<(String, Node)>,
}

impl Positions {
    fn of_text(text: &str) -> Self {
        let documents = MarkedYaml::load_from_str(text).unwrap_or_default();
        Self { documents: documents.iter().map(|document| node(document, document)).collect() }
    }

    /// The place of a field such as `spec.http.requests[0].path`; of the innermost that is there when it is not.
    pub(super) fn of(&self, path: &str) -> Place {
        let mut rest = path;
        let Some(mut node) = self.documents.first() else { return Place { line: 1, column: 1 } };
        while let Some((child, tail)) = node.child(rest) {
            (node, rest) = (child, tail);
        }
        node.place
    }
}

impl Node {
    /// Keys may have dots, so the longest child that the path begins with is the one.
    fn child<'n, 'p>(&'n self, path: &'p str) -> Option<(&'n Self, &'p str)> {
        let path = path.strip_prefix('.').unwrap_or(path);
        self.children
            .iter()
            .filter_map(|(name, child)| {
                let tail = path.strip_prefix(name.as_str())?;
                (tail.is_empty() || tail.starts_with(['.', '['])).then_some((name.len(), child, tail))
            })
            .max_by_key(|(length, ..)| *length)
            .map(|(_, child, tail)| (child, tail))
    }
}

/// A field is where its key is, an item where it begins.
fn node(place: &MarkedYaml<'_>, value: &MarkedYaml<'_>) -> Node {
    let start = place.span.start;
    let children = match &value.data {
        YamlData::Mapping(fields) => fields
            .iter()
            .filter_map(|(key, value)| match &key.data {
                YamlData::Value(Scalar::String(name)) => Some((name.to_string(), node(key, value))),
                _ => None,
            })
            .collect(),
        YamlData::Sequence(items) => {
            items.iter().enumerate().map(|(index, item)| (format!("[{index}]"), node(item, item))).collect()
        }
        _ => Vec::new(),
    };
    Node { place: Place { line: start.line(), column: start.col() + 1 }, children }
}
