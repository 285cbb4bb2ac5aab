//! Events of limiters and calls, and their delivery to observers.
//!
//! `event` defines the events, `decision` and `attempt_record` make them, and `dispatcher` gives them to the
//! observers. The log lines (`log_lines`) are the first observer.

mod attempt_record;
mod decision;
mod dispatcher;
mod event;
mod limit_found;
mod log_lines;
mod unix_seconds;

pub(crate) use attempt_record::AttemptRecord;
pub(crate) use decision::{Cause, Decision, StateInWords};
pub(crate) use dispatcher::{Dispatcher, EventSource};
pub use event::{About, Event, Observer, Standing};
pub use limit_found::LimitFound;
pub(crate) use log_lines::created;
