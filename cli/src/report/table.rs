//! The figures by label as CSV. The page's own download (page/web/src/csv.ts) has the same columns.

use loads_wire::RunResult;
use loads_wire::result::LabelResult;

const COLUMNS: [&str; 15] = [
    "label",
    "method",
    "status",
    "hits",
    "unexpected",
    "bytes",
    "mean_microseconds",
    "min_microseconds",
    "p50_microseconds",
    "p90_microseconds",
    "p95_microseconds",
    "p99_microseconds",
    "p999_microseconds",
    "p9999_microseconds",
    "max_microseconds",
];

/// A head, and a row for each label, method and status.
pub fn render(result: &RunResult) -> csv::Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for label in &result.labels {
        table.write_record(row(label))?;
    }
    let bytes = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
    // Of strings only strings come.
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

fn row(label: &LabelResult) -> [String; COLUMNS.len()] {
    let latency = &label.latency_microseconds;
    [
        label.label.clone(),
        label.method.clone(),
        label.status.to_string(),
        label.hits.to_string(),
        label.unexpected.to_string(),
        label.bytes.to_string(),
        latency.mean.to_string(),
        latency.min.to_string(),
        latency.p50.to_string(),
        latency.p90.to_string(),
        latency.p95.to_string(),
        latency.p99.to_string(),
        latency.p999.to_string(),
        latency.p9999.to_string(),
        latency.max.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::result::Latency;

    #[test]
    fn each_label_method_and_status_is_a_row_and_texts_are_quoted_where_they_must() {
        let latency = Latency { mean: 1234.5, p50: 1000.0, max: 2e6, ..Latency::default() };
        let label = |label: &str, status| LabelResult {
            label: label.into(),
            method: "GET".into(),
            status,
            hits: 3,
            latency_microseconds: latency,
            ..LabelResult::default()
        };
        let labels = vec![label("home", 200), label("a \"b\", c", 404)];
        let table = render(&RunResult { labels, ..RunResult::default() }).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], COLUMNS.join(","));
        assert_eq!(lines[1], "home,GET,200,3,0,0,1234.5,0,1000,0,0,0,0,0,2000000");
        assert!(lines[2].starts_with("\"a \"\"b\"\", c\",GET,404,"), "{}", lines[2]);
    }

    #[test]
    fn a_run_without_hits_is_a_table_without_rows() {
        assert_eq!(render(&RunResult::default()).unwrap(), COLUMNS.join(",") + "\n");
    }
}
