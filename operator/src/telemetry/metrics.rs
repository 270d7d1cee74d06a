//! Metrics of the operator itself, prefix `loads_operator_`.

use loads_api::conditions::{ConditionStatus, FINISHED, SUCCEEDED};
use loads_api::{LoadTest, LoadTestStatus};
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramTimer, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// All of them.
pub struct Metrics {
    registry: Registry,
    reconciles: Histogram,
    failures: IntCounter,
    finished: IntCounterVec,
    known: IntGaugeVec,
    leader: IntGauge,
}

impl Metrics {
    /// Registers them; known series begin at 0.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let this = Self {
            reconciles: Histogram::with_opts(
                HistogramOpts::new(
                    "loads_operator_reconcile_duration_seconds",
                    "Time of one look at one LoadTest.",
                )
                .buckets(vec![0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]),
            )?,
            failures: IntCounter::new(
                "loads_operator_reconcile_failures_total",
                "Looks that ended with an error and were tried again.",
            )?,
            finished: IntCounterVec::new(
                Opts::new("loads_operator_loadtests_finished_total", "LoadTests that this process saw end."),
                &["reason"],
            )?,
            known: IntGaugeVec::new(
                Opts::new("loads_operator_loadtests", "LoadTests that there are, by whether they are over."),
                &["finished"],
            )?,
            leader: IntGauge::new(
                "loads_operator_leader",
                "1 while this process is the one that reconciles, else 0.",
            )?,
            registry,
        };
        let build = IntGaugeVec::new(Opts::new("loads_operator_build_info", "Always 1."), &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for finished in ["true", "false"] {
            this.known.with_label_values(&[finished]).set(0);
        }
        for collector in [
            Box::new(this.reconciles.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(this.failures.clone()),
            Box::new(this.finished.clone()),
            Box::new(this.known.clone()),
            Box::new(this.leader.clone()),
            Box::new(build),
        ] {
            this.registry.register(collector)?;
        }
        Ok(this)
    }

    /// A reconcile begins; dropping the timer ends it.
    pub fn reconcile(&self) -> HistogramTimer {
        self.reconciles.start_timer()
    }

    /// A reconcile failed.
    pub fn failed(&self) {
        self.failures.inc();
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// A status was written.
    pub fn told(&self, old: Option<&LoadTestStatus>, new: &LoadTestStatus) {
        let find =
            |status: &LoadTestStatus, type_| status.conditions.iter().find(|c| c.type_ == type_).cloned();
        let over = |status: &LoadTestStatus| {
            find(status, FINISHED).is_some_and(|c| c.status == ConditionStatus::True)
        };
        if over(new) && !old.is_some_and(over) {
            let reason = find(new, SUCCEEDED).map(|c| c.reason).unwrap_or_default();
            self.finished.with_label_values(&[reason.as_str()]).inc();
        }
    }

    /// Counts what there is.
    pub fn known<'a>(&self, tests: impl Iterator<Item = &'a LoadTest>) {
        let (mut active, mut over) = (0, 0);
        for test in tests {
            *(if crate::status::is_finished(test) { &mut over } else { &mut active }) += 1;
        }
        self.known.with_label_values(&["true"]).set(over);
        self.known.with_label_values(&["false"]).set(active);
    }

    /// In Prometheus' text format.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|e| prometheus::Error::Msg(e.to_string()))
    }
}
