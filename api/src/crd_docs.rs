//! docs/crd.md: every field of the definition as a table, so that the reference can not depart from the schema.

use std::fmt::Write;

use serde_json::Value;

use crate::conditions;

const HEADER: &str = "<!-- Made by `loads-operator crd --docs` from the types in api/src; a test fails when they differ. -->

# LoadTest

`loads.dev/v1alpha1`, namespaced, short name `ldt`, category `loads`. `kubectl scale` and autoscalers set `spec.agents`.
A span of time is whole seconds or text such as `90s`, `5m` or `1h30m20s`. Fields marked *frozen* stay as they are
once `status.runId` is set. `loads lint FILE` gives the API server's verdict without a cluster.
";

/// The reference as Markdown.
pub fn markdown() -> Result<String, Box<dyn std::error::Error>> {
    let schema = crate::crd::schema()?;
    let mut text = HEADER.to_owned();
    for part in ["spec", "status"] {
        write!(
            text,
            "\n## {part}\n\n| Field | Type | Default | Bounds | Meaning |\n|---|---|---|---|---|\n"
        )?;
        rows(&mut text, "", &schema["properties"][part])?;
    }
    write!(text, "\n## Rules\n\n| Field | Rule |\n|---|---|\n")?;
    rules(&mut text, "", schema)?;
    write!(text, "\n## Conditions\n\nA new object has them all, with reason `Pending`:\n\n")?;
    for (condition, status) in conditions::ALL {
        writeln!(text, "- `{condition}`: {status:?}")?;
    }
    write!(text, "\n## Reasons\n\n| Reason | Meaning |\n|---|---|\n")?;
    for (reason, meaning) in conditions::reason::ALL {
        writeln!(text, "| `{reason}` | {} |", meaning.trim())?;
    }
    Ok(text)
}

/// A row for each field below a schema. Kubernetes' own types (their fields carry no sentence) are one row.
fn rows(text: &mut String, path: &str, schema: &Value) -> std::fmt::Result {
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let frozen = if crate::rules::FROZEN.contains(&path.as_str()) { " *Frozen.*" } else { "" };
        let default = match field.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.contains(&name.as_str()) => "required".to_owned(),
            None => String::new(),
        };
        writeln!(
            text,
            "| `{path}` | {} | {default} | {} | {}{frozen} |",
            type_name(field),
            bounds(field),
            cell(field["description"].as_str().unwrap_or_default())
        )?;
        let (inner, path) = inner(field, &path);
        let first = inner["properties"].as_object().and_then(|fields| fields.values().next());
        if first.is_some_and(|field| field.get("description").is_some()) {
            rows(text, &path, inner)?;
        }
    }
    Ok(())
}

/// What a list or map holds, and how its fields are written.
fn inner<'s>(schema: &'s Value, path: &str) -> (&'s Value, String) {
    if schema["items"].is_object() {
        (&schema["items"], format!("{path}[]"))
    } else if schema["additionalProperties"].is_object() {
        (&schema["additionalProperties"], format!("{path}.*"))
    } else {
        (schema, path.to_owned())
    }
}

fn type_name(schema: &Value) -> String {
    if schema["x-kubernetes-int-or-string"] == true {
        return "integer or string".to_owned();
    }
    match (schema["type"].as_str().unwrap_or_default(), inner(schema, "").0) {
        ("array", items) => format!("list of {}", type_name(items)),
        ("object", values) if schema.get("additionalProperties").is_some() => {
            format!("map to {}", type_name(values))
        }
        (name, _) => schema["format"].as_str().unwrap_or(name).replace("int32", name).replace("int64", name),
    }
}

fn bounds(schema: &Value) -> String {
    const KEYWORDS: [(&str, &str); 7] = [
        ("minimum", "≥ "),
        ("maximum", "≤ "),
        ("minLength", "length ≥ "),
        ("maxLength", "length ≤ "),
        ("minItems", "items ≥ "),
        ("maxItems", "items ≤ "),
        ("maxProperties", "entries ≤ "),
    ];
    let mut bounds: Vec<_> = KEYWORDS
        .iter()
        .filter_map(|(keyword, sign)| schema.get(keyword).map(|bound| format!("{sign}{bound}")))
        .collect();
    if let Some(values) = schema["enum"].as_array() {
        bounds.extend(values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        bounds.push(format!("`{}`", cell(pattern)));
    }
    let (inner, _) = inner(schema, "");
    if !std::ptr::eq(inner, schema) && inner["type"] != "object" {
        let each = self::bounds(inner);
        if !each.is_empty() {
            bounds.push(format!("each: {each}"));
        }
    }
    bounds.join(", ")
}

fn rules(text: &mut String, path: &str, schema: &Value) -> std::fmt::Result {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let field = format!("{path}{}", rule["fieldPath"].as_str().unwrap_or_default());
        let field = field.trim_start_matches('.');
        let field = if field.is_empty() { "metadata.name" } else { field };
        writeln!(text, "| `{field}` | {} |", cell(rule["message"].as_str().unwrap_or_default()))?;
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        rules(text, &format!("{path}.{name}"), field)?;
    }
    let (inner, path) = inner(schema, path);
    if std::ptr::eq(inner, schema) { Ok(()) } else { rules(text, &path, inner) }
}

/// Text that does not end its table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_reference_is_the_one_of_the_types() {
        let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/crd.md"));
        assert!(
            file.unwrap_or_default() == super::markdown().unwrap(),
            "docs/crd.md differs from the types: run\n  cargo run -p loads-operator -- crd --docs > docs/crd.md"
        );
    }

    #[test]
    fn every_field_of_the_spec_has_a_row() {
        let text = super::markdown().unwrap();
        for field in
            ["`users`", "`http.requests[].expectStatus`", "`agentTemplate.affinity`", "`bundle.files`"]
        {
            assert!(text.lines().any(|line| line.starts_with(&format!("| {field} |"))), "{field}");
        }
    }
}
