//! What the limiter and the calls through it tell the outside, as [`Event`]s.
//!
//! The log lines are the first observer; what else listens comes after them.

mod audience;
mod call;
mod event;
mod log_lines;
mod news;
#[cfg(feature = "prometheus")]
pub mod prometheus;

pub(crate) use audience::{Audience, Speaker};
pub(crate) use call::AttemptRecord;
pub use event::{About, Event, Observer, Standing};
pub(crate) use log_lines::created;
pub(crate) use news::{Cause, Mind, News};
