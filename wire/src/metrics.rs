//! Metrics as tables: one definition makes the samples, their text, and their line in the documentation.
//!
//! Families are put together when they are asked for, from figures that are kept anyway, so that there is no
//! second count that could differ from the first.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

/// Content type of [`encode`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What Prometheus is told of a metric's nature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// With prefix and unit.
    pub name: &'static str,
    /// Its nature.
    pub kind: Kind,
    /// Besides those that all of a table have.
    pub labels: &'static [&'static str],
    /// One or two sentences.
    pub help: &'static str,
}

/// Defines the metrics of a table as constants, and `ALL` of them.
#[macro_export]
macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $id: $crate::metrics::Definition = $crate::metrics::Definition {
                name: $name,
                kind: $crate::metrics::Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+
        /// Every metric of this table.
        pub const ALL: &[$crate::metrics::Definition] = &[$($id),+];
    };
}

/// A distribution by upper bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// (upper bound, values that are not above it), ascending.
    pub buckets: Vec<(f64, u64)>,
    /// Number of values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

/// Samples of one moment.
#[derive(Debug, Default)]
pub struct Samples {
    common: Vec<LabelPair>,
    families: Vec<MetricFamily>,
    series: usize,
}

impl Samples {
    /// No samples yet; `common` labels go on each, but for empty ones, which mean the same as none.
    pub fn new(common: &[(&str, &str)]) -> Self {
        let common = common.iter().filter(|(_, value)| !value.is_empty());
        let common = common.map(|(name, value)| label(name, value)).collect();
        Self { common, ..Self::default() }
    }

    /// A counter's or gauge's value; `labels` are values in the order of the definition.
    pub fn set(&mut self, of: &Definition, labels: &[&str], value: f64) {
        let mut metric = Metric::default();
        match of.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        self.series += 1;
        self.add(of, labels, metric);
    }

    /// A histogram's values.
    pub fn distribution(&mut self, of: &Definition, labels: &[&str], values: &Distribution) {
        let bucket = |(edge, count): &(f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*edge);
            bucket.set_cumulative_count(*count);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_bucket(values.buckets.iter().map(bucket).collect());
        histogram.set_sample_count(values.count);
        histogram.set_sample_sum(values.sum);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        // The endless bucket, sum and count.
        self.series += values.buckets.len() + 3;
        self.add(of, labels, metric);
    }

    fn add(&mut self, of: &Definition, labels: &[&str], mut metric: Metric) {
        debug_assert_eq!(of.labels.len(), labels.len(), "{}", of.name);
        let own = of.labels.iter().zip(labels).map(|(name, value)| label(name, value));
        metric.set_label(self.common.iter().cloned().chain(own).collect());
        if let Some(family) = self.families.iter_mut().find(|family| family.name() == of.name) {
            family.mut_metric().push(metric);
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(of.name.to_owned());
        family.set_help(of.help.to_owned());
        family.set_field_type(match of.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(vec![metric]);
        self.families.push(family);
    }

    /// How many series Prometheus makes of them.
    pub fn series(&self) -> usize {
        self.series
    }

    /// For [`encode`].
    pub fn families(self) -> Vec<MetricFamily> {
        self.families
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

/// Prometheus' text format.
pub fn encode(families: &[MetricFamily]) -> Result<String, prometheus::Error> {
    let mut text = Vec::new();
    TextEncoder::new().encode(families, &mut text)?;
    String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
}

/// The table for people, in Markdown.
pub fn markdown(table: &[Definition]) -> String {
    let line = |Definition { name, kind, labels, help }: &Definition| {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        format!("| `{name}` | {kind} | {} | {labels} | {help} |\n", unit(name))
    };
    let head = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n".to_owned();
    head + &table.iter().map(line).collect::<String>()
}

/// By the name, as Prometheus has it.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name.rsplit('_').next() {
        Some("seconds") => "seconds",
        Some("bytes") => "bytes",
        Some("ratio") => "0 to 1",
        Some("info") => "always 1",
        _ => "",
    }
}

/// `text` with the part between the lines `<!-- NAME: generated -->` and `<!-- NAME: end -->` replaced; none
/// when it has no such part.
pub fn replace_part(text: &str, name: &str, part: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
    let from = text.find(&begin)? + begin.len();
    let to = from + text[from..].find(&end)?;
    Some(format!("{}{part}{}", &text[..from], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    metrics! {
        HITS = Counter "t_hits_total" ["label"] "Hits.";
        AGE = Gauge "t_age_seconds" [] "Age.";
        TIME = Histogram "t_time_seconds" [] "Time.";
    }

    #[test]
    fn samples_become_text_with_help_type_and_common_labels() {
        let mut samples = Samples::new(&[("run", "r\"1"), ("namespace", "")]);
        samples.set(&HITS, &["/a"], 3.0);
        samples.set(&AGE, &[], 0.25);
        samples.set(&HITS, &["/b"], 0.0);
        let buckets = vec![(0.001, 1), (0.5, 2)];
        samples.distribution(&TIME, &[], &Distribution { buckets, count: 3, sum: 7.5 });
        assert_eq!(samples.series(), 3 + 5);
        let expected = "\
# HELP t_hits_total Hits.
# TYPE t_hits_total counter
t_hits_total{run=\"r\\\"1\",label=\"/a\"} 3
t_hits_total{run=\"r\\\"1\",label=\"/b\"} 0
# HELP t_age_seconds Age.
# TYPE t_age_seconds gauge
t_age_seconds{run=\"r\\\"1\"} 0.25
# HELP t_time_seconds Time.
# TYPE t_time_seconds histogram
t_time_seconds_bucket{run=\"r\\\"1\",le=\"0.001\"} 1
t_time_seconds_bucket{run=\"r\\\"1\",le=\"0.5\"} 2
t_time_seconds_bucket{run=\"r\\\"1\",le=\"+Inf\"} 3
t_time_seconds_sum{run=\"r\\\"1\"} 7.5
t_time_seconds_count{run=\"r\\\"1\"} 3
";
        assert_eq!(encode(&samples.families()).unwrap(), expected);
    }

    #[test]
    fn the_table_names_each_unit() {
        let text = markdown(ALL);
        assert!(text.contains("| `t_hits_total` | counter |  | `label` | Hits. |\n"), "{text}");
        assert!(text.contains("| `t_age_seconds` | gauge | seconds |  | Age. |\n"), "{text}");
    }

    #[test]
    fn only_the_named_part_of_a_text_is_replaced() {
        let text = "a\n<!-- x: generated -->\nold\n<!-- x: end -->\nb\n";
        let new = replace_part(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x: generated -->\nnew\n<!-- x: end -->\nb\n");
        assert_eq!(replace_part(text, "y", ""), None);
    }
}
