//! The limit that was found, for people and for spending it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How a server counts the requests of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitKind {
    /// In windows on a grid of the server's clock, such as each minute; or in fixed windows of which it is not known yet
    /// how they begin.
    FixedWindow,
    /// In windows that begin with the first request after the last one expired.
    WindowFromFirst,
    /// In the time before each request.
    SlidingWindow,
    /// At once: those that are under way, whatever the time. The length of the window is 0.
    AtOnce,
}

/// A limit that the server does not announce, found from what it accepted and refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InferredLimit {
    /// How the server counts.
    pub kind: LimitKind,
    /// Requests per window: the number that is known to be accepted, or the only round one that is possible.
    pub count: u64,
    /// Largest number that is possible.
    pub most: u64,
    /// Length of a window.
    pub window: Duration,
    /// Earliest and latest time at which the current window began. `None` for a sliding window, and if it is not known
    /// yet how windows begin.
    pub begins: Option<[Time; 2]>,
    /// Number of windows that were seen to be used up.
    pub seen: u32,
    /// Probability of this limit among those that were considered, at most 0.97.
    pub certainty: f64,
}

/// What an [`InferredLimit`] is known by: its kind, numbers and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InferredLaw {
    /// How the server counts.
    pub kind: LimitKind,
    /// Requests per window, and the largest number that is possible.
    pub counts: [u64; 2],
    /// Length of a window.
    pub window: Duration,
}

/// Says the law in words: `97 to 100 requests per 60 s`.
impl fmt::Display for InferredLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [count, most] = self.counts;
        if most > count {
            write!(f, "{count} to {most} requests")?;
        } else {
            write!(f, "{count} requests")?;
        }
        let seconds = self.window.as_secs_f64();
        match self.kind {
            LimitKind::FixedWindow => write!(f, " per {seconds} s"),
            LimitKind::WindowFromFirst => write!(f, " per {seconds} s, from the first request on"),
            LimitKind::SlidingWindow => write!(f, " in any {seconds} s"),
            LimitKind::AtOnce => f.write_str(" at once"),
        }
    }
}

impl InferredLimit {
    /// Returns the limit of fixed windows of which it is not known how they begin.
    pub(super) fn without_beginning(self) -> Self {
        Self {
            kind: LimitKind::FixedWindow,
            begins: None,
            ..self
        }
    }

    /// Returns whether both count in the same windows, whatever their numbers.
    pub(super) fn is_same_window(&self, other: &Self) -> bool {
        (self.kind, self.window) == (other.kind, other.window)
    }

    /// Returns the law, without what changes from window to window.
    #[must_use]
    pub const fn law(&self) -> InferredLaw {
        InferredLaw {
            kind: self.kind,
            counts: [self.count, self.most],
            window: self.window,
        }
    }
}
