//! What broker, agents and runners say to each other, and the figures they say it in.
//!
//! Pure data and pure functions: no socket, no clock, no runtime. `plan` is what a run is to do,
//! `message` how broker and agent talk, `window` what an agent counted in one second of one step,
//! `histogram` how latencies are kept, `external` the JSON of runners in any language,
//! `result` the figures of a whole run, `bundle` how its files travel, `target` where load may go, `control`
//! what the operator asks of a broker, `live` what a broker tells those who watch, `metrics` how figures are
//! told to Prometheus, `criteria` what a run is judged by.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod control;
pub mod criteria;
pub mod error_kind;
pub mod external;
pub mod histogram;
pub mod live;
pub mod message;
pub mod metrics;
pub mod plan;
pub mod result;
pub mod target;
pub mod text;
pub mod window;

pub use criteria::Criterion;
pub use error_kind::ErrorKind;
pub use histogram::Histogram;
pub use plan::Plan;
pub use result::RunResult;
pub use window::{Row, Totals, Window};
