//! One of several operators works: who holds the Lease.
//!
//! Every change is written with the resourceVersion that was read, so that of two who see a free Lease one
//! only gets it. Times are compared on this process' own clock: a holder counts as gone when its Lease did
//! not change for a whole duration.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};

/// Name of the Lease.
pub const LEASE: &str = "loads-operator";
const DURATION: Duration = Duration::from_secs(15);
/// Time limit of holding: before anybody else may take over.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);

/// A place in the queue for the Lease, or the Lease itself.
pub struct Leader {
    leases: Api<Lease>,
    identity: String,
    seen: Option<(Option<String>, Instant)>,
}

impl Leader {
    /// Not leading yet. `identity` must be this process' alone.
    pub fn new(client: Client, namespace: &str, identity: &str) -> Self {
        let identity = format!("{identity}_{}", Timestamp::now().as_microsecond());
        Self { leases: Api::namespaced(client, namespace), identity, seen: None }
    }

    /// Waits until the Lease is ours.
    pub async fn acquire(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the Lease could not be read or written"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Keeps the Lease; returns when it is lost.
    pub async fn hold(&mut self) {
        let mut renewed = Instant::now();
        while renewed.elapsed() < RENEW_DEADLINE {
            tokio::time::sleep(RETRY).await;
            match self.attempt().await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the Lease could not be renewed"),
            }
        }
    }

    /// Gives the Lease back, so that the next one need not wait.
    pub async fn release(&mut self) {
        let Ok(Some(lease)) = self.leases.get_opt(LEASE).await else { return };
        if lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref()) != Some(&self.identity) {
            return;
        }
        let mut freed = lease;
        if let Some(spec) = &mut freed.spec {
            spec.holder_identity = None;
        }
        if let Err(error) = self.leases.replace(LEASE, &PostParams::default(), &freed).await {
            tracing::warn!(%error, "the Lease could not be given back");
        }
    }

    async fn attempt(&mut self) -> kube::Result<bool> {
        let Some(lease) = self.leases.get_opt(LEASE).await? else {
            let metadata = ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(0)) };
            return Self::won(self.leases.create(&PostParams::default(), &lease).await);
        };
        let version = lease.metadata.resource_version.clone();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != version) {
            self.seen = Some((version, Instant::now()));
        }
        let spec = lease.spec.clone().unwrap_or_default();
        let unchanged = self.seen.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        let limit = spec
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok())
            .map_or(DURATION, Duration::from_secs);
        let holder = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty());
        let ours = holder == Some(&self.identity);
        if holder.is_some() && !ours && unchanged < limit {
            return Ok(false);
        }
        let transitions = spec.lease_transitions.unwrap_or_default() + i32::from(!ours);
        let mut next = self.spec(transitions);
        if ours {
            next.acquire_time = spec.acquire_time;
        }
        let lease = Lease { metadata: lease.metadata, spec: Some(next) };
        Self::won(self.leases.replace(LEASE, &PostParams::default(), &lease).await)
    }

    /// Somebody who was faster is no error.
    fn won(written: kube::Result<Lease>) -> kube::Result<bool> {
        match written {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(MicroTime(Timestamp::now())),
            renew_time: Some(MicroTime(Timestamp::now())),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}
