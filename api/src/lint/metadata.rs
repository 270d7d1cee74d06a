//! What the server asks of every object, whatever its schema says: kind, version and name.

use kube::Resource;
use serde_json::Value;

use super::{Finding, schema::quoted};
use crate::loadtest::LoadTest;

/// It is a LoadTest of the version that this program knows.
pub(super) fn kind(value: &Value) -> Result<(), Finding> {
    for (field, expected) in [("kind", LoadTest::kind(&())), ("apiVersion", LoadTest::api_version(&()))] {
        match &value[field] {
            Value::String(given) if *given == expected => {}
            Value::Null => {
                return Err(Finding::field(field, &format!("Required value: must be {expected}")));
            }
            given => {
                let message = format!("Invalid value: {}: must be {expected}", quoted(given));
                return Err(Finding::field(field, &message));
            }
        }
    }
    Ok(())
}

/// It has a name that could be part of a host's name. The server goes on to the rules all the same.
pub(super) fn name(value: &Value) -> Option<Finding> {
    let path = "metadata.name";
    let metadata = &value["metadata"];
    let given = |field: &str| metadata[field].as_str().filter(|name| !name.is_empty());
    match (given("name"), given("generateName")) {
        (None, Some(_)) => None,
        (None, None) => {
            Some(Finding::field(path, "Required value: name or generateName is required").blocking())
        }
        (Some(name), _) if name.len() > 253 => {
            Some(Finding::field(path, &format!("Invalid value: {name:?}: must be no more than 253 bytes")))
        }
        (Some(name), _) if subdomain(name) => None,
        (Some(name), _) => Some(Finding::field(
            path,
            &format!(
                "Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ),
        )),
    }
}

fn subdomain(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.split('.').all(|label| {
        label.starts_with(alphanumeric)
            && label.ends_with(alphanumeric)
            && label.chars().all(|c| c == '-' || alphanumeric(c))
    })
}
