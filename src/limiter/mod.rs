//! Pure decisions about speed: a token bucket, the law that moves its rate, the pauses between, and
//! what is learned about the limit.

mod breaker;
mod bucket;
mod budget;
mod canary;
mod ceiling;
mod controller;
mod epoch;
mod estimate;
mod fixed;
mod fleet;
mod law;
mod learned;
mod learner;
mod lesson;
mod pause;
mod phase;
mod probe;
mod rate;
pub(crate) mod seconds;
mod source;
mod terms;
mod time;
mod told;
mod trips;
mod window;

pub use breaker::{BreakerPhase, CircuitBreaker};
pub(crate) use controller::Controller;
pub(crate) use fixed::FixedLimit;
pub(crate) use fleet::{
    Ask, Errand, MOST_TRIES, MOST_WANTED, Manner, Member, Record, Reply, Settled, settle,
};
pub(crate) use law::Law;
pub use learned::Learned;
pub use phase::{Phase, Reason};
pub use rate::Rate;
pub(crate) use source::Source;
pub use terms::Learning;
pub(crate) use terms::{Apart, Belief, Change, Grant, Poll, Settings, TurnedAway, View};
pub use time::Time;
pub(crate) use told::{Announced, Told};

#[cfg(test)]
mod learning_properties;
