//! The result of a measurement, as data.

use std::time::Duration;

use api_ratelimiter::LimitFound;
use serde::Serialize;

use super::announced::AnnouncedLimit;
use super::course::{Course, Ending};
use super::figures::{optional_seconds, rounded, seconds};

/// What a measurement has found.
#[derive(Debug, Serialize)]
pub(super) struct Findings {
    pub(super) api: String,
    /// The address without its query.
    pub(super) url: String,
    /// Word for the reason of the end.
    ended: &'static str,
    #[serde(serialize_with = "seconds")]
    pub(super) seconds: Duration,
    pub(super) requests: u64,
    pub(super) accepted: u64,
    pub(super) refused: u32,
    pub(super) failed: u64,
    pub(super) in_flight: u32,
    pub(super) announced: Vec<AnnouncedLimit>,
    pub(super) limit: Option<LimitFound>,
    pub(super) rate: Option<RateFound>,
    /// Accepted requests per second from the first refusal to the last.
    pub(super) average: Option<f64>,
    pub(super) busiest_second: u64,
    pub(super) before_refusal: Option<BeforeRefusal>,
    pub(super) longest_refusal: Option<LongestRefusal>,
    /// Whether refusals lasted as those of windows do.
    #[serde(skip)]
    pub(super) shows_windows: bool,
    /// Whether `limit` is that of a part of the API, which a preset keeps apart.
    #[serde(skip)]
    pub(super) is_of_part: bool,
}

/// The rate that the limiter has learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct RateFound {
    /// The last estimate.
    pub(super) per_second: f64,
    /// The smallest and the largest of the last estimates and the average.
    pub(super) from: f64,
    pub(super) to: f64,
    /// Number of all estimates.
    pub(super) estimates: u32,
    /// Number of tests in a row that found it where it was.
    pub(super) tests: u32,
}

/// The accepted requests before the first refusal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct BeforeRefusal {
    pub(super) requests: u64,
    #[serde(serialize_with = "seconds")]
    pub(super) seconds: Duration,
}

/// The longest time in which nothing was accepted after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct LongestRefusal {
    #[serde(serialize_with = "seconds")]
    pub(super) from: Duration,
    /// `None` if it had not ended at the end.
    #[serde(serialize_with = "optional_seconds")]
    pub(super) to: Option<Duration>,
}

/// What was measured.
#[derive(Debug)]
pub(super) struct About {
    /// Name of the configuration.
    pub(super) api: String,
    /// The address without its query.
    pub(super) url: String,
}

impl Findings {
    /// Returns what a run has found that ended after `took`. `limit` is the limiter's.
    pub(super) fn of(
        about: About,
        course: &Course,
        limit: Option<LimitFound>,
        took: Duration,
    ) -> Self {
        let About { api, url } = about;
        let tally = &course.tally;
        let ending = course.ending.as_ref().unwrap_or(&Ending::Time);
        let average = tally.average();
        let estimates = tally.estimates.iter().copied();
        let both = estimates.chain(average);
        let least = both.clone().fold(f64::INFINITY, f64::min);
        let most = both.fold(0.0, f64::max);
        let rate = tally.estimates.back().map(|last| RateFound {
            per_second: rounded(*last),
            from: rounded(least),
            to: rounded(most),
            estimates: tally.estimated,
            tests: tally.tests_in_a_row,
        });
        Self {
            api,
            url,
            ended: ending.word(),
            seconds: took,
            requests: tally.sent,
            accepted: tally.accepted,
            refused: tally.refused,
            failed: tally.failed,
            in_flight: tally.in_flight,
            announced: course.announcements.limits().to_vec(),
            limit,
            // A window is spent by its number: the rate beside it is an average that says less.
            rate: rate.filter(|_| limit.is_none()),
            average: average.map(rounded),
            busiest_second: tally.busiest_second,
            before_refusal: tally
                .before_refusal
                .map(|(requests, seconds)| BeforeRefusal { requests, seconds }),
            longest_refusal: tally.longest_refusal.map(|[from, to]| LongestRefusal {
                from,
                to: (to != Duration::MAX).then_some(to),
            }),
            shows_windows: tally.shows_windows(),
            is_of_part: false,
        }
    }
}

impl Ending {
    /// Returns the word for it in JSON.
    fn word(&self) -> &'static str {
        match self {
            Self::Window | Self::Rate => "known",
            Self::AnnouncedHeld | Self::AnnouncedSpared => "announced",
            Self::Time => "time",
            Self::Refusals => "refusals",
            Self::Interrupted => "interrupted",
            Self::Pause(_) => "pause",
            Self::Failure { .. } => "failure",
        }
    }
}
