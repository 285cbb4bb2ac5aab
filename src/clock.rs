//! Clocks: the only place that reads time and waits, and a clock for tests.

mod manual;
mod system;

pub use manual::{JoinGuard, ManualClock};
pub use system::{Clock, SystemClock};
