//! Conditions under which a law is believed. Without any one of them, some limit that is not a window looks like one.

use super::candidate::{Candidate, OTHER};
use super::counts::CountBounds;
use super::found::LimitKind;
use super::{Evidence, Inference};

/// Least part of the weight of all laws from which a law is told.
const LEAST_SHARE: f64 = 0.95;
/// It is acted on a little earlier.
const LEAST_SHARE_TO_ACT: f64 = 0.9;
/// A sliding window is told by less: an even pace fits it for a while, whatever the limit is.
const LEAST_SHARE_SLIDING: f64 = 0.99;
const LEAST_REFUSALS: u32 = 3;
/// Windows that were watched; fewer if the server named its waits.
const LEAST_WINDOWS: f64 = 2.0;
const LEAST_WINDOWS_TOLD: f64 = 1.02;
/// Shortest windows in seconds, and in parts of the jitter. A bucket or a pace looks like a shorter one.
const SHORTEST_FIXED: f64 = 4.0;
const SHORTEST_FIXED_JITTERS: f64 = 20.0;
const SHORTEST_SLIDING: f64 = 30.0;
const LONGEST_SLIDING: f64 = 60.0;
const SHORTEST_SLIDING_JITTERS: f64 = 100.0;
/// A pause that only a window explains, in windows, and in times between two requests.
const LEAST_BLOCKED: f64 = 0.08;
const LEAST_BLOCKED_INTERVALS: f64 = 2.5;
/// Widest range of beginnings, in windows.
const WIDEST_ZONE: f64 = 0.15;
/// Least number, and widest range of numbers, in parts of the number.
const LEAST_COUNT: u32 = 3;
const WIDEST_COUNT: f64 = 0.05;

/// Windows that were used up since a window from the first request was last contradicted.
const LEAST_FITTING: u8 = 2;
/// Weight from which a grid of the server's clock may explain the same, in parts of the other's.
const STILL_POSSIBLE: f64 = 0.05;

impl Inference {
    /// Returns whether enough was seen of windows of this length, and of their number of requests.
    pub(super) fn has_enough(&self, best: &Candidate) -> bool {
        let windows = if self.hints >= 2 {
            LEAST_WINDOWS_TOLD
        } else {
            LEAST_WINDOWS
        };
        let length = self.evidence[best.at].grid.length;
        let CountBounds { least, most } = best.bounds.in_order();
        let interval = length / f64::from(least.max(1));
        self.refusals >= LEAST_REFUSALS
            && self.now - self.since >= windows * length
            && least >= LEAST_COUNT
            && f64::from(most - least) <= 1.0 + WIDEST_COUNT * f64::from(least)
            && self.blocked >= (LEAST_BLOCKED * length).max(LEAST_BLOCKED_INTERVALS * interval)
    }

    /// Returns whether windows of this length are long enough, and begin at a time that is known well enough.
    fn is_clear(&self, best: &Candidate) -> bool {
        let Evidence {
            grid, from_first, ..
        } = &self.evidence[best.at];
        let (length, jitter) = (grid.length, self.arrivals.jitter());
        let is_narrow = |[from, to]: [f64; 2]| to - from + jitter <= WIDEST_ZONE * length;
        let begins_known = match best.kind {
            LimitKind::WindowFromFirst => from_first.fitting >= LEAST_FITTING,
            LimitKind::FixedWindow => best.zone.is_some_and(is_narrow),
            LimitKind::SlidingWindow | LimitKind::AtOnce => false,
        };
        begins_known && length >= SHORTEST_FIXED && length >= SHORTEST_FIXED_JITTERS * jitter
    }

    /// Returns whether the evidence shows windows of this length and number, beginning with the first request or not.
    pub(super) fn is_probable(&self, best: &Candidate, sum: f64) -> bool {
        self.is_clear(best) && best.weight + best.sibling >= LEAST_SHARE_TO_ACT * (sum + OTHER)
    }

    /// Returns whether the evidence shows fixed windows, though not how they begin.
    pub(super) fn is_fixed_window(&self, best: &Candidate, sum: f64) -> bool {
        self.is_clear(best) && best.weight + best.sibling >= LEAST_SHARE * (sum + OTHER)
    }

    /// Returns whether the evidence shows this law, and not another one that looks alike.
    pub(super) fn is_shown(&self, best: &Candidate, sum: f64) -> bool {
        let grid = &self.evidence[best.at].grid;
        let share = best.weight / (sum + OTHER);
        match best.kind {
            LimitKind::SlidingWindow => {
                share >= LEAST_SHARE_SLIDING
                    && (SHORTEST_SLIDING..=LONGEST_SLIDING).contains(&grid.length)
                    && grid.length >= SHORTEST_SLIDING_JITTERS * self.arrivals.jitter()
            }
            LimitKind::FixedWindow => share >= LEAST_SHARE && self.is_clear(best),
            LimitKind::WindowFromFirst => {
                let may_be_a_grid = best.rival > STILL_POSSIBLE * best.weight;
                share >= LEAST_SHARE && self.is_clear(best) && !may_be_a_grid
            }
            LimitKind::AtOnce => false,
        }
    }
}
