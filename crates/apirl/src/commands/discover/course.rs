//! When the next request may begin, and when the run ends: decided from what has happened, without a clock.

use std::time::Duration;

use api_ratelimiter::guidance::Guidance;
use api_ratelimiter::{LearningReason, LimitFound};

use super::announced::Announcements;
use super::tally::Tally;

/// Number of windows that a limit must have held in, before it counts as known: one may be chance, and the second can be
/// another limit's.
const WINDOWS: u32 = 3;

/// Number of tests in a row that must have found a learned rate where it was.
const TESTS: u32 = 2;

/// Number of failures in a row that end the run. A single 502 of a server that works is no reason to stop.
const FAILURES: u32 = 3;

/// Accepted requests in a row for one more request in flight. What is in flight when a limit is met is refused all at
/// once, and refusals are few: a limit of a hundred requests is met by one.
const ACCEPTED_PER_FLIGHT: u64 = 200;

/// Longest pause that is not worth a word: it shows only that the time is nearly over.
const SHORT: Duration = Duration::from_secs(10);

/// The limits of the run itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) time: Duration,
    pub(super) most_refusals: u32,
    pub(super) concurrency: u32,
}

/// A measurement in progress. All times count from its beginning.
#[derive(Debug)]
pub(super) struct Course {
    bounds: Bounds,
    under_way: u32,
    /// Requests that were sent and have not come back.
    in_flight: u32,
    /// Requests that may be in flight after the last refusal.
    least_in_flight: u32,
    failed_in_a_row: u32,
    pub(super) tally: Tally,
    pub(super) announcements: Announcements,
    pub(super) ending: Option<Ending>,
}

/// Why the run ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// The windows of a limit were found and seen often enough.
    Window,
    /// Tests found the learned rate where it was.
    Rate,
    /// An announced limit of a short window held for some windows.
    AnnouncedHeld,
    /// Enough of an announced limit of a long window was spent, or little was left of it.
    AnnouncedSpared,
    Time,
    Refusals,
    Interrupted,
    /// The server asks for a pause that is longer than the rest of the time.
    Pause(Duration),
    /// A failure other than a refusal.
    Failure {
        problem: String,
        /// The status, if there was a response.
        status: Option<u16>,
    },
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// A response with a status below 400, and what it announces.
    Accepted(Guidance),
    /// A refusal, and what it announces.
    Refused(Guidance),
    /// A response or an error other than a refusal, in words.
    Failed {
        problem: String,
        /// The status, if there was a response.
        status: Option<u16>,
    },
    /// It was not sent: the client pauses for longer than it lets requests wait.
    Paused(Duration),
    /// It was not sent: the run is over, or the limiter would let it go only after the end.
    Unsent,
}

/// Whether a worker may begin a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Begin,
    Wait,
    Stop,
}

