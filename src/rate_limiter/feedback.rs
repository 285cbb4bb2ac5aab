//! Effects of feedback on the limiter, on waiting callers and on observers.

use std::task::Waker;
use std::time::Duration;

use super::queue::{SharedWaker, wake_all};
use super::shared::{Core, DynamicRateLimiter};
use crate::observe::{About, AttemptRecord, Cause, Decision, Dispatcher, Event};
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::{Belief, Change, Grant, Learned, ManualReport};
use api_ratelimiter_core::{Rate, Time};

/// Where feedback comes from.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// A report without a permit.
    Manual,
    /// The permit of a request that was sent.
    Request(Grant),
    /// The permit of a request that was not sent. Its token is back, which may let the head of the queue go.
    Unsent,
}

/// Work that is left after feedback, to be done without the lock.
struct Effects {
    /// Callers to wake.
    wake: Vec<SharedWaker>,
    /// Whether the fleet's store has to be visited soon.
    needs_visit: bool,
    /// Announced and learned limit, if they disagree.
    disagreement: Option<(Rate, Rate)>,
    /// The decision, if observers may want to know of it.
    news: Option<Decision>,
}

impl Effects {
    /// Returns whether there is nothing to do, as after most successes.
    fn is_empty(&self) -> bool {
        self.wake.is_empty()
            && !self.needs_visit
            && self.disagreement.is_none()
            && self.news.is_none()
    }
}

impl DynamicRateLimiter {
    /// Gives the engine feedback; then, without the lock, wakes callers and informs observers.
    ///
    /// If there is nothing to do after the lock, the permit has come to its end: returns the callers that waited for the
    /// last one. Else the permit still counts as in flight, so that a caller that waits for the last permit finds
    /// everything done.
    pub(super) fn feed(
        &self,
        origin: Origin,
        cause: Cause,
        report: impl FnOnce(&mut Core, Time) -> Change,
    ) -> Option<Vec<Waker>> {
        let now = self.shared.clock.now();
        let effects = {
            let mut core = self.shared.core.lock();
            let effects = take_in(
                &mut core,
                now,
                origin,
                &cause,
                &self.shared.audience,
                report,
            );
            if effects.is_empty() {
                return match origin {
                    Origin::Manual => None,
                    Origin::Request(_) | Origin::Unsent => Some(core.landed()),
                };
            }
            effects
        };
        self.carry_out(effects, &cause);
        None
    }

    /// Does what feedback has left to do. The lock is not held.
    fn carry_out(&self, effects: Effects, cause: &Cause) {
        self.wake_fleet_driver(effects.needs_visit);
        wake_all(effects.wake);
        if let Some((announced, learned)) = effects.disagreement {
            self.tell_disagreement(announced, learned);
        }
        let audience = &self.shared.audience;
        if let Some(news) = effects.news.filter(|news| audience.wants(news.level())) {
            audience.decided(self.speaker(), cause.tags.as_deref(), &news);
        }
    }
}

/// Gives the engine feedback, under the lock, and collects what is to be done afterwards.
fn take_in(
    core: &mut Core,
    now: Time,
    origin: Origin,
    cause: &Cause,
    audience: &Dispatcher,
    report: impl FnOnce(&mut Core, Time) -> Change,
) -> Effects {
    // The decision, with the state before and after.
    let before = core.engine.belief();
    let change = report(core, now);
    let after = core.engine.belief();
    let is_news = change != Change::Nothing || after != before;

    // A pause begins, unless one is in progress.
    let was_cooling = core.cooling_since.is_some();
    if let Change::Cut { .. } | Change::Held { .. } = change {
        core.cooling_since.get_or_insert(now);
    }

    // The callers whose time may have moved.
    let mut wake: Vec<SharedWaker> = head_concerned(core, origin, is_news).into_iter().collect();
    wake.append(&mut others_concerned(core, now, change, &before, &after));

    Effects {
        wake,
        needs_visit: core.needs_visit(now),
        disagreement: core.engine.disagreement(now),
        news: is_news.then(|| Decision {
            change,
            was_cooling,
            before,
            after,
            view: core.engine.view(now),
            now,
            status: cause.status.map(|status| status.as_u16()),
            number: audience.next_number(),
        }),
    }
}

/// Returns the waker of the head of the queue, if feedback may have moved its time: any news does, and the head may wait
/// for this very canary, trial, or announcement.
fn head_concerned(core: &Core, origin: Origin, is_news: bool) -> Option<SharedWaker> {
    let is_concerned = is_news
        || match origin {
            Origin::Manual | Origin::Unsent => true,
            Origin::Request(grant) => grant.canary || grant.trial || core.engine.is_held_by_cap(),
        };
    if is_concerned {
        core.queue.head()
    } else {
        None
    }
}

/// Returns the wakers of callers behind the head that will get an error, so that they learn of it at once.
fn others_concerned(
    core: &Core,
    now: Time,
    change: Change,
    before: &Belief,
    after: &Belief,
) -> Vec<SharedWaker> {
    let has_opened = before.open_since.is_none() && after.open_since.is_some();
    match change {
        _ if core.engine.denies_callers(now) => core.queue.all(),
        // Deadlines that the pause has passed.
        Change::Cut { .. } | Change::Held { .. } => core.queue.hopeless(&core.engine, now),
        _ if has_opened => core.queue.hopeless(&core.engine, now),
        // The last response has arrived, so none can announce a larger rest any more.
        Change::Nothing | Change::Raised { .. }
            if core.engine.is_held_by_cap() && core.engine.has_all_responses() =>
        {
            core.queue.hopeless(&core.engine, now)
        }
        Change::Nothing | Change::Raised { .. } => Vec::new(),
    }
}

