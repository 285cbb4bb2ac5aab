//! Finds the law of a limit that the server does not announce: 100 requests per minute, beginning at a certain second.
//!
//! Windows of a few usual lengths are compared, each on a grid of the server's clock, from the first request, and
//! sliding. What the server accepts and refuses bounds the number of requests per window of each. The law whose bounds
//! fit is the probable one; a bucket, a second limit and another user of the limit fit none.

use std::time::Duration;

use super::grant::Grant;
use super::outcome::Outcome;
use crate::time::Time;

mod arrivals;
mod candidate;
mod conditions;
mod counts;
mod found;
mod from_first;
mod grid;
mod weights;

use arrivals::{Arrival, Arrivals};
use candidate::{Candidate, OTHER};
pub use found::{InferredLaw, InferredLimit, LimitKind};
use from_first::FromFirst;
use grid::Grid;

/// Usual lengths of windows in seconds, and how usual they are. The shortest and the last few are never reported
/// early, but explain what another length would explain as well.
const LENGTHS: [(f64, f64); 12] = [
    (1.0, 0.2),
    (2.0, 0.03),
    (4.0, 0.02),
    (5.0, 0.06),
    (10.0, 0.14),
    (15.0, 0.04),
    (20.0, 0.03),
    (30.0, 0.05),
    (60.0, 0.22),
    (300.0, 0.04),
    (900.0, 0.04),
    (3600.0, 0.04),
];

/// Part of a window for which a law must be the most probable one before it is told.
const LEAST_KNOWN: f64 = 1.0;

/// How often the evidence of a window or more has to fit no law, and the seconds of refusals that only a window explains,
/// before it is said that there is no fixed law.
const LEAST_MISFITS: u32 = 2;
const LEAST_BLOCKED_BY_WINDOWS: f64 = 4.0;

/// Hints below this many seconds say nothing about windows: they are rounded up.
const SHORTEST_HINT: f64 = 2.0;

/// Largest certainty that is told.
const MOST_CERTAIN: f64 = 0.97;

/// Evidence for the windows of one length.
#[derive(Debug, Clone)]
struct Evidence {
    usual: f64,
    grid: Grid,
    from_first: FromFirst,
}

/// Finds the law of a hidden limit.
#[derive(Debug, Clone)]
pub(crate) struct Inference {
    arrivals: Arrivals,
    evidence: Vec<Evidence>,
    /// Requests accepted so far.
    accepted: u32,
    refusals: u32,
    hints: u32,
    /// Time from which evidence counts, and the time of the last arrival.
    since: f64,
    now: f64,
    /// First refusal since the last success, and the longest time between such refusals.
    blocked_since: Option<f64>,
    blocked: f64,
    /// Until when the server said that it would refuse.
    told_until: Option<f64>,
    /// Whether no law fitted after the last refusal.
    nothing_fits: bool,
    /// How often the evidence was given up since a law fitted.
    misfits: u32,
    /// The longest time of refusals since then, in seconds.
    longest_blocked: f64,
    found: Option<InferredLimit>,
    /// The limit that is probable enough to act on it.
    probable: Option<InferredLimit>,
    /// Whether the laws were weighed since the caller asked.
    concluded: bool,
    /// The law that fits, and since when.
    fits: Option<(LimitKind, Duration, f64)>,
    /// Time at which the found window was last seen to be used up.
    last_seen: f64,
}

impl Inference {
    pub(crate) fn new(now: Time) -> Self {
        let evidence = LENGTHS.map(|(length, usual)| Evidence {
            usual,
            grid: Grid::new(length),
            from_first: FromFirst::new(),
        });
        Self {
            arrivals: Arrivals::new(now),
            evidence: evidence.into(),
            accepted: 0,
            refusals: 0,
            hints: 0,
            since: 0.0,
            now: 0.0,
            blocked_since: None,
            blocked: 0.0,
            told_until: None,
            nothing_fits: false,
            misfits: 0,
            longest_blocked: 0.0,
            found: None,
            probable: None,
            concluded: false,
            fits: None,
            last_seen: f64::NEG_INFINITY,
        }
    }

    /// Returns the limit, once it is known well enough to be told.
    pub(crate) const fn found(&self) -> Option<&InferredLimit> {
        self.found.as_ref()
    }

