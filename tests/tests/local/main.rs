//! `loads run` on one machine, end to end: real processes, real sockets, a server that counts.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

mod agents_die;
mod bad_input;
mod broker_dies;
mod counts;
mod criteria;
mod errors;
mod external;
mod interrupt;
mod keeper;
mod scenario;
mod seed_examples;
mod steps;
