//! One worker of a fleet: the slots that it holds, what it has to report, and when it has to visit the store.
//!
//! It takes the place of a limiter's own controller: the queue asks it for grants and reports outcomes to it. It does
//! nothing by itself. Its driver asks for the next [`Action`] and brings back the result.

use std::time::Duration;

use super::clock_offset::ClockOffset;
use super::fingerprint::fingerprint;
use super::standalone::Outage;
use super::sync::{SyncRequest, TimedReport};
use crate::limiter::controller::Controller;
use crate::limiter::grant::Grant;
use crate::limiter::learned::Learned;
use crate::limiter::poll::{Denial, FleetUnavailable, Poll};
use crate::limiter::settings::Settings;
use crate::limiter::start::AWAITED;
use crate::limiter::view::{Membership, View};
use crate::time::Time;

mod outage;
mod places;
mod reports;
mod visits;

use places::Places;

/// How long after its instant a slot may be used, because threads wake late on a busy machine. Later it goes back:
/// several late slots together would be a burst.
const SLOT_KEEPS: Duration = Duration::from_millis(100);

/// How long after the announced time a caller that does not queue is expected to come back.
const ASIDE_KEEPS: Duration = Duration::from_secs(1);

/// Shortest and longest time that slots are taken ahead of their instant. Visits must be over by then, and after a
/// cut the slots taken ahead are wasted.
const LEAD: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// Behaviour of a worker while the store can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutagePolicy {
    /// Number of workers that the fleet is assumed to have before the first visit.
    pub workers: u32,
    /// Whether callers get an error during an outage, instead of going on slowly.
    pub stops: bool,
}

/// Next action of the driver of a [`Member`].
#[derive(Debug)]
pub enum Action {
    /// Visit the store.
    Visit(Box<SyncRequest>),
    /// Do nothing before this time, unless the queue or the reports change.
    Rest(Time),
}

/// One worker of a fleet. Has the methods of a [`Controller`], and more for its driver.
#[derive(Debug, Clone)]
pub struct Member {
    settings: Settings,
    fingerprint: u64,
    policy: OutagePolicy,
    /// The fleet's controller as it was last seen, in the store's time.
    seen: Controller,
    /// The store's time of that visit.
    seen_at: Time,
    workers: u32,
    offset: Option<ClockOffset>,
    last_contact: Option<Time>,
    /// Grants for instants to come, in the order of their instants.
    slots: Vec<Grant>,
    ticket: Option<u64>,
    /// Earliest time of the next visit for slots.
    come_at: Time,
    lease: Duration,
    /// How long reports that are not urgent wait.
    report_within: Duration,
    counted: Option<u64>,
    /// Recent duration of visits, from the request to the end of the last write.
    visit: Duration,
    asked_at: Time,
    /// Whether a visit is in progress.
    is_out: bool,
    reports: Vec<TimedReport>,
    report_by: Option<Time>,
    /// Cost of a caller that does not queue, and the time until which it is expected back.
    aside: Option<(u32, Time)>,
    outage: Option<Outage>,
    /// Number of visits in a row in which other workers wrote first each time.
    races_lost: u32,
    /// Whether the last visit ended an outage.
    was_away: bool,
    has_other_settings: bool,
    /// Time until which the driver rests.
    alarm: Time,
    places: Places,
}

impl Member {
    /// Returns a worker that has not visited the store.
    pub fn new(mut settings: Settings, policy: OutagePolicy, now: Time) -> Self {
        let fingerprint = fingerprint(&settings);
        // Each worker keeps its own part of them.
        let places = Places::new(settings.max_under_way.take(), policy.workers);
        Self {
            fingerprint,
            seen: Controller::new(settings.clone(), now),
            seen_at: now,
            settings,
            policy,
            workers: policy.workers,
            offset: None,
            last_contact: None,
            slots: Vec::new(),
            ticket: None,
            come_at: Time::ZERO,
            lease: LEAD[0],
            report_within: 2 * LEAD[0],
            counted: None,
            visit: Duration::ZERO,
            asked_at: Time::ZERO,
            is_out: false,
            reports: Vec::new(),
            report_by: None,
            aside: None,
            outage: None,
            races_lost: 0,
            was_away: false,
            has_other_settings: false,
            alarm: Time::ZERO,
            places,
        }
    }

    /// Returns the settings of the fleet.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the fingerprint of the settings, for [`settle`](super::settle::settle).
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Returns whether a request of this cost may be sent now. See [`Controller::poll`]. Grants only with a slot
    /// whose instant has come.
    pub fn poll(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        self.give_up_waiting(now);
        if let Some(reason) = self.unavailable() {
            return Poll::Denied(Denial::Fleet(reason));
        }
        if self.places.are_taken() {
            self.places.hold();
            return Poll::AfterFeedback(now + AWAITED);
        }
        let poll = self.poll_limits(now, cost, waited);
        if matches!(poll, Poll::Grant(_)) {
            self.places.take();
        }
        poll
    }

