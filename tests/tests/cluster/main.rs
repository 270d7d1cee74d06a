//! LoadTests on a real cluster, with the operator as it is installed.
#![expect(clippy::unwrap_used, reason = "a test that can not go on is a test that fails")]

mod absence;
mod agents;
mod bundles;
mod control;
mod faults;
mod helm;
mod many;
mod newcomer;
mod observed;
mod ownership;
mod requests;
mod rules;
mod runs;
mod security;
mod specs;
mod waits;
mod watched;
mod zz_rights;
