//! Rate limits as pure values.
//!
//! A [`Limit`] is one rule. [`Limits`] applies several rules at once and counts requests. Nothing here
//! reads a clock: each call takes the time as an argument. The HTTP server and the world in virtual time
//! therefore share the rules.

mod limit;
mod limit_state;
mod limit_text;
mod limits;
mod meter;

pub use limit::{Limit, LimitError};
pub use limit_state::LimitState;
pub use limits::{Admission, Limits};