impl Course {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            under_way: 0,
            in_flight: 0,
            least_in_flight: 1,
            failed_in_a_row: 0,
            tally: Tally::default(),
            announcements: Announcements::default(),
            ending: None,
        }
    }

    /// Returns whether a request may begin, and counts it if so. Its end must be reported by [`Course::answered`].
    ///
    /// All requests under way may be refused, so they and the refusals so far are never more than the run may have.
    pub(super) fn begin(&mut self) -> Next {
        let unrefused = self.bounds.most_refusals.saturating_sub(self.tally.refused);
        let most = self.most_in_flight().min(unrefused);
        if self.ending.is_some() {
            return Next::Stop;
        }
        if self.under_way >= most {
            return Next::Wait;
        }
        self.under_way += 1;
        Next::Begin
    }

    /// Takes back a request that was begun and not sent.
    #[cfg(test)]
    pub(super) fn take_back(&mut self) {
        self.under_way -= 1;
    }

    /// Returns how many requests may be in flight: one more after each stretch of accepted ones. Where windows show,
    /// it is half as many after a refusal: a rate is met again and again, but a window by all in flight at once.
    fn most_in_flight(&self) -> u32 {
        let more = self.tally.accepted_in_a_row / ACCEPTED_PER_FLIGHT;
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let most = self.least_in_flight.saturating_add(more);
        most.min(self.bounds.concurrency)
    }

    /// Returns whether the run has ended and all its requests came back.
    pub(super) fn is_over(&self) -> bool {
        self.ending.is_some() && self.under_way == 0
    }

    /// Returns the time left.
    pub(super) fn left(&self, now: Duration) -> Duration {
        self.bounds.time.saturating_sub(now)
    }

    /// Ends the run, unless it has ended before.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// Takes in that a request is sent now.
    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
        self.tally.in_flight = self.tally.in_flight.max(self.in_flight);
    }

    /// Takes in an attempt, as the client's observer is told of it when it came back.
    pub(super) fn attempted(&mut self, is_refused: bool) {
        self.tally.attempted(is_refused);
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.tally.refused >= self.bounds.most_refusals {
            self.end(Ending::Refusals);
        }
    }

    /// Takes in a new estimate of the limiter, per second.
    pub(super) fn estimated(&mut self, ceiling: f64, reason: LearningReason) {
        self.tally.estimated(ceiling, reason);
    }

    /// Takes in the end of a request that was begun.
    pub(super) fn answered(&mut self, now: Duration, answer: &Answer) {
        self.under_way = self.under_way.saturating_sub(1);
        match answer {
            Answer::Accepted(told) => {
                self.failed_in_a_row = 0;
                self.tally.accepted(now);
                self.announcements.note(now, told);
                self.pause(now, self.announcements.used_up_for(told));
            }
            Answer::Refused(told) => {
                self.failed_in_a_row = 0;
                // The refusals of one burst count once: only the first ends a stretch of accepted requests.
                if self.tally.accepted_in_a_row > 0 {
                    let most = self.most_in_flight();
                    self.least_in_flight = match self.tally.shows_windows() {
                        true => (most / 2).max(1),
                        false => most,
                    };
                }
                self.tally.refused(now);
                self.announcements.note(now, told);
                self.pause(now, told.wait);
            }
            Answer::Failed { problem, status } => {
                self.tally.failed += 1;
                self.failed_in_a_row += 1;
                let is_first = self.tally.accepted == 0 && self.tally.refused == 0;
                if is_first || self.failed_in_a_row >= FAILURES {
                    self.end(Ending::Failure {
                        problem: problem.clone(),
                        status: *status,
                    });
                }
            }
            Answer::Paused(wait) => self.end(Ending::Pause(*wait)),
            Answer::Unsent => self.end(Ending::Time),
        }
    }

    /// Ends the run if the server asks for a pause that goes on after its end.
    fn pause(&mut self, now: Duration, asked: Option<Duration>) {
        if let Some(wait) = asked.filter(|wait| *wait > self.left(now)) {
            // A short one shows only that the time is nearly over.
            match wait > SHORT {
                true => self.end(Ending::Pause(wait)),
                false => self.end(Ending::Time),
            }
        }
    }

    /// Ends the run if its time is over, or if enough is known. `limit` is what the limiter has found.
    pub(super) fn look(&mut self, now: Duration, limit: Option<&LimitFound>) {
        if limit.is_some_and(|limit| limit.seen >= WINDOWS) {
            self.end(Ending::Window);
        }
        if self.tally.tests_in_a_row >= TESTS && !self.tally.shows_windows() {
            self.end(Ending::Rate);
        }
        if self.announcements.is_spared(self.tally.accepted) {
            self.end(Ending::AnnouncedSpared);
        }
        if self.tally.refused == 0 && self.announcements.has_held_for(WINDOWS, now) {
            self.end(Ending::AnnouncedHeld);
        }
        if self.left(now).is_zero() {
            self.end(Ending::Time);
        }
    }
}

#[cfg(test)]
mod tests;
