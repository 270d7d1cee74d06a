//! From file and flags to one valid LoadTest.

use std::path::{Path, PathBuf};

use loads_api::LoadTest;
use serde_json::{Map, Value, json};

use super::Args;
use crate::exit::Exit;
use crate::lint::read;

/// A LoadTest, and the folder that its relative paths start from.
pub struct Loaded {
    /// Valid.
    pub load_test: LoadTest,
    /// The file's folder, else the current one.
    pub base: PathBuf,
}

/// Reads the target, lays the flags over it, and validates the whole.
pub fn load(args: &Args) -> Result<Loaded, Exit> {
    let file = Path::new(&args.target);
    let is_file = args.target == "-" || file.exists() || has_file_ending(file);
    let (mut name, mut object, base) = if is_file {
        from_file(file)?
    } else {
        ("command line".to_owned(), from_name(&args.target), PathBuf::from("."))
    };
    if overlay(&mut object, args) && is_file {
        name += " with the command line's options";
    }
    let text = serde_json::to_string_pretty(&object).map_err(|e| Exit::error(e.to_string()))?;
    Ok(Loaded { load_test: valid(&name, &text)?, base })
}

fn has_file_ending(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known))
}

fn from_file(file: &Path) -> Result<(String, Value, PathBuf), Exit> {
    let text = read(file)?;
    let name = file.display().to_string();
    // First as it stands, so that problems name their line and column.
    let load_test = valid(&name, &text)?;
    let object = serde_json::to_value(&load_test).map_err(|e| Exit::error(format!("{name}: {e}")))?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((name, object, folder.to_owned()))
}

fn from_name(test: &str) -> Value {
    json!({
        "apiVersion": "loads.dev/v1alpha1",
        "kind": "LoadTest",
        "metadata": {"name": "local"},
        "spec": {"test": test},
    })
}

fn valid(name: &str, text: &str) -> Result<LoadTest, Exit> {
    loads_api::lint::load(name, text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Exit::usage(format!("not a valid LoadTest:\n{}", lines.join("\n")))
    })
}

/// Lays the flags over the object; whether there was any.
fn overlay(object: &mut Value, args: &Args) -> bool {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return false };
    let mut changed = false;
    let mut set = |spec: &mut Map<String, Value>, field: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec.insert(field.to_owned(), value);
            changed = true;
        }
    };
    // hits and duration exclude each other: the flag's kind wins over the file's.
    if args.hits.is_some() {
        spec.remove("duration");
    }
    if args.duration.is_some() {
        spec.remove("hits");
    }
    set(spec, "users", args.users.as_deref().map(number_or_text));
    set(spec, "hits", args.hits.as_deref().map(number_or_text));
    set(spec, "duration", args.duration.as_deref().map(number_or_text));
    set(spec, "rampUp", args.ramp_up.as_deref().map(number_or_text));
    set(spec, "agents", args.agents.map(Value::from));
    set(spec, "rate", args.rate.map(Value::from));
    set(spec, "serverURL", args.server_url.clone().map(Value::from));
    if args.no_patching {
        set(spec, "python", Some(json!({"patching": false})));
    }
    if !args.python_dep.is_empty() {
        let bundle = spec.entry("bundle").or_insert_with(|| json!({}));
        let deps = bundle.get("pythonDeps").and_then(Value::as_array).cloned().unwrap_or_default();
        let all = deps.into_iter().chain(args.python_dep.iter().cloned().map(Value::from));
        bundle["pythonDeps"] = all.collect();
        changed = true;
    }
    changed
}

/// Integers stay integers, for they have bounds of their own in the schema.
fn number_or_text(text: &str) -> Value {
    text.parse::<u32>().map_or_else(|_| Value::from(text), Value::from)
}
