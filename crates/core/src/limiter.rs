//! Decides when requests may be sent: a token bucket, a rate law, pauses, and the learned limit.
//!
//! Everything in here is a pure value. [`Controller`] is the limiter of one process, [`Member`] is one worker of a fleet
//! that shares a limit, and [`Engine`] is either of them. A driver polls for a [`Grant`], sends the request, and
//! reports its [`Outcome`].

mod after_pause;
mod announced;
mod at_once;
mod breaker;
mod bucket;
mod budget;
mod budgets;
mod canary;
mod ceiling;
mod circuit_breaker;
mod controller;
mod engine;
mod epoch;
mod estimate;
mod fixed;
mod fleet;
mod grant;
mod hidden_windows;
mod inference;
mod law;
mod learned;
mod learner;
mod outcome;
mod pause;
mod periods;
mod phase;
mod poll;
mod present;
mod probe;
mod routes;
mod rtt;
mod sent_log;
mod settings;
mod spending;
mod start;
mod state;
mod under_way;
mod view;
mod window;
mod window_spending;

pub use announced::{Announced, AnnouncedLimits, LimitName};
pub use circuit_breaker::{BreakerPhase, CircuitBreaker};
pub use controller::Controller;
pub use engine::Engine;
pub use fixed::FixedLimit;
pub use fleet::{
    Action, MOST_TRIES, MOST_WANTED, Member, OutagePolicy, Record, RecordSummary, Settled,
    SyncReply, SyncRequest, settle,
};
pub use grant::Grant;
pub use inference::{InferredLaw, InferredLimit, LimitKind};
pub use law::Law;
pub use learned::Learned;
pub use outcome::{Change, ManualReport, Outcome};
pub use phase::{LearningReason, Phase};
pub use poll::{CostTooLarge, Denial, FleetUnavailable, Poll};
pub use routes::{Place, Routes};
pub(crate) use settings::DEFAULT_RESERVE;
pub use settings::{Learning, Settings};
pub use view::{Allowance, Belief, Membership, View};

#[cfg(test)]
mod extreme_properties;
#[cfg(test)]
mod known_properties;
#[cfg(test)]
mod learning_properties;
#[cfg(test)]
mod window_properties;
