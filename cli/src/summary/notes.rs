//! What a reader must know to read the figures right: each a sentence, only where it applies.

use loads_wire::RunResult;

use super::style::Style;
use super::text::{count, duration, wrap};

/// Own delay of an agent from which the generator, not the server, is what was measured.
const NOTABLE_LAG_MICROS: u64 = 20_000;

/// The section, empty when there is nothing to say.
pub fn section(result: &RunResult, style: &Style) -> String {
    let notes = [accounting(result), undetailed(result), folded(result), delayed(result)];
    let notes = notes.into_iter().chain([late(result), bad_messages(result), lost(result), lag(result)]);
    let notes = notes.flatten().map(|note| wrap(&note, style.width, "", "  "));
    notes.collect::<Vec<_>>().join("\n")
}

/// Says where every request is, unless every request sent was a hit.
fn accounting(result: &RunResult) -> Option<String> {
    let is_plain = result.sent == result.hits && result.failed_before_send == 0 && result.retries == 0;
    let parts = [
        (" + ", result.failed_after_send, "failed after sending"),
        (" + ", result.unanswered, "unanswered when the run was cut"),
        ("; ", result.failed_before_send, "failed before sending"),
        ("; ", result.retries, "sent again on a new connection"),
    ];
    let parts = parts.iter().filter(|(_, count, _)| *count > 0);
    let parts = parts.map(|(joint, count, what)| format!("{joint}{count} {what}")).collect::<Vec<_>>();
    let hits = count(result.hits, "hit");
    (!is_plain).then(|| format!("Requests: {} sent = {hits}{}", result.sent, parts.concat()))
}

fn undetailed(result: &RunResult) -> Option<String> {
    (result.undetailed > 0).then(|| {
        let hits = count(result.undetailed, "hit");
        format!("{hits} of a killed process: counted, but in no row and no percentile.")
    })
}

fn folded(result: &RunResult) -> Option<String> {
    (result.labels_folded > 0).then(|| {
        let urls = count(result.labels_folded, "further URL");
        format!("{urls} counted as `other`; give requests a label to tell them apart.")
    })
}

fn delayed(result: &RunResult) -> Option<String> {
    (result.delayed > 0).then(|| {
        let arrivals = count(result.delayed, "arrival");
        format!("{arrivals} waited for a free user; their time counts from when they were due.")
    })
}

fn late(result: &RunResult) -> Option<String> {
    (result.late > 0)
        .then(|| format!("{} came after the step had ended; counted.", count(result.late, "runner message")))
}

fn bad_messages(result: &RunResult) -> Option<String> {
    (result.bad_messages > 0).then(|| {
        let messages = count(result.bad_messages, "runner message");
        format!("{messages} could not be read; the agent's log shows them.")
    })
}

fn lost(result: &RunResult) -> Option<String> {
    let agents = &result.agents;
    (agents.lost > 0)
        .then(|| format!("{} lost, of {} wanted.", count(u64::from(agents.lost), "agent"), agents.wanted))
}

fn lag(result: &RunResult) -> Option<String> {
    let lag = result.agents.lag_microseconds;
    (lag >= NOTABLE_LAG_MICROS).then(|| {
        let lag = duration(lag as f64);
        format!("An agent was late by up to {lag}: its machine may be what limited the load, not the server.")
    })
}