    /// Returns whether the limits let a request of this cost go now.
    fn poll_limits(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        if let Some(standalone) = self.standalone_mut() {
            return standalone.poll(now, cost, waited);
        }
        self.give_back_late(now);
        // A slot may be used even where callers are denied: it may be the trial that they wait for.
        if let Some(place) = self.slots.iter().position(|slot| slot.cost == cost) {
            let at = self.to_local(self.slots[place].issued_at);
            if now < at {
                return Poll::At(at);
            }
            self.aside = None;
            return Poll::Grant(self.slots.remove(place));
        }
        // A denied caller leaves no waiting caller behind. The next visit shows whether the reason still holds.
        let bearable = self.seen.bearable_pause(self.to_store(now));
        let due = self.projected(now, 0, cost).unwrap_or(now);
        self.aside = Some((cost, due.max(self.come_at).max(now) + ASIDE_KEEPS));
        if let Err(denial) = bearable {
            return Poll::Denied(denial);
        }
        let pause = self.seen.pause_left(self.to_store(now));
        if pause.is_zero() {
            Poll::AfterFeedback(self.come_at.max(now + self.lease))
        } else {
            Poll::At(now + pause)
        }
    }

    /// Returns when a request of this cost would go after others of this worker that cost `ahead`, if all workers
    /// send equally much.
    pub(crate) fn projected(&self, now: Time, ahead: u64, cost: u32) -> Result<Time, Denial> {
        if let Some(reason) = self.unavailable() {
            return Err(Denial::Fleet(reason));
        }
        if let Some(standalone) = self.standalone() {
            return standalone.projected(now, ahead, cost);
        }
        let ahead = ahead.saturating_mul(u64::from(self.workers));
        let due = self.seen.projected(self.to_store(now), ahead, cost)?;
        Ok(self.to_local(due))
    }

    /// Takes in what the wall clock shows, for a worker that is alone. The time of a fleet's store is a wall clock's.
    pub(crate) fn set_wall_clock(&mut self, now: Time, unix_now: Duration) {
        if let Some(standalone) = self.standalone_mut() {
            standalone.set_wall_clock(now, unix_now);
        }
    }

    /// Returns what was learned, for the next run.
    pub(crate) fn learned(&self, now: Time, unix_now: Duration) -> Option<Learned> {
        let (controller, at) = self.in_force(now);
        controller.learned(at, unix_now)
    }

    /// Returns the controller that decides now, and the time by its clock.
    pub(crate) fn in_force(&self, now: Time) -> (&Controller, Time) {
        match self.standalone() {
            Some(standalone) => (standalone, now),
            None => (&self.seen, self.to_store(now)),
        }
    }

    /// Returns whether a cut or a pause began since this grant.
    pub(crate) fn has_retreated_since(&self, grant: &Grant) -> bool {
        match self.standalone() {
            Some(standalone) if standalone.lineage() == grant.lineage => {
                standalone.has_retreated_since(grant)
            }
            _ => self.seen.lineage() == grant.lineage && self.seen.has_retreated_since(grant),
        }
    }

    /// Returns whether callers wait for a response of this worker: any outcome may let one go.
    pub(crate) fn is_held_by_cap(&self) -> bool {
        self.places.hold_a_caller() || self.standalone().is_some_and(Controller::is_held_by_cap)
    }

    /// Returns whether callers who wait are denied now.
    pub(crate) fn denies_callers(&self, now: Time) -> bool {
        let (controller, now) = self.in_force(now);
        self.unavailable().is_some() || controller.denies_callers(now)
    }

    /// Returns a snapshot of the fleet's state, in local time.
    pub fn view(&self, now: Time) -> View {
        let (controller, at) = self.in_force(now);
        let mut view = controller.view(at);
        if self.standalone().is_none() {
            let local = |time: Time| self.to_local(time);
            view.cooldown_until = view.cooldown_until.map(local);
            view.next_trial = view.next_trial.map(local);
            let standing = view.announced.iter_mut().chain(&mut view.used_up);
            standing.for_each(|it| it.until = local(it.until));
        }
        view.fleet = Some(self.membership());
        view
    }

    /// Returns this worker's view of its fleet.
    pub fn membership(&self) -> Membership {
        Membership {
            workers: self.workers,
            joined: self.outage.is_none() && !self.has_other_settings && self.offset.is_some(),
            last_contact: self.last_contact,
        }
    }

    /// Returns why it grants nothing, if so.
    pub fn unavailable(&self) -> Option<FleetUnavailable> {
        if self.has_other_settings {
            return Some(FleetUnavailable::OtherSettings);
        }
        let is_stopped = self
            .outage
            .as_ref()
            .is_some_and(|outage| outage.standalone.is_none());
        is_stopped.then_some(FleetUnavailable::Unreachable)
    }

    /// Returns how long it has gone on without the store.
    fn alone_for(&self, now: Time) -> Option<Duration> {
        let outage = self.outage.as_ref()?;
        let is_alone = outage.standalone.is_some() && !outage.is_awaited;
        is_alone.then(|| now.saturating_since(outage.since))
    }

    /// Returns the controller of the outage, if there is one.
    fn standalone(&self) -> Option<&Controller> {
        self.outage.as_ref()?.standalone.as_ref()
    }

    fn standalone_mut(&mut self) -> Option<&mut Controller> {
        self.outage.as_mut()?.standalone.as_mut()
    }

    /// Returns the controller of the outage, if it issued this grant, and the worker's part of each limit.
    fn standalone_of(&mut self, grant: &Grant) -> Option<(&mut Controller, f64)> {
        let outage = self.outage.as_mut()?;
        let part = outage.part;
        let standalone = outage.standalone.as_mut()?;
        (standalone.lineage() == grant.lineage).then_some((standalone, part))
    }

    /// Converts a local time to the store's.
    fn to_store(&self, local: Time) -> Time {
        self.offset.map_or(local, |offset| offset.to_store(local))
    }

    /// Converts a time of the store to local time.
    fn to_local(&self, store: Time) -> Time {
        self.offset.map_or(store, |offset| offset.to_local(store))
    }
}
