//! The LoadTest resource: its types, its rules, its CRD, and what `loads lint` says about a file.
//!
//! Pure: no client, no runtime, no clock. `loadtest` is the spec and names the other nouns, `rules` holds
//! what spans several fields, `plan` makes a LoadTest into what broker and agents read, `crd` prints the
//! definition that the API server gets, `lint` gives the API server's verdict without one.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod conditions;
pub mod crd;
pub mod crd_docs;
pub mod executors;
pub mod labels;
pub mod lint;
pub mod loadtest;
pub mod observer;
pub mod plan;
pub mod quantity;
pub mod rules;
pub mod status;
pub mod template;

pub use loadtest::{LoadTest, LoadTestSpec};
pub use status::LoadTestStatus;