    /// Returns the limit, once it is probable enough to act on it. Acting on it shows soon whether it is right.
    pub(crate) const fn probable(&self) -> Option<&InferredLimit> {
        self.probable.as_ref()
    }

    /// Returns whether the laws were weighed since the last call: a window was used up, or has just begun.
    pub(crate) fn has_concluded(&mut self) -> bool {
        std::mem::take(&mut self.concluded)
    }

    /// Returns whether windows show, but no law fits them, neither at first nor anew: there are several limits, or somebody
    /// else uses it.
    pub(crate) fn fits_no_law(&self) -> bool {
        self.misfits >= LEAST_MISFITS && self.longest_blocked >= LEAST_BLOCKED_BY_WINDOWS
    }

    /// Returns whether the last request that arrived was refused.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// Returns whether the server names the waits of its refusals.
    pub(crate) const fn has_hints(&self) -> bool {
        self.hints > 0
    }

    /// Returns how much the ways of two requests to the server differ.
    pub(crate) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.arrivals.jitter())
    }

    /// Returns how much longer than the shortest one the round trip of an accepted request was.
    pub(crate) fn excess(&self, grant: &Grant, now: Time) -> Duration {
        let least = Duration::try_from_secs_f64(self.arrivals.least_accepted());
        let round_trip = now.saturating_since(grant.issued_at);
        round_trip.saturating_sub(least.unwrap_or(round_trip))
    }

    /// Begins anew: the law turned out to be none.
    pub(crate) fn begin_anew(&mut self) {
        self.forget();
        self.found = None;
        self.fits = None;
        self.probable = None;
    }

    /// Returns the bytes that it takes.
    #[cfg(test)]
    fn memory(&self) -> usize {
        let evidence = self.evidence.capacity() * size_of::<Evidence>();
        size_of::<Self>() + evidence + self.arrivals.memory()
    }

    /// Takes note of a request that is sent.
    pub(crate) fn sent(&mut self, grant: &Grant) {
        self.arrivals.sent(grant.number, grant.issued_at);
    }

    /// Takes in the outcome of a request.
    pub(crate) fn answered(&mut self, now: Time, grant: &Grant, outcome: &Outcome) {
        let arrival = match outcome {
            Outcome::Success { .. } => Some(Arrival::Accepted { cost: grant.cost }),
            Outcome::Refused { hint, .. } => Some(Arrival::Refused {
                hint: hint.map_or(0.0, |hint| hint.as_secs_f32()),
            }),
            Outcome::Failed | Outcome::Neutral | Outcome::Unused => None,
        };
        let mut arrived = self
            .arrivals
            .answered(grant.number, grant.issued_at, now, arrival);
        while let Some((at, arrival)) = arrived.or_else(|| self.arrivals.next(now)) {
            arrived = None;
            match arrival {
                Arrival::Accepted { cost } => self.accept(at, cost),
                Arrival::Refused { hint } => self.refuse(at, f64::from(hint)),
            }
        }
    }

    fn accept(&mut self, at: f64, cost: u32) {
        // The server has said until when it refuses. A window that ended earlier contradicts that.
        if let Some(told) = self.told_until.filter(|told| at > *told) {
            self.told_until = None;
            self.refused_at(told);
        }
        self.now = at;
        let jitter = self.arrivals.jitter();
        for Evidence {
            grid, from_first, ..
        } in &mut self.evidence
        {
            grid.advance(at, self.accepted, jitter);
            from_first.accepted(at, cost, grid.length, jitter);
        }
        self.accepted = self.accepted.wrapping_add(cost);
        if self.blocked_since.take().is_some() {
            // A window may have begun: that it did now tells its length.
            self.conclude();
        }
    }

    fn refuse(&mut self, at: f64, hint: f64) {
        self.refusals = self.refusals.saturating_add(1);
        self.refused_at(at);
        if hint >= SHORTEST_HINT {
            self.hints = self.hints.saturating_add(1);
            let jitter = self.arrivals.jitter();
            let (from, to) = grid::told_end(at, hint, jitter);
            for Evidence {
                grid, from_first, ..
            } in &mut self.evidence
            {
                grid.ends_between(from, to);
                from_first.ends_between(from, to, grid.length, jitter);
            }
            let told = self.told_until.map_or(from, |told| told.max(from));
            self.told_until = Some(told).filter(|told| *told > at);
        }
        self.conclude();
    }

    /// Takes in that a request which arrives now is refused.
    fn refused_at(&mut self, at: f64) {
        self.now = at;
        let jitter = self.arrivals.jitter();
        let near = self.evidence[0]
            .grid
            .accepted_lately(at, self.accepted, jitter);
        for Evidence {
            grid, from_first, ..
        } in &mut self.evidence
        {
            grid.refused(at, self.accepted, near, jitter);
            from_first.refused(at, grid.length, jitter, near);
        }
        let since = *self.blocked_since.get_or_insert(at);
        self.blocked = self.blocked.max(at - since);
    }

    /// Weighs the laws, and decides whether one is known.
    fn conclude(&mut self) {
        self.concluded = true;
        let (best, sum) = self.weigh();
        if sum <= OTHER {
            // The limit is not such a law, or it has changed: begin anew if that lasts.
            self.longest_blocked = self.longest_blocked.max(self.blocked);
            if std::mem::replace(&mut self.nothing_fits, true) {
                self.misfits = self.misfits.saturating_add(1);
                self.forget();
            }
            self.found = None;
            self.fits = None;
            self.probable = None;
            return;
        }
        self.nothing_fits = false;
        let candidate = best.filter(|best| self.has_enough(best));
        let limit = |it: Candidate| self.limit(&it, it.weight / (sum + OTHER));
        let probable = candidate.filter(|it| self.is_probable(it, sum)).map(limit);
        let shown = candidate.filter(|it| self.is_shown(it, sum)).map(limit);
        let found = shown.or_else(|| {
            let either = candidate.filter(|it| self.is_fixed_window(it, sum))?;
            Some(limit(either).without_beginning())
        });
        self.probable = probable;
        if probable.is_some() || found.is_some() {
            self.misfits = 0;
            self.longest_blocked = 0.0;
        }
        self.fits = found.map(|found| {
            let before = self
                .fits
                .filter(|it| (it.0, it.1) == (found.kind, found.window));
            (found.kind, found.window, before.map_or(self.now, |it| it.2))
        });
        // Once is chance. The next window has to be used up at the same number.
        let known_for = self.fits.map_or(0.0, |(.., since)| self.now - since);
        let found = found.filter(|found| {
            found.kind == LimitKind::WindowFromFirst
                || known_for >= LEAST_KNOWN * found.window.as_secs_f64()
        });
        let length = found.map_or(0.0, |found| found.window.as_secs_f64());
        self.found = found.map(|mut found| {
            let before = self.found.filter(|before| before.is_same_window(&found));
            let seen = before.map_or(1, |before| before.seen);
            let again = before.is_some() && self.now - self.last_seen >= length / 2.0;
            found.seen = found.seen.max(seen + u32::from(again));
            if again || before.is_none() {
                self.last_seen = self.now;
            }
            found
        });
    }

    /// Begins anew: the law has changed, or is none.
    fn forget(&mut self) {
        for Evidence {
            grid, from_first, ..
        } in &mut self.evidence
        {
            grid.forget(self.accepted);
            from_first.forget();
        }
        self.since = self.now;
        self.refusals = 0;
        self.hints = 0;
        self.blocked = 0.0;
        self.nothing_fits = false;
    }

    /// Returns the limit of a law.
    fn limit(&self, best: &Candidate, share: f64) -> InferredLimit {
        let Evidence {
            grid, from_first, ..
        } = &self.evidence[best.at];
        let bounds = best.bounds.in_order();
        let round = bounds.only_round();
        let likely = (0.9 * f64::from(bounds.most)) as u32;
        InferredLimit {
            kind: best.kind,
            count: u64::from(round.unwrap_or(bounds.least.max(likely))),
            most: u64::from(round.unwrap_or(bounds.most)),
            window: Duration::from_secs_f64(grid.length),
            begins: best.zone.map(|zone| self.current(zone, grid.length)),
            seen: match best.kind {
                LimitKind::WindowFromFirst => from_first.used_up,
                _ => 1,
            },
            certainty: share.min(MOST_CERTAIN),
        }
    }

    /// Returns the beginning of the current window of a grid with this range of beginnings.
    fn current(&self, [from, to]: [f64; 2], length: f64) -> [Time; 2] {
        let past = ((self.now - from) / length).floor().max(0.0) * length;
        [from + past, to + past].map(|seconds| self.arrivals.time(seconds))
    }
}

#[cfg(test)]
mod tests;
