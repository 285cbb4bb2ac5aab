//! Several limits that hold at once, with their counts.

use std::time::Duration;

use api_ratelimiter_core::Time;

use super::limit::Limit;
use super::limit_state::LimitState;
use super::meter::Meter;

/// Shortest wait in a refusal. With a wait of zero, a retry at the same time would be refused again.
const SHORTEST_WAIT: Duration = Duration::from_nanos(1);

/// Several limits that hold at once, with the requests counted so far.
///
/// A request is accepted if every limit accepts it. No limit counts a refused request. All times must
/// come from one clock; a time before the latest seen one counts as the latest.
///
/// ```
/// use api_ratelimiter_core::Time;
/// use api_ratelimiter_simulator::{Admission, Limit, Limits};
/// use std::time::Duration;
///
/// let mut limits = Limits::new(Time::ZERO, [Limit::pacing(10.0)?]);
/// assert_eq!(limits.arrive(Time::ZERO), Admission::Accepted);
/// let retry_after = Duration::from_millis(100);
/// assert_eq!(limits.arrive(Time::ZERO), Admission::Refused { retry_after });
/// assert_eq!(limits.arrive(Time::ZERO + retry_after), Admission::Accepted);
/// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Limits {
    start: Time,
    latest: Time,
    meters: Vec<Meter>,
    /// Accepted requests that have not finished. They are counted even without a concurrency limit, so
    /// that one set later by [`replace`](Self::replace) knows them.
    in_flight: u64,
}

/// Decision of a server about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The request is served, and every limit counts it.
    Accepted,
    /// The request is not served, and no limit counts it.
    Refused {
        /// Time until a retry would be accepted if no other request arrives.
        ///
        /// Exact to the nanosecond and never zero. One second if only a concurrency limit refuses.
        retry_after: Duration,
    },
}

impl Limits {
    /// Returns limits that have counted nothing: buckets are full, and fixed windows begin at `start`.
    ///
    /// With an empty list every request is accepted.
    #[must_use]
    pub fn new(start: Time, limits: impl IntoIterator<Item = Limit>) -> Self {
        let meters = limits
            .into_iter()
            .map(|limit| Meter::new(limit, start, start))
            .collect();
        Self {
            start,
            latest: start,
            meters,
            in_flight: 0,
        }
    }

    /// Decides about a request that arrives `now`.
    ///
    /// An accepted request is in flight until [`leave`](Self::leave) is called for it.
    #[must_use]
    pub fn arrive(&mut self, now: Time) -> Admission {
        let at = self.advance(now);

        // A limit that would accept keeps accepting while no request arrives. Therefore the limit with
        // the longest wait decides.
        let refused_until = self
            .meters
            .iter()
            .filter_map(|meter| meter.refuses_until(at, self.in_flight))
            .max();
        if let Some(until) = refused_until {
            return Admission::Refused {
                retry_after: until.saturating_since(now).max(SHORTEST_WAIT),
            };
        }

        // All limits accept: each counts the request.
        for meter in &mut self.meters {
            meter.take(at);
        }
        self.in_flight = self.in_flight.saturating_add(1);
        Admission::Accepted
    }

    /// Records that one accepted request has finished, which frees its slot in a concurrency limit.
    ///
    /// A call without a request in flight changes nothing.
    pub fn leave(&mut self, now: Time) {
        self.advance(now);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Replaces all limits from `now` on, like a server that changes its configuration.
    ///
    /// The new limits have counted nothing, as in [`new`](Self::new), with two exceptions: requests in
    /// flight are kept, and fixed windows still begin at the first start.
    pub fn replace(&mut self, now: Time, limits: impl IntoIterator<Item = Limit>) {
        let at = self.advance(now);
        self.meters = limits
            .into_iter()
            .map(|limit| Meter::new(limit, self.start, at))
            .collect();
    }

    /// Returns the state of the binding limit; `None` if there are only concurrency limits.
    ///
    /// The binding limit is the one with the fewest requests remaining; among equals, the one with the
    /// longest time to its reset.
    #[must_use]
    pub fn binding_state(&self, now: Time) -> Option<LimitState> {
        let at = self.latest.max(now);
        let states = self.meters.iter().filter_map(|meter| meter.state(at));
        states.min_by_key(|state| (state.remaining, std::cmp::Reverse(state.reset_after)))
    }

    /// Returns the state of the limit with this index in the list; `None` for a concurrency limit, and if
    /// there is no such limit.
    #[must_use]
    pub fn state(&self, index: usize, now: Time) -> Option<LimitState> {
        let at = self.latest.max(now);
        self.meters.get(index).and_then(|meter| meter.state(at))
    }

    /// Returns the state that a server announces: that of the limit with this index, or of the binding one.
    pub(crate) fn announced_state(&self, index: Option<usize>, now: Time) -> Option<LimitState> {
        match index {
            Some(index) => self.state(index, now),
            None => self.binding_state(now),
        }
    }

    /// Moves the latest seen time to `now`, but never back, and returns it.
    fn advance(&mut self, now: Time) -> Time {
        self.latest = self.latest.max(now);
        self.latest
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
