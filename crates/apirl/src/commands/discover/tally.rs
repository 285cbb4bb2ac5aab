//! What a measurement has seen: numbers and times of requests, and the limiter's estimates.

use std::collections::VecDeque;
use std::time::Duration;

use api_ratelimiter::LearningReason;

/// The time in which the most accepted requests are looked for.
const SECOND: Duration = Duration::from_secs(1);

/// Number of estimates that are kept: the first ones come from a few seconds of a steep search.
const ESTIMATES: usize = 3;

/// Shortest time that an average is taken over: in less, a burst that was saved up weighs too much.
const SHORTEST_AVERAGE: Duration = Duration::from_secs(10);

/// Shortest time of refusals that shows a window, and the least in intervals of the rate: a limit of the rate lets a
/// request through sooner.
const SHORTEST_OF_A_WINDOW: Duration = Duration::from_secs(3);
const INTERVALS: f64 = 3.0;

/// What has been seen. All times count from the beginning.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) accepted: u64,
    /// Accepted requests since the last refusal.
    pub(super) accepted_in_a_row: u64,
    pub(super) refused: u32,
    pub(super) failed: u64,
    /// Most requests that were in flight at one time.
    pub(super) in_flight: u32,
    /// Most accepted requests within one second.
    pub(super) busiest_second: u64,
    /// The accepted requests before the first refusal, and the time that they took.
    pub(super) before_refusal: Option<(u64, Duration)>,
    /// The longest time in which nothing was accepted after a refusal: at least, and at most.
    pub(super) longest_refusal: Option<[Duration; 2]>,
    /// The last estimates of the limiter, per second, and the number of all.
    pub(super) estimates: VecDeque<f64>,
    pub(super) estimated: u32,
    /// Number of tests in a row that found the rate where it was.
    pub(super) tests_in_a_row: u32,
    /// Times at which requests of the last second were accepted.
    lately: VecDeque<Duration>,
    first_accepted: Option<Duration>,
    last_accepted: Duration,
    /// The first and the last refusal since the last accepted request.
    refusals: Option<[Duration; 2]>,
    /// The first and the last refusal of all, each with the accepted requests before it.
    limit_met: Option<[(Duration, u64); 2]>,
}

impl Tally {
    /// Takes in a request that came back.
    pub(super) fn attempted(&mut self, is_refused: bool) {
        self.sent += 1;
        self.refused += u32::from(is_refused);
    }

    /// Takes in an accepted request.
    pub(super) fn accepted(&mut self, now: Duration) {
        self.accepted += 1;
        self.accepted_in_a_row += 1;
        self.first_accepted.get_or_insert(now);
        self.lately.push_back(now);
        while self.lately.front().is_some_and(|at| *at + SECOND <= now) {
            self.lately.pop_front();
        }
        self.busiest_second = self.busiest_second.max(self.lately.len() as u64);
        if let Some([first, last]) = self.refusals.take() {
            let at_most = now.saturating_sub(self.last_accepted);
            self.refused_for([last.saturating_sub(first), at_most]);
        }
        self.last_accepted = now;
    }

    /// Takes in a refusal.
    pub(super) fn refused(&mut self, now: Duration) {
        self.accepted_in_a_row = 0;
        let met = (now, self.accepted);
        self.limit_met = Some([self.limit_met.map_or(met, |[first, _]| first), met]);
        let first = self.refusals.map_or(now, |[first, _]| first);
        self.refusals = Some([first, now]);
        if self.before_refusal.is_none() {
            let began = self.first_accepted.unwrap_or(now);
            self.before_refusal = Some((self.accepted, now.saturating_sub(began)));
        }
    }

    /// Takes in a time of refusals.
    fn refused_for(&mut self, times: [Duration; 2]) {
        if self.longest_refusal.is_none_or(|longest| times > longest) {
            self.longest_refusal = Some(times);
        }
    }

    /// Takes note that the run ends now: refusals that go on are a time of refusals of unknown end.
    pub(super) fn end(&mut self) {
        let refusals = self.refusals.take();
        let least = refusals.map(|[first, last]| last.saturating_sub(first));
        let longest = self.longest_refusal.map(|[least, _]| least);
        if let Some(least) = least.filter(|least| longest.is_none_or(|longest| *least > longest)) {
            self.longest_refusal = Some([least, Duration::MAX]);
        }
    }

    pub(super) fn estimated(&mut self, ceiling: f64, reason: LearningReason) {
        self.tests_in_a_row = match reason {
            LearningReason::ProbeConfirmed => self.tests_in_a_row + 1,
            // A small raise that is refused leaves the rate where it was.
            LearningReason::RaiseRefused => self.tests_in_a_row,
            _ => 0,
        };
        if self.estimates.back() != Some(&ceiling) {
            self.estimates.push_back(ceiling);
            self.estimated += 1;
        }
        while self.estimates.len() > ESTIMATES {
            self.estimates.pop_front();
        }
    }

    /// Returns the accepted requests per second from the first refusal to the last: at both, nothing was left of the limit,
    /// which therefore is no lower. `None` if they were too close together.
    pub(super) fn average(&self) -> Option<f64> {
        let [(from, before), (to, until)] = self.limit_met?;
        let time = to.saturating_sub(from);
        let accepted = until.saturating_sub(before);
        (time >= SHORTEST_AVERAGE && accepted > 0).then(|| accepted as f64 / time.as_secs_f64())
    }

    /// Returns whether requests were refused for so long at a time that a rate does not explain it.
    pub(super) fn shows_windows(&self) -> bool {
        let rate = self.estimates.back().copied().unwrap_or(f64::INFINITY);
        let longest = Duration::try_from_secs_f64(INTERVALS / rate).unwrap_or(Duration::MAX);
        let longest = longest.max(SHORTEST_OF_A_WINDOW);
        let refusals = self
            .refusals
            .map(|[first, last]| last.saturating_sub(first));
        let before = self.longest_refusal.map(|[least, _]| least);
        refusals.max(before).is_some_and(|least| least > longest)
    }
}
