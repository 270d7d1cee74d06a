//! Metrics of the operator itself, prefix `loads_operator_`, and of the LoadTests that it knows.

use std::sync::{Arc, Mutex, PoisonError};

use kube::runtime::reflector::Store;
use loads_api::conditions::{FINISHED, SUCCEEDED};
use loads_api::{LoadTest, LoadTestStatus};
use loads_wire::metrics::{Definition, encode};
use loads_wire::result::reason;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramTimer, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::runs::runs;
use super::table as t;
use crate::controller::Error;

/// All of them.
pub struct Metrics {
    registry: Registry,
    reconcile_time: Histogram,
    reconciles: IntCounterVec,
    active: IntGauge,
    watch_errors: IntCounterVec,
    finished: IntCounterVec,
    leader: IntGauge,
    /// Filled by the leader only: two processes must not both tell of the same LoadTests.
    tests: Mutex<Vec<Store<LoadTest>>>,
}

impl Metrics {
    /// Registers them; known series begin at 0.
    pub fn new() -> Result<Self, prometheus::Error> {
        let buckets = vec![0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
        let time = HistogramOpts::from(opts(&t::RECONCILE_TIME)).buckets(buckets);
        let this = Self {
            registry: Registry::new(),
            reconcile_time: Histogram::with_opts(time)?,
            reconciles: counters(&t::RECONCILES)?,
            active: IntGauge::with_opts(opts(&t::RECONCILING))?,
            watch_errors: counters(&t::WATCH_ERRORS)?,
            finished: counters(&t::FINISHED)?,
            leader: IntGauge::with_opts(opts(&t::LEADER))?,
            tests: Mutex::default(),
        };
        let build = IntGaugeVec::new(opts(&t::BUILD), t::BUILD.labels)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for result in ["success", "conflict", "error"] {
            this.reconciles.with_label_values(&[result]);
        }
        for reason in reason::ALL {
            this.finished.with_label_values(&[reason]);
        }
        for collector in [
            Box::new(this.reconcile_time.clone()) as Box<dyn Collector>,
            Box::new(this.reconciles.clone()),
            Box::new(this.active.clone()),
            Box::new(this.watch_errors.clone()),
            Box::new(this.finished.clone()),
            Box::new(this.leader.clone()),
            Box::new(build),
        ] {
            this.registry.register(collector)?;
        }
        Ok(this)
    }

    /// A reconcile begins; dropping the timer ends it.
    pub fn reconcile(&self) -> HistogramTimer {
        self.reconcile_time.start_timer()
    }

    /// A look begins; dropping what is returned ends it.
    pub fn look(&self) -> Active {
        self.active.inc();
        Active(self.active.clone())
    }

    /// How a look ended.
    pub fn looked<T>(&self, result: &Result<T, Error>) {
        let result = match result {
            Ok(_) => "success",
            Err(error) if error.is_outdated() => "conflict",
            Err(_) => "error",
        };
        self.reconciles.with_label_values(&[result]).inc();
    }

    /// A watch was interrupted.
    pub fn watch_error(&self, kind: &str) {
        self.watch_errors.with_label_values(&[kind]).inc();
    }

    /// Watches of this kind of object begin.
    pub fn watches(&self, kind: &str) {
        self.watch_errors.with_label_values(&[kind]);
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// LoadTests to tell of.
    pub fn tell_of(&self, tests: Store<LoadTest>) {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner).push(tests);
    }

    /// A status was written.
    pub fn told(&self, old: Option<&LoadTestStatus>, new: &LoadTestStatus) {
        if new.is_true(FINISHED) && !old.is_some_and(|old| old.is_true(FINISHED)) {
            let reason = new.condition(SUCCEEDED).map(|condition| condition.reason.as_str());
            self.finished.with_label_values(&[reason.unwrap_or_default()]).inc();
        }
    }

    /// In Prometheus' text format.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let stores = self.tests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.text_with(stores.iter().flat_map(Store::state).collect())
    }

    /// The same for these LoadTests.
    pub(super) fn text_with(&self, tests: Vec<Arc<LoadTest>>) -> Result<String, prometheus::Error> {
        let mut families = self.registry.gather();
        families.extend(runs(tests).families());
        encode(&families)
    }
}

/// A look that is under way.
pub struct Active(IntGauge);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn opts(of: &Definition) -> Opts {
    Opts::new(of.name, of.help)
}

fn counters(of: &Definition) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(opts(of), of.labels)
}
