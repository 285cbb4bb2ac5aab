//! Workers of a fleet as strategies of the simulated world: the very code that clients use, over a store whose
//! visits take their time, get in each other's way, and go wrong.

mod store;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::strategy::{Answer, Strategy};
use crate::Announced;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::limiter::{
    self, Action, AnnouncedLimits, Denial, Grant, MOST_TRIES, ManualReport, Member, OutagePolicy,
    Outcome, Poll, Record, Settings, Settled, SyncReply, SyncRequest, settle,
};

use store::{Found, Hub};
pub use store::{Mishap, StoreCounts};

/// One worker.
#[derive(Debug)]
pub struct FleetWorker {
    member: Member,
    settings: Settings,
    fingerprint: u64,
    hub: Rc<RefCell<Hub>>,
    visit: Option<Visit>,
    /// What an answer told of a limit, until it is known what became of the request.
    told: AnnouncedLimits,
    begins: Time,
    is_killed: Time,
}

/// The permit of a request under way.
#[derive(Debug, Clone, Copy)]
pub struct FleetPermit(Grant);

/// A visit under way.
#[derive(Debug)]
struct Visit {
    ask: Box<SyncRequest>,
    stage: Stage,
    sent: Time,
    /// When it is where it is going.
    at: Time,
    gives_up: Time,
    /// Writes so far.
    tries: u32,
}

/// How far a visit is.
#[derive(Debug)]
enum Stage {
    /// On its way to read.
    Asking,
    /// On its way back with what is there.
    Reading(Box<Found>),
    /// On its way to write.
    Writing {
        received: Time,
        record: Box<Record>,
        version: u64,
        reply: Box<SyncReply>,
    },
    /// On its way back from there.
    Returning {
        received: Time,
        reply: Box<SyncReply>,
    },
}

/// As many workers as are asked for, of one fleet, each `leg` away from its store, and what goes wrong with them.
///
/// # Errors
///
/// [`Error::InvalidConfig`](crate::Error) for a value that breaks a rule.
pub fn fleet(
    config: &ApiRateConfig,
    workers: usize,
    leg: Duration,
    mishaps: &[Mishap],
    seed: u64,
) -> Result<Vec<FleetWorker>> {
    let settings = config.settings()?;
    let hub = Rc::new(RefCell::new(Hub::new(leg, mishaps, seed)));
    let policy = OutagePolicy {
        workers: 1,
        stops: false,
    };
    let worker = |number: usize| {
        let (mut begins, mut is_killed) = (Time::ZERO, Time::MAX);
        for mishap in mishaps {
            match *mishap {
                Mishap::Killed { workers, at } if number < workers => is_killed = Time::ZERO + at,
                Mishap::Late { workers: late, at } if number + late >= workers => {
                    begins = Time::ZERO + at;
                }
                _ => {}
            }
        }
        let member = Member::new(settings.clone(), policy, begins);
        FleetWorker {
            fingerprint: member.fingerprint(),
            member,
            settings: settings.clone(),
            hub: Rc::clone(&hub),
            visit: None,
            told: AnnouncedLimits::default(),
            begins,
            is_killed,
        }
    };
    Ok((0..workers).map(worker).collect())
}

impl FleetWorker {
    /// What the store was asked by the whole fleet so far.
    #[must_use]
    pub fn store_counts(&self) -> StoreCounts {
        self.hub.borrow().counts
    }

    /// When it does something again, if it does nothing now: long after the end, if it is dead.
    fn is_idle_until(&self, now: Time) -> Option<Time> {
        if now < self.begins {
            return Some(self.begins);
        }
        (now >= self.is_killed).then_some(Time::MAX)
    }

