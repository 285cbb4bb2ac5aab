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
mod source;
mod terms;
mod told;
mod trips;
mod window;

pub use breaker::{BreakerPhase, CircuitBreaker};
pub use budget::Standing;
pub use controller::Controller;
pub use fixed::FixedLimit;
pub use fleet::{
    Ask, Errand, MOST_TRIES, MOST_WANTED, Manner, Member, Membership, Record, Reply, Settled,
    settle,
};
pub use law::Law;
pub use learned::Learned;
pub use phase::{Phase, Reason};
pub use source::Source;
pub use terms::Learning;
pub use terms::{Apart, Belief, Change, Grant, Poll, Settings, TurnedAway, View};
pub use told::{Announced, Told};

#[cfg(test)]
mod learning_properties;
