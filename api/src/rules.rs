//! The CEL rules that concern more than one field, and the helpers by which fields carry their own.
//!
//! Traps, each seen on a real API server: optional syntax (`self.?a`) costs more than a hundred times the
//! budget; a rule on a field does not see its removal, so rules about change stand on the root; everything
//! that a rule walks needs a bound.

use schemars::{Schema, json_schema};
use serde_json::{Value, json};

use crate::quantity::SPAN_TEXT;

/// A CEL rule and what must be so.
pub(crate) fn rule(cel: &str, message: &str) -> Value {
    json!({ "rule": cel, "message": message })
}

/// A rule whose fault is shown at `field`, relative to where the rule stands.
fn rule_at(field: &str, cel: &str, message: &str) -> Value {
    json!({ "rule": cel, "message": message, "fieldPath": format!(".{field}") })
}

/// A map from text to text with bounds on everything.
pub(crate) fn text_map(entries: u32, length: u32, pattern: Option<&str>) -> Schema {
    let mut value = json_schema!({ "type": "string", "maxLength": length });
    if let Some(pattern) = pattern {
        value.insert("pattern".into(), pattern.into());
    }
    json_schema!({ "type": "object", "maxProperties": entries, "additionalProperties": value })
}

/// CEL for the time that an int-or-string field spans. Not by `type()`, which kube's evaluator lacks.
fn span(field: &str) -> String {
    format!("duration(string({field}) + (string({field}).matches('[hms]$') ? '' : 's'))")
}

/// CEL for a field being no span at all: its schema says so, and `duration()` would only fail on it.
fn no_span(field: &str) -> String {
    format!("!string({field}).matches('^({SPAN_TEXT}|[0-9]{{1,7}})$')")
}

/// The field's span lies between two others.
pub(crate) fn span_between(least: &str, most: &str) -> Value {
    let (value, none) = (span("self"), no_span("self"));
    rule(
        &format!("{none} || {value} >= duration('{least}') && {value} <= duration('{most}')"),
        &format!("must be between {least} and {most}"),
    )
}

/// Rules over the fields of `spec`.
pub(crate) fn spec() -> Vec<Value> {
    let mut rules = vec![
        rule_at(
            "duration",
            "!has(self.hits) || !has(self.duration)",
            "must set only one of `hits` (executions of each user) and `duration` (time of each step)",
        ),
        rule_at(
            "rate",
            "!has(self.rate) || has(self.hits) || has(self.duration)",
            "must set `hits` or `duration` beside `rate`",
        ),
        rule_at(
            "rate",
            "!has(self.rate) || self.executor != 'external'",
            "must be left out when `executor` is `external`: runners pace themselves",
        ),
        rule_at(
            "rampUp",
            &format!(
                "!has(self.rampUp) || !has(self.duration) || {} || {} || {} < {}",
                no_span("self.rampUp"),
                no_span("self.duration"),
                span("self.rampUp"),
                span("self.duration")
            ),
            "must be shorter than `duration`",
        ),
        rule_at(
            "test",
            r"self.executor != 'python' || has(self.test) && self.test.matches('^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*){2,}$')",
            "must be a fully qualified name such as `module.Class.test_method` when `executor` is `python`",
        ),
        rule_at(
            "serverURL",
            "!has(self.http) || has(self.serverURL) || self.http.requests.all(request, !request.path.startsWith('/'))",
            "must be set when a request of `http` has a path instead of a whole URL",
        ),
    ];
    rules.extend(["http", "external"].map(|executor| {
        rule_at(
            executor,
            &format!("self.executor != '{executor}' || has(self.{executor})"),
            &format!("must be set when `executor` is `{executor}`"),
        )
    }));
    rules.extend(["python", "http", "external"].map(|executor| {
        rule_at(
            executor,
            &format!("!has(self.{executor}) || self.executor == '{executor}'"),
            &format!("must be left out unless `executor` is `{executor}`"),
        )
    }));
    rules.push(at_creation(rule_at(
        "minAgents",
        "oldSelf.hasValue() || !has(self.minAgents) || self.minAgents <= self.agents",
        "must be at most `agents`",
    )));
    rules
}

/// Judged at creation too, where there is no old object.
fn at_creation(mut rule: Value) -> Value {
    rule["optionalOldSelf"] = true.into();
    rule
}

/// Fields that are frozen with the run: what agents were told can not change under them.
pub const FROZEN: [&str; 22] = [
    "test",
    "executor",
    "python",
    "http",
    "external",
    "serverURL",
    "users",
    "hits",
    "duration",
    "rampUp",
    "rate",
    "drainTimeout",
    "minAgents",
    "bundle",
    "criteria",
    "observers",
    "outputs",
    "startTimeout",
    "onAgentLoss",
    "brokerSilence",
    "agentTemplate",
    "brokerTemplate",
];

const STARTED: &str = "has(oldSelf.status) && has(oldSelf.status.runId)";

/// Rules over the whole object.
pub(crate) fn root() -> Vec<Value> {
    let mut rules = vec![rule(
        "!has(self.metadata.name) || self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "`metadata.name` must be at most 40 characters of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`",
    )];
    rules.extend(FROZEN.iter().map(|field| {
        let (new, old) = (format!("self.spec.{field}"), format!("oldSelf.spec.{field}"));
        rule_at(
            &format!("spec.{field}"),
            &format!("!({STARTED}) || has({new}) == has({old}) && (!has({new}) || {new} == {old})"),
            "must stay as it is once the run has begun: make a new LoadTest for another run",
        )
    }));
    rules.push(rule_at(
        "spec.agents",
        &format!(
            "!({STARTED}) || self.spec.agents == oldSelf.spec.agents || !has(self.spec.rate) && (has(self.spec.duration) || {})",
            ["users", "hits"]
                .map(|list| format!("has(self.spec.{list}) && string(self.spec.{list}).contains(':')"))
                .join(" || ")
        ),
        "must stay as it is in a run of one `hits` step, because agents join and leave at the next step only, and in a run with `rate`, whose arrivals are dealt out by their number",
    ));
    rules
}
