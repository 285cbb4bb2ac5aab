//! A worker's part of the requests that may be under way.

use std::time::Duration;

use crate::time::Time;

/// How long a fleet must have fewer workers until each has a larger part. After an outage of the store, workers come
/// back one by one.
const FEWER_FOR: Duration = Duration::from_secs(60);

/// Counts the requests of this worker that are under way.
///
/// Each worker has an equal part of the fleet's number, and at least one. It hears of each of its own outcomes, while
/// the store would hear of them late, and of those of a killed worker never.
#[derive(Debug, Clone)]
pub(super) struct Places {
    most: Option<u64>,
    taken: u64,
    /// Number of workers that share them.
    workers: u32,
    /// Since when fewer workers were seen.
    fewer_since: Option<Time>,
    /// Whether a caller was held up since the last one went.
    holds: bool,
}

impl Places {
    /// Returns the places of one of `workers`, whose fleet may have `most` requests under way.
    pub(super) const fn new(most: Option<u64>, workers: u32) -> Self {
        Self {
            most,
            taken: 0,
            workers,
            fewer_since: None,
            holds: false,
        }
    }

    /// Takes in how many workers the fleet has.
    pub(super) fn shared_by(&mut self, now: Time, workers: u32) {
        let is_fewer = workers < self.workers;
        let since = *self.fewer_since.get_or_insert(now);
        if !is_fewer || now.saturating_since(since) >= FEWER_FOR {
            (self.workers, self.fewer_since) = (workers, None);
        }
    }

    /// Returns how many more requests may go, if that is bounded.
    pub(super) fn left(&self) -> Option<u64> {
        let part = |most: u64| (most / u64::from(self.workers.max(1))).max(1);
        self.most.map(|most| part(most).saturating_sub(self.taken))
    }

    /// Returns whether as many requests are under way as may be.
    pub(super) fn are_taken(&self) -> bool {
        self.left() == Some(0)
    }

    /// Takes note that a caller waits for a place.
    pub(super) const fn hold(&mut self) {
        self.holds = true;
    }

    /// Returns whether a caller waits for a place.
    pub(super) const fn hold_a_caller(&self) -> bool {
        self.holds
    }

    /// Counts a request that goes.
    pub(super) const fn take(&mut self) {
        (self.taken, self.holds) = (self.taken.saturating_add(1), false);
    }

    /// Counts a request as over.
    pub(super) const fn give_back(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn each_worker_has_an_equal_part_and_at_least_one() {
        let left = |workers| Places::new(Some(10), workers).left();
        assert_eq!([0, 1, 3, 10, 40].map(left), [10, 10, 3, 1, 1].map(Some));
        assert_eq!(Places::new(None, 3).left(), None);
    }

    #[test]
    fn a_part_is_smaller_at_once_and_larger_after_a_minute() {
        let mut places = Places::new(Some(12), 2);
        let mut left = |seconds, workers| {
            places.shared_by(at(seconds), workers);
            places.left()
        };
        assert_eq!(left(0, 3), Some(4));
        assert_eq!(
            [left(10, 1), left(69, 1), left(70, 1)],
            [4, 4, 12].map(Some)
        );
        // Workers that come back in time were never gone.
        assert_eq!(
            [left(80, 4), left(90, 1), left(140, 4), left(150, 1)],
            [3; 4].map(Some)
        );
    }

    #[test]
    fn a_place_is_free_again_once_its_request_is_over() {
        let mut places = Places::new(Some(2), 1);
        places.take();
        assert!(!places.are_taken());
        places.take();
        assert!(places.are_taken());
        places.give_back();
        assert_eq!(places.left(), Some(1));
    }
}
