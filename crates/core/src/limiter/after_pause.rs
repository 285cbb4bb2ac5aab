//! The lesson of the first success after a pause.

use std::time::Duration;

use super::ceiling::{Ceiling, FIRST_RAISE};
use super::epoch::{Cause, Epoch};
use super::estimate::SHORT_PAUSE;
use super::law::Law;
use super::learner::{Learner, Pace};
use super::phase::LearningReason;
use super::probe::{Probe, Probes, Refused};
use crate::rate::Rate;
use crate::time::Time;

/// Shortest hold of a ceiling that waits for its proof.
const SHORTEST_HOLD: Duration = Duration::from_secs(5);

/// Longest hold of that kind.
const LONGEST_HOLD: Duration = Duration::from_secs(300);

/// Longest hold of that kind, except for a window, before a probe has found the limit at the ceiling: the ceiling may
/// still be far too low.
const UNSETTLED_HOLD: Duration = Duration::from_secs(10);

/// Smallest raise that a short hold is made for, as a share of the ceiling.
const LEAST_TO_PROVE: f64 = 0.01;

/// Minimum number of sending intervals between two refusals for a measurement of the limit. After fewer, the second
/// refusal only shows that the rate is still far too high.
const LEAST_EVIDENCE: f64 = 5.0;

/// How often a measurement over too few intervals is put off. Each time costs a refusal, and a limit that is met
/// after fewer intervals each time must be learned, too.
const MOST_DEFERRED: u32 = 1;

/// Requests that the first success after a pause may have come too late to count.
const LATE: u64 = 1;

/// A pause that has ended, and its measurements.
#[derive(Debug, Clone, Copy)]
struct Lesson<'a> {
    epoch: &'a Epoch,
    /// Time at which the first successful request was sent.
    resumed: Time,
    /// Time from the first refusal until then.
    pause: Duration,
    /// Successful requests per second since the last pause.
    measured: Option<Rate>,
}

impl Lesson<'_> {
    /// Returns whether the server refused for longer than round trips and rounding explain, so that a window must
    /// have been used up.
    fn shows_a_window(&self) -> bool {
        self.pause > SHORT_PAUSE
    }
}

impl Learner {
    /// Ends the pause and learns from it. Returns the new rate.
    pub(super) fn resume(&mut self, epoch: &Epoch, resumed: Time, rate: Rate, pace: &Pace) -> Rate {
        let pause = resumed.saturating_since(epoch.began);
        let measured = self.ledger.estimate(resumed, 0);
        let lesson = Lesson {
            epoch,
            resumed,
            pause,
            measured,
        };
        if lesson.shows_a_window() {
            let windows = self.windows.get_or_insert_default();
            windows.observe(epoch.refused, resumed);
        }
        let probe = self.probe.take();
        let to_prove = match (epoch.cause, self.ceiling) {
            (Cause::Probe, Some(ceiling)) => self.probed(&lesson, probe, ceiling),
            (Cause::Raise, Some(ceiling)) => self.refuted(&lesson, ceiling),
            (Cause::Cruise, Some(ceiling)) => self.lowered(&lesson, ceiling, &pace.law),
            (Cause::Search, _) | (_, None) => self.searched(&lesson),
        };
        self.hold_until = resumed + self.hold(to_prove, pause, pace);
        self.ledger.mark(resumed, pause);
        self.last_pause = pause;
        match &self.ceiling {
            // Refused again at once: the rate is still far above the limit.
            None if self.deferred > 0 => pace.law.within(rate.scaled(pace.law.decrease_factor)),
            None => rate,
            Some(ceiling) if epoch.cause.is_our_own() => pace.law.within(ceiling.cruise()),
            Some(ceiling) => rate.min(pace.law.within(ceiling.cruise())),
        }
    }

    /// Learns from a refusal during the search. The first refusal only ends the fast search; the second one can be
    /// measured, unless it came at once. Like its siblings, returns the raise that waits for its proof, as a share,
    /// if there is one.
    fn searched(&mut self, lesson: &Lesson<'_>) -> Option<f64> {
        self.on_trust = false;
        self.settled = false;
        self.ceiling = None;
        let windowed = lesson.shows_a_window() || !self.ledger.window().is_zero();
        let sending = self.ledger.sending_since_mark(lesson.resumed, lesson.pause);
        let too_few = !windowed && lesson.epoch.failed_at.amount_in(sending) < LEAST_EVIDENCE;
        if !self.refused_once || (too_few && self.deferred < MOST_DEFERRED) {
            self.deferred += u32::from(self.refused_once);
            self.refused_once = true;
            self.reason = LearningReason::FirstRefusal;
            return None;
        }
        self.deferred = 0;
        let failed_at = lesson.epoch.failed_at;
        let mut doubt = 0.0;
        let (measured, overall) = if windowed {
            (lesson.measured, None)
        } else {
            // A short pause after a steep search is not part of what the limit allows. The average over the whole
            // search looks beyond a sliding window, which at first mirrors the slow beginning: the average is too low
            // because of that beginning, but often higher than the mirrored rate.
            let without = |part| self.ledger.estimate_without(lesson.resumed, part);
            let most = without(lesson.pause);
            // In a pause that was longer than needed a token bucket fills up, and the burst that follows is no part of the
            // limit. Without a burst only time was lost. The limit lies between the rate with that time and without it.
            // That matters where the pause was longer than half of the time of sending.
            let surplus = Some(lesson.epoch.surplus).filter(|surplus| *surplus * 2 > sending);
            let least = without(lesson.pause.saturating_sub(surplus.unwrap_or_default()));
            let sending = least.zip(most).map(|(least, most)| least.middle(most));
            // An estimate that may be far too low is tested soon.
            let share = |(most, it): (Rate, Rate)| most.as_per_second() / it.as_per_second() - 1.0;
            doubt = most.zip(sending).map_or(0.0, share);
            (sending, self.ledger.estimate_overall(lesson.resumed))
        };
        let ceiling = Ceiling::learned(measured.unwrap_or(failed_at), overall, failed_at);
        self.ceiling = Some(ceiling);
        self.probes = Probes::default();
        self.reason = LearningReason::Learned;
        Some(ceiling.pending().max(doubt))
    }

