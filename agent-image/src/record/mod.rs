//! Recording: from single requests to one window for each second and step.

mod cells;
mod recorder;
mod sink;

pub use cells::{Cell, Cells};
pub use recorder::{Hit, Recorder, SeriesId};
pub use sink::{SinkItem, WindowSink};