    /// One step of the visit, if it is time for it: `Err` is the time of the next one.
    fn step(&mut self, now: Time, waiting: usize) -> Result<(), Option<Time>> {
        let mut hub = self.hub.borrow_mut();
        let Some(mut visit) = self.visit.take() else {
            let costs = vec![1; waiting.min(256)];
            return match self.member.next_action(now, &costs, hub.rng.u64(..)) {
                Action::Rest(until) => Err(Some(until).filter(|it| *it < Time::MAX)),
                Action::Visit(ask) => {
                    self.visit = Some(Visit {
                        ask,
                        stage: Stage::Asking,
                        sent: now,
                        at: hub.arrival(now),
                        gives_up: Hub::end_of_patience(now),
                        tries: 0,
                    });
                    Ok(())
                }
            };
        };
        if now >= visit.gives_up {
            if let Stage::Writing { reply, .. } | Stage::Returning { reply, .. } = &visit.stage {
                visit.ask.may_be_settled(reply);
            }
            let chance = hub.rng.f64();
            let _ = self.member.store_unreachable(now, *visit.ask, chance);
            return Ok(());
        }
        if now < visit.at {
            let next = visit.at.min(visit.gives_up);
            self.visit = Some(visit);
            return Err(Some(next));
        }
        if matches!(visit.stage, Stage::Reading(_)) && visit.tries == MOST_TRIES {
            let chance = hub.rng.f64();
            let _ = self.member.lost_all_races(now, *visit.ask, chance);
            return Ok(());
        }
        visit.stage = match visit.stage {
            // Whoever does not answer is waited for until patience ends.
            Stage::Asking | Stage::Writing { .. } if !hub.is_there(now) => {
                visit.at = Time::MAX;
                visit.stage
            }
            Stage::Asking => {
                let found = Box::new(hub.read(now));
                visit.at = hub.arrival(now);
                Stage::Reading(found)
            }
            Stage::Reading(found) => {
                let Found {
                    record,
                    version,
                    now: store_now,
                } = *found;
                let (ask, settings) = (&visit.ask, &self.settings);
                match settle(record, store_now, ask, settings, self.fingerprint) {
                    Settled::Write(record, reply) => {
                        (visit.at, visit.gives_up) = (hub.arrival(now), Hub::end_of_patience(now));
                        Stage::Writing {
                            received: now,
                            record,
                            version,
                            reply: Box::new(reply),
                        }
                    }
                    Settled::Keep(reply) => {
                        let _ = self.member.synced(visit.sent, now, now, reply);
                        return Ok(());
                    }
                    Settled::OtherSettings => unreachable!("all of them have the same settings"),
                }
            }
            Stage::Writing {
                received,
                record,
                version,
                reply,
            } => {
                visit.at = hub.arrival(now);
                visit.tries += 1;
                match hub.replace(now, version, *record) {
                    None => Stage::Returning { received, reply },
                    Some(found) => {
                        // The other worker's is told at once.
                        visit.sent = received;
                        Stage::Reading(Box::new(found))
                    }
                }
            }
            Stage::Returning { received, reply } => {
                let _ = self.member.synced(visit.sent, received, now, *reply);
                return Ok(());
            }
        };
        self.visit = Some(visit);
        Ok(())
    }
}

impl Strategy for FleetWorker {
    type Permit = FleetPermit;

    fn poll(&mut self, now: Time, waited: bool) -> Answer<FleetPermit> {
        if let Some(until) = self.is_idle_until(now) {
            return Answer::At(until);
        }
        match self.member.poll(now, 1, waited) {
            Poll::Grant(grant) => Answer::Send(FleetPermit(grant)),
            Poll::At(time) | Poll::AfterFeedback(time) => Answer::At(time),
            Poll::Denied(Denial::Cooldown(pause) | Denial::CircuitOpen(pause)) => {
                Answer::At(now + pause)
            }
            Poll::Denied(Denial::Fleet(_)) => unreachable!("these workers go on alone"),
        }
    }

    fn success(&mut self, now: Time, permit: FleetPermit) {
        let told = std::mem::take(&mut self.told);
        let outcome = Outcome::Success {
            announced: told,
            exhausted: None,
            chance: 0.0,
        };
        let _ = self.member.report(now, &permit.0, outcome);
    }

    fn backoff(&mut self, now: Time, permit: FleetPermit, hint: Option<Duration>, chance: f64) {
        let told = std::mem::take(&mut self.told);
        let outcome = Outcome::Refused {
            announced: told,
            hint,
            chance,
        };
        let _ = self.member.report(now, &permit.0, outcome);
    }

    fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) {
        let exhausted = ManualReport::Exhausted { wait, chance };
        let _ = self.member.report_manually(now, exhausted);
    }

    fn announced(&mut self, _now: Time, _permit: &FleetPermit, announced: &Announced) {
        let told = limiter::Announced {
            limit: Some(announced.limit.into()),
            window: Some(announced.window),
            remaining: announced.remaining.into(),
            reset_after: announced.reset_after,
        };
        self.told = [told].into_iter().collect();
    }

    fn background(&mut self, now: Time, waiting: usize) -> Option<Time> {
        if let Some(until) = self.is_idle_until(now) {
            return Some(until).filter(|it| *it < Time::MAX);
        }
        loop {
            if let Err(next) = self.step(now, waiting) {
                return next;
            }
        }
    }

    fn rate_per_second(&self) -> f64 {
        self.member.view(Time::ZERO).rate.as_per_second()
    }
}

#[cfg(test)]
#[path = "fleet/fault_tests.rs"]
mod fault_tests;