/// Manual feedback and settings.
impl DynamicRateLimiter {
    /// Reports a success of a request that was made without a permit: the rate rises by `increase_step`, to at most
    /// `max_rate`.
    pub fn on_success(&self) {
        self.feed(Origin::Manual, Cause::default(), |core, now| {
            core.totals.succeeded += 1;
            core.engine.report_manually(now, ManualReport::Success)
        });
    }

    /// Reports a refusal of a request that was made without a permit: the rate falls by `decrease_factor`, to at least
    /// `min_rate`, and nothing is granted for `retry_after` (`None` or zero: the limiter's own choice).
    pub fn on_backoff(&self, retry_after: Option<Duration>) {
        self.feed(Origin::Manual, Cause::default(), |core, now| {
            core.totals.backed_off += 1;
            let refused = ManualReport::Refused {
                hint: retry_after,
                chance: core.jitter.f64(),
            };
            core.engine.report_manually(now, refused)
        });
    }

    /// Grants nothing for `wait`, and leaves the rate as it is.
    pub(super) fn hold(&self, wait: Duration) {
        self.feed(Origin::Manual, Cause::default(), |core, now| {
            let exhausted = ManualReport::Exhausted {
                wait,
                by_reset: false,
                chance: core.jitter.f64(),
            };
            core.engine.report_manually(now, exhausted)
        });
    }

    /// Sets new bounds of the rate, from the next grant on. Tokens and cooldown stay.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] unless both are finite, above 0, and `min` is at most `max`; and for a
    /// [`Fleet`](crate::Fleet), whose workers all have the same bounds.
    pub fn set_rates(&self, min: f64, max: f64) -> Result<()> {
        let name = &self.shared.name;
        let rate = |field, value| {
            Rate::per_second(value).ok_or_else(|| {
                Error::config(
                    name,
                    field,
                    format_args!("{value} is not a valid rate (expected a finite number above 0)"),
                )
            })
        };
        let (min, max) = (rate("min_rate", min)?, rate("max_rate", max)?);
        if min > max {
            let problem = format!(
                "{} is not a valid minimum (expected at most max_rate, {})",
                min.as_per_second(),
                max.as_per_second()
            );
            return Err(Error::config(name, "min_rate", problem));
        }
        let now = self.shared.clock.now();
        let (head, late) = {
            let mut core = self.shared.core.lock();
            if !core.engine.set_bounds(now, min, max) {
                let problem =
                    "applies to the whole fleet; change the configuration of all its workers";
                return Err(Error::config(name, "min_rate", problem));
            }
            // Callers that now miss their deadline learn of it at once.
            (core.queue.head(), core.queue.hopeless(&core.engine, now))
        };
        wake_all(head.into_iter().chain(late));
        Ok(())
    }

    /// Returns what was learned about the limit, and what was used of known limits, to be stored until the next run. `None`
    /// if there is neither.
    #[must_use]
    pub fn learned(&self) -> Option<Learned> {
        let (now, unix_now) = (self.shared.clock.now(), self.shared.clock.unix_now());
        self.shared.core.lock().engine.learned(now, unix_now)
    }

    /// Returns the limiters of parts of the API, by name.
    pub(crate) fn scopes(&self) -> &[(Box<str>, Self)] {
        &self.shared.scopes
    }

    /// Returns the sum of the costs of all permits.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.core.lock().engine.sent()
    }

    /// Returns the cost that may be sent until what was learned has to be stored again.
    pub(crate) fn reserve_of_known_limits(&self) -> Option<u64> {
        self.shared.core.lock().engine.reserve_of_known_limits()
    }

    /// Starts from what an earlier run learned, instead of searching: at its ceiling if that is younger than 36 hours;
    /// an older one is moved towards the configured start, the farther the older it is.
    ///
    /// A short hold confirms the ceiling. It counts for nothing if another version's law has learned it, or if learning is
    /// off. What was used of known limits is counted, if nothing of them was used yet.
    pub fn restore(&self, learned: &Learned) {
        let unix_now = self.shared.clock.unix_now();
        self.feed(Origin::Manual, Cause::default(), |core, now| {
            core.show_wall_clock(now, Some(unix_now));
            core.engine.restore(now, learned, unix_now)
        });
    }
}

/// Events of a client's requests.
impl DynamicRateLimiter {
    /// Tells an event that is not a decision of this limiter, if an observer wants it or it is logged.
    pub(crate) fn tell(&self, level: log::Level, event: impl FnOnce(About) -> Event) {
        let dispatcher = &self.shared.audience;
        dispatcher.tell_if_wanted(self.speaker(), level, event);
    }

    /// Tells observers that announced and learned limit disagree.
    pub(super) fn tell_disagreement(&self, announced: Rate, learned: Rate) {
        self.tell(log::Level::Info, |about| Event::LimitsDisagree {
            about,
            announced_rate: announced.as_per_second(),
            learned_ceiling: learned.as_per_second(),
        });
    }

    /// Returns the record of a request that goes out after `waited`, if an observer wants it.
    pub(crate) fn going_out(&self, attempt: &Attempt, waited: Duration) -> Option<AttemptRecord> {
        let is_wanted = self.shared.audience.wants(log::Level::Trace);
        is_wanted.then(|| AttemptRecord::going_out(attempt, waited, self.shared.clock.now()))
    }

    /// Emits the event of a request's end.
    pub(crate) fn tell_attempt(&self, heard: AttemptRecord) {
        self.shared.audience.attempted(self.speaker(), heard);
    }

    /// Emits the event of a call that ends with an error.
    pub(crate) fn tell_gave_up(&self, attempt: &Attempt, error: &Error) {
        if self.shared.audience.wants(log::Level::Debug) {
            let speaker = self.speaker();
            self.shared.audience.gave_up(speaker, attempt, error);
        }
    }
}