    /// Learns from a probe that was refused, as expected or much later.
    fn probed(
        &mut self,
        lesson: &Lesson<'_>,
        probe: Option<Probe>,
        mut ceiling: Ceiling,
    ) -> Option<f64> {
        let failed_at = lesson.epoch.failed_at;
        let measured = lesson.measured.unwrap_or(ceiling.rate);
        let refused = Refused {
            accepted: self.ledger.accepted(),
            at: lesson.epoch.began,
            pause: lesson.pause,
            rate: failed_at,
        };
        let raised_to = probe.and_then(|probe| self.probes.ended(&probe, &refused, ceiling.rate));
        if let Some(to) = raised_to {
            ceiling.surpassed(measured, to, failed_at);
            self.reason = LearningReason::LimitRaised;
        } else {
            ceiling.confirmed(measured, failed_at);
            self.settled = true;
            self.reason = LearningReason::ProbeConfirmed;
        }
        self.ceiling = Some(ceiling);
        raised_to.map(|_| ceiling.pending())
    }

    /// Learns from the refusal of a raise that was not proven.
    fn refuted(&mut self, lesson: &Lesson<'_>, mut ceiling: Ceiling) -> Option<f64> {
        let settles = self.measured_again(lesson, ceiling.proven);
        let halved = ceiling.refuted(lesson.measured.unwrap_or(ceiling.proven));
        self.settled |= settles && !halved;
        self.probes.recounted(ceiling.rate);
        self.ceiling = Some(ceiling);
        self.reason = LearningReason::RaiseRefused;
        halved.then(|| ceiling.pending())
    }

    /// Returns whether the rate of successes under the ceiling equals the measurement before it. After the steep end
    /// of a search a sliding window mirrors our own past, and lets more through each time.
    fn measured_again(&self, lesson: &Lesson<'_>, proven: Rate) -> bool {
        let is_same = lesson.measured.is_some_and(|again| {
            (again.as_per_second() / proven.as_per_second() - 1.0).abs() <= FIRST_RAISE
        });
        is_same && !lesson.shows_a_window() && self.ledger.window().is_zero()
    }

    /// Learns from a refusal of the proven ceiling. Once may be bad luck. The second time in a row, the rate of
    /// successes in between is the new limit.
    fn lowered(&mut self, lesson: &Lesson<'_>, mut ceiling: Ceiling, law: &Law) -> Option<f64> {
        let leap = self.streak >= 1 && (self.settled || lesson.shows_a_window());
        let measured = if lesson.shows_a_window() {
            lesson.measured
        } else {
            self.ledger.estimate(lesson.resumed, LATE)
        };
        ceiling.lowered(
            measured,
            lesson.epoch.failed_at,
            self.streak,
            law.decrease_factor,
            leap,
        );
        self.streak = self.streak.saturating_add(1);
        self.ceiling = Some(ceiling);
        self.reason = LearningReason::LimitLowered;
        None
    }

    /// Returns how long the ceiling is held before the next probe.
    fn hold(&self, to_prove: Option<f64>, pause: Duration, pace: &Pace) -> Duration {
        if self.settled {
            return to_prove.map_or(pace.probe_interval, |raise| self.short_hold(raise, pause));
        }
        let longest = UNSETTLED_HOLD.max(self.ledger.window());
        self.short_hold(to_prove.unwrap_or(FIRST_RAISE), pause)
            .min(longest)
    }

    /// Returns a hold long enough to prove a raise by this share: a wrong raise uses up what the server tolerates,
    /// taken as twice the requests of a pause plus two, and is refused.
    pub(super) fn short_hold(&self, raise: f64, pause: Duration) -> Duration {
        let rate = self.ceiling().map_or(1.0, Rate::as_per_second);
        let tolerated = pause.as_secs_f64().min(1.0) + 2.0 / rate;
        let seconds = 2.0 * tolerated / raise.max(LEAST_TO_PROVE);
        let proof = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_HOLD);
        proof
            .max(SHORTEST_HOLD)
            .max(self.ledger.window())
            .min(LONGEST_HOLD)
    }
}
