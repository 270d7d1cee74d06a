//! docs/results.schema.json is what the types say.

use loads_wire::result::SCHEMA;

use super::*;

fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RunResult);
    schema.insert("$id".into(), format!("https://{SCHEMA}").into());
    schema.to_value()
}

#[test]
fn the_schema_in_docs_is_the_one_of_the_types() {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap();
    text.push('\n');
    assert_golden("../docs/results.schema.json", &text);
}

#[test]
fn results_are_what_the_schema_says() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for result in [results::passed(), results::failed(), RunResult::default()] {
        let value = serde_json::to_value(&result).unwrap();
        let faults: Vec<_> = validator.iter_errors(&value).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new());
    }
    assert!(!validator.is_valid(&serde_json::json!({"hits": "many"})));
}
