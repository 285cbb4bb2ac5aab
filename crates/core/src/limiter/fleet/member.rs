//! One worker of a fleet: which slots it holds, what it has to report, and when it has to visit the store.
//!
//! It takes the place of a limiter's own controller: the queue asks it for grants and gives it reports. It does
//! nothing by itself; its driver asks for the next [`Action`] and brings back what came of it.

use std::time::Duration;

use super::clock_offset::ClockOffset;
use super::fingerprint::fingerprint;
use super::sync::{SyncRequest, TimedReport};
use crate::limiter::controller::Controller;
use crate::limiter::grant::Grant;
use crate::limiter::learned::Learned;
use crate::limiter::poll::{Denial, FleetUnavailable, Poll};
use crate::limiter::settings::Settings;
use crate::limiter::view::{Membership, View};
use crate::time::Time;

mod outage;
mod reports;
mod visits;

/// A slot may be used so long after its instant: threads wake late on a busy machine. Later it goes back, as
/// several of them together would be a burst.
const SLOT_KEEPS: Duration = Duration::from_millis(100);

/// Somebody who was told a time, without queueing, is taken to come back until so long after it.
const ASIDE_KEEPS: Duration = Duration::from_secs(1);

/// Shortest and longest time that slots are taken ahead of their instant: visits must be over by then, and after a
/// cut those that are out already go in vain.
const LEAD: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// How a worker behaves without the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutagePolicy {
    /// Workers that the fleet is taken to have before it was ever reached.
    pub workers: u32,
    /// Whether callers get an error during an outage, instead of going on slowly.
    pub stops: bool,
}

/// What the driver does next.
#[derive(Debug)]
pub enum Action {
    /// Visits the store.
    Visit(Box<SyncRequest>),
    /// Nothing before then, unless somebody asks or reports.
    Rest(Time),
}

/// The store can't be reached.
#[derive(Debug, Clone)]
struct Outage {
    /// `None`: callers get an error.
    standalone: Option<Controller>,
    /// The lineage of the fleet's state by then.
    left: u64,
    since: Time,
    /// The store is back, and the others are to come.
    is_awaited: bool,
    tries: u32,
    next_try: Time,
    /// Whether the driver was told that it is news.
    is_reported: bool,
}

/// A worker.
#[derive(Debug, Clone)]
pub struct Member {
    settings: Settings,
    fingerprint: u64,
    policy: OutagePolicy,
    /// The fleet's controller as it was last seen, in the store's time.
    seen: Controller,
    workers: u32,
    offset: Option<ClockOffset>,
    last_contact: Option<Time>,
    /// In the order of their instants.
    slots: Vec<Grant>,
    ticket: Option<u64>,
    /// Nobody asks for more slots before.
    come_at: Time,
    lease: Duration,
    counted: Option<u64>,
    /// How long visits take, from the question to the end of the last try to write.
    visit: Duration,
    asked_at: Time,
    /// A visit is under way since then.
    is_out: bool,
    reports: Vec<TimedReport>,
    report_by: Option<Time>,
    /// Somebody who does not queue wants a slot, until then.
    aside: Option<(u32, Time)>,
    outage: Option<Outage>,
    /// Visits in a row in which others were quicker every time.
    races_lost: u32,
    /// The last visit ended an outage.
    was_away: bool,
    has_other_settings: bool,
    /// Until when the driver rests.
    alarm: Time,
}

impl Member {
    pub fn new(settings: Settings, policy: OutagePolicy, now: Time) -> Self {
        Self {
            fingerprint: fingerprint(&settings),
            seen: Controller::new(settings.clone(), now),
            settings,
            policy,
            workers: policy.workers,
            offset: None,
            last_contact: None,
            slots: Vec::new(),
            ticket: None,
            come_at: Time::ZERO,
            lease: LEAD[0],
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
        }
    }

    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// May a request of this cost be sent now? Only with a slot whose instant has come.
    pub fn poll(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        self.give_up_waiting(now);
        if let Some(reason) = self.unavailable() {
            return Poll::Denied(Denial::Fleet(reason));
        }
        if let Some(standalone) = self.standalone_mut() {
            return standalone.poll(now, cost, waited);
        }
        self.give_back_late(now);
        // What was granted goes, also where others are turned away: it may be the trial that they wait for.
        if let Some(place) = self.slots.iter().position(|slot| slot.cost == cost) {
            let at = self.to_local(self.slots[place].issued_at);
            if now < at {
                return Poll::At(at);
            }
            self.aside = None;
            return Poll::Grant(self.slots.remove(place));
        }
        // Somebody who is turned away leaves nobody waiting; the next visit tells whether that still holds.
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

    /// When a request of this cost would go after others of this worker's that cost `ahead`: as all workers send as
    /// much, so long as they do.
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

    pub(crate) fn learned(&self, unix_now: Duration) -> Option<Learned> {
        self.standalone().unwrap_or(&self.seen).learned(unix_now)
    }

    /// The controller whose word counts now, and the time for it.
    pub(crate) fn in_force(&self, now: Time) -> (&Controller, Time) {
        match self.standalone() {
            Some(standalone) => (standalone, now),
            None => (&self.seen, self.to_store(now)),
        }
    }

    pub(crate) fn has_retreated_since(&self, grant: &Grant) -> bool {
        match self.standalone() {
            Some(standalone) if standalone.lineage() == grant.lineage => {
                standalone.has_retreated_since(grant)
            }
            _ => self.seen.lineage() == grant.lineage && self.seen.has_retreated_since(grant),
        }
    }

    pub(crate) fn denies_callers(&self, now: Time) -> bool {
        let (controller, now) = self.in_force(now);
        self.unavailable().is_some() || controller.denies_callers(now)
    }

    pub fn view(&self, now: Time) -> View {
        let (controller, at) = self.in_force(now);
        let mut view = controller.view(at);
        if self.standalone().is_none() {
            let local = |time: Time| self.to_local(time);
            view.cooldown_until = view.cooldown_until.map(local);
            view.next_trial = view.next_trial.map(local);
            if let Some(standing) = &mut view.announced {
                standing.until = local(standing.until);
            }
        }
        view.fleet = Some(self.membership());
        view
    }

    pub fn membership(&self) -> Membership {
        Membership {
            workers: self.workers,
            joined: self.outage.is_none() && !self.has_other_settings && self.offset.is_some(),
            last_contact: self.last_contact,
        }
    }

    /// Why it grants nothing, if so.
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

    /// Since when it has gone on without the store.
    fn alone_for(&self, now: Time) -> Option<Duration> {
        let outage = self.outage.as_ref()?;
        let is_alone = outage.standalone.is_some() && !outage.is_awaited;
        is_alone.then(|| now.saturating_since(outage.since))
    }

    fn standalone(&self) -> Option<&Controller> {
        self.outage.as_ref()?.standalone.as_ref()
    }

    fn standalone_mut(&mut self) -> Option<&mut Controller> {
        self.outage.as_mut()?.standalone.as_mut()
    }

    /// The controller of the outage, if it granted this.
    fn standalone_of(&mut self, grant: &Grant) -> Option<&mut Controller> {
        self.standalone_mut()
            .filter(|standalone| standalone.lineage() == grant.lineage)
    }

    fn to_store(&self, local: Time) -> Time {
        self.offset.map_or(local, |offset| offset.to_store(local))
    }

    fn to_local(&self, store: Time) -> Time {
        self.offset.map_or(store, |offset| offset.to_local(store))
    }
}
