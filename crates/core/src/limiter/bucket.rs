//! Token arithmetic: how many tokens there are, what a grant takes, and when the next one is due.

use serde::{Deserialize, Serialize};

use crate::rate::Rate;
use crate::time::Time;

/// A token bucket. Its rate and capacity are passed to every call.
///
/// The tokens that have accrued since `as_of` are computed on demand, and stored only when tokens are taken or the
/// rate changes. So the instant that [`Bucket::ready_at`] returns and the decision of [`Bucket::take`] come from one
/// computation and can't differ by a rounding error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Tokens at `as_of`. Negative after a grant that cost more than the capacity: a debt.
    tokens: f64,
    /// Time from which tokens accrue. It may lie in the future: so a cooldown holds the refill.
    as_of: Time,
}

impl Bucket {
    /// Returns a bucket with this number of tokens.
    pub(crate) const fn new(tokens: f64, as_of: Time) -> Self {
        Self { tokens, as_of }
    }

    /// Returns whether its last change is not after `latest`, and its debt not above `most_debt` tokens.
    pub(super) fn is_plausible(&self, latest: Time, most_debt: f64) -> bool {
        self.as_of <= latest && self.tokens >= -most_debt
    }

    /// Returns the tokens at `now`. A `now` before the last change accrues nothing.
    pub(crate) fn tokens(&self, now: Time, rate: Rate, capacity: f64) -> f64 {
        let accrued = rate.amount_in(now.saturating_since(self.as_of));
        // If the capacity fell, the surplus is lost.
        (self.tokens + accrued).min(capacity)
    }

    /// Returns the first instant at which [`Bucket::take`] grants `cost`, if no tokens are taken meanwhile.
    ///
    /// A cost above the capacity is due when the bucket is full. Tokens that are there are due at once, even for a
    /// caller that read the clock before the last grant was stored.
    pub(crate) fn ready_at(&self, cost: f64, rate: Rate, capacity: f64) -> Time {
        self.due(cost.min(capacity), rate, capacity)
    }

    /// Returns when `amount` tokens will have come together for several callers in a row.
    pub(crate) fn due(&self, amount: f64, rate: Rate, capacity: f64) -> Time {
        let shortfall = amount - self.tokens.min(capacity);
        if shortfall <= 0.0 {
            Time::ZERO
        } else {
            self.as_of + rate.time_for(shortfall)
        }
    }

    /// Takes `cost` tokens, or returns when that will be possible.
    pub(crate) fn take(
        &mut self,
        now: Time,
        cost: f64,
        rate: Rate,
        capacity: f64,
    ) -> Result<(), Time> {
        let ready = self.ready_at(cost, rate, capacity);
        if now < ready {
            return Err(ready);
        }
        self.spend(now, cost, rate, capacity);
        Ok(())
    }

    /// Takes `cost` tokens, which must be there.
    pub(crate) fn spend(&mut self, now: Time, cost: f64, rate: Rate, capacity: f64) {
        *self = Self::new(self.tokens(now, rate, capacity) - cost, self.as_of.max(now));
    }

    /// Gives unused tokens back, up to the capacity.
    pub(crate) fn put_back(&mut self, cost: f64, capacity: f64) {
        self.tokens = (self.tokens + cost).min(capacity);
    }

    /// Takes tokens that were used without asking. May leave a debt.
    pub(super) fn charge(&mut self, cost: f64) {
        self.tokens -= cost;
    }

    /// Stores the tokens that accrued until `now` at the old rate, before the rate changes.
    pub(crate) fn settle(&mut self, now: Time, rate: Rate, capacity: f64) {
        *self = Self::new(self.tokens(now, rate, capacity), self.as_of.max(now));
    }

    /// Keeps at most `tokens`, and lets nothing accrue before `until`.
    pub(crate) fn hold(&mut self, until: Time, tokens: f64) {
        *self = Self::new(self.tokens.min(tokens), self.as_of.max(until));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    #[test]
    fn tokens_accrue_with_time_up_to_the_capacity() {
        let bucket = Bucket::new(0.0, Time::ZERO);
        assert_eq!(bucket.tokens(Time::ZERO + SECOND, rate(2.0), 4.0), 2.0);
        assert_eq!(bucket.tokens(Time::ZERO + 9 * SECOND, rate(2.0), 4.0), 4.0);
    }

    #[test]
    fn a_shortfall_far_below_a_nanosecond_still_names_a_later_instant() {
        let mut bucket = Bucket::new(1.0 - 1e-13, Time::ZERO);
        assert_eq!(
            bucket.take(Time::ZERO, 1.0, rate(1000.0), 2.0),
            Err(Time::from_nanos(1))
        );
        assert_eq!(
            bucket.take(Time::from_nanos(1), 1.0, rate(1000.0), 2.0),
            Ok(())
        );
    }

    #[test]
    fn a_cost_above_the_capacity_waits_for_a_full_bucket_and_leaves_a_debt() {
        let mut bucket = Bucket::new(0.0, Time::ZERO);
        let full = Time::ZERO + 2 * SECOND;
        assert_eq!(bucket.take(Time::ZERO, 10.0, rate(1.0), 2.0), Err(full));
        assert_eq!(bucket.take(full, 10.0, rate(1.0), 2.0), Ok(()));
        assert_eq!(bucket.tokens(full, rate(1.0), 2.0), -8.0);
        assert_eq!(bucket.ready_at(1.0, rate(1.0), 2.0), full + 9 * SECOND);
    }

    #[test]
    fn nothing_accrues_before_the_end_of_a_hold() {
        let mut bucket = Bucket::new(7.0, Time::ZERO);
        let end = Time::ZERO + 60 * SECOND;
        bucket.hold(end, 1.0);
        assert_eq!(bucket.tokens(end, rate(10.0), 20.0), 1.0);
        assert_eq!(bucket.tokens(end + SECOND, rate(10.0), 20.0), 11.0);
    }

    #[test]
    fn a_time_before_the_last_grant_accrues_nothing_and_is_legal() {
        let mut bucket = Bucket::new(2.0, Time::ZERO + 10 * SECOND);
        assert_eq!(bucket.take(Time::ZERO, 1.0, rate(1.0), 2.0), Ok(()));
        assert_eq!(bucket.tokens(Time::ZERO, rate(1.0), 2.0), 1.0);
        assert_eq!(
            bucket.take(Time::ZERO, 2.0, rate(1.0), 2.0),
            Err(Time::ZERO + 11 * SECOND)
        );
    }

    proptest! {
        #[test]
        fn refused_before_and_granted_exactly_at_the_named_instant(
            tokens in -50.0..50.0f64, cost in 1u32..40, per_second in 1e-3..1e5f64, start in 0u64..1 << 60,
        ) {
            let (rate, cost) = (rate(per_second), f64::from(cost));
            let capacity = (2.0 * per_second).max(1.0);
            let mut bucket = Bucket::new(tokens.min(capacity), Time::from_nanos(start));
            let ready = bucket.ready_at(cost, rate, capacity);
            if ready.as_nanos() > start {
                let early = Time::from_nanos(ready.as_nanos() - 1);
                prop_assert_eq!(bucket.take(early, cost, rate, capacity), Err(ready));
            }
            prop_assert_eq!(bucket.take(ready, cost, rate, capacity), Ok(()));
        }
    }
}
