//! Workers of a fleet as strategies. They run the code of the real clients over a simulated store with
//! latency, write conflicts and faults.

mod fault;
mod store;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::limiter::{
    Action, AnnouncedLimits, Denial, Grant, MOST_TRIES, ManualReport, Member, OutagePolicy,
    Outcome, Poll, Record, Settings, Settled, SyncReply, SyncRequest, settle,
};

use super::strategy::{Decision, Strategy};
use crate::rules::LimitState;
use store::{SimulatedStore, StoredRecord};

pub use fault::FleetFault;
pub use store::StoreCounts;

/// Strategy of one worker of a fleet. Made by [`fleet`].
#[derive(Debug)]
pub struct FleetWorker {
    member: Member,
    settings: Settings,
    fingerprint: u64,
    store: Rc<RefCell<SimulatedStore>>,
    visit: Option<Visit>,
    /// Limit that a response announced, kept until the outcome of its request is recorded.
    announced: AnnouncedLimits,
    /// Reset of that limit, if nothing is left of it: a refusal that names no other wait names this one.
    reset: Option<Duration>,
    starts_at: Time,
    killed_at: Time,
}

/// Permit of a request in flight of a [`FleetWorker`].
#[derive(Debug, Clone, Copy)]
pub struct FleetPermit(Grant);

/// A visit of a worker to the store.
#[derive(Debug)]
struct Visit {
    request: Box<SyncRequest>,
    stage: VisitStage,
    sent: Time,
    /// Arrival of the message that is on its way.
    at: Time,
    /// Time at which the worker gives up.
    gives_up: Time,
    /// Attempts to write so far.
    tries: u32,
}

/// Stage of a visit: which message is on its way.
#[derive(Debug)]
enum VisitStage {
    /// The request to read.
    Asking,
    /// The response with the record.
    Reading(Box<StoredRecord>),
    /// The request to write.
    Writing {
        received: Time,
        record: Box<Record>,
        version: u64,
        reply: Box<SyncReply>,
    },
    /// The response to a successful write.
    Returning {
        received: Time,
        reply: Box<SyncReply>,
    },
}

/// Returns the workers of one fleet. Each way to the store takes `latency` and up to half of it more;
/// `faults` strike the fleet.
///
/// # Errors
///
/// `Error::InvalidConfig` if a value of the configuration is invalid.
pub fn fleet(
    config: &ApiRateConfig,
    workers: usize,
    latency: Duration,
    faults: &[FleetFault],
    seed: u64,
) -> Result<Vec<FleetWorker>> {
    let settings = config.settings()?;
    let store = Rc::new(RefCell::new(SimulatedStore::new(latency, faults, seed)));
    let policy = OutagePolicy {
        workers: 1,
        stops: false,
    };
    let worker = |number: usize| {
        // The first workers may be killed, the last ones may start late.
        let (mut starts_at, mut killed_at) = (Time::ZERO, Time::MAX);
        for fault in faults {
            match *fault {
                FleetFault::WorkersKilled { workers, at } if number < workers => {
                    killed_at = Time::ZERO + at;
                }
                FleetFault::WorkersLate { workers: late, at } if number + late >= workers => {
                    starts_at = Time::ZERO + at;
                }
                _ => {}
            }
        }
        let member = Member::new(settings.clone(), policy, starts_at);
        FleetWorker {
            fingerprint: member.fingerprint(),
            member,
            settings: settings.clone(),
            store: Rc::clone(&store),
            visit: None,
            announced: AnnouncedLimits::default(),
            reset: None,
            starts_at,
            killed_at,
        }
    };
    Ok((0..workers).map(worker).collect())
}

impl FleetWorker {
    /// Returns the counts of operations of the whole fleet on the store so far.
    #[must_use]
    pub fn store_counts(&self) -> StoreCounts {
        self.store.borrow().counts
    }

    /// Returns the size of the fleet's record in the store.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        self.store.borrow().record_bytes()
    }

    /// Returns the end of the worker's inactivity: its start, or never if it was killed. `None` if it is
    /// active.
    fn inactive_until(&self, now: Time) -> Option<Time> {
        if now < self.starts_at {
            return Some(self.starts_at);
        }
        (now >= self.killed_at).then_some(Time::MAX)
    }

    /// Takes the next step of the visit, if it is due. Otherwise returns the time of the next step as `Err`.
    fn step(&mut self, now: Time, waiting: usize) -> Result<(), Option<Time>> {
        let mut store = self.store.borrow_mut();
        // Without a visit: request the member whether one is due.
        let Some(mut visit) = self.visit.take() else {
            let costs = vec![1; waiting.min(256)];
            return match self.member.next_action(now, &costs, store.rng.u64(..)) {
                Action::Rest(until) => Err(Some(until).filter(|it| *it < Time::MAX)),
                Action::Visit(request) => {
                    self.visit = Some(Visit {
                        request,
                        stage: VisitStage::Asking,
                        sent: now,
                        at: store.arrival(now),
                        gives_up: SimulatedStore::timeout_at(now),
                        tries: 0,
                    });
                    Ok(())
                }
            };
        };
        // The store did not respond in time.
        if now >= visit.gives_up {
            if let VisitStage::Writing { reply, .. } | VisitStage::Returning { reply, .. } =
                &visit.stage
            {
                visit.request.may_be_settled(reply);
            }
            let chance = store.rng.f64();
            let _ = self.member.store_unreachable(now, *visit.request, chance);
            return Ok(());
        }
        // The message is still on its way.
        if now < visit.at {
            let next = visit.at.min(visit.gives_up);
            self.visit = Some(visit);
            return Err(Some(next));
        }
        // Too many other workers wrote first.
        if matches!(visit.stage, VisitStage::Reading(_)) && visit.tries == MOST_TRIES {
            let chance = store.rng.f64();
            let _ = self.member.lost_all_races(now, *visit.request, chance);
            return Ok(());
        }
        visit.stage = match visit.stage {
            // The store is down: the visit waits for its timeout.
            VisitStage::Asking | VisitStage::Writing { .. } if !store.is_up(now) => {
                visit.at = Time::MAX;
                visit.stage
            }
            VisitStage::Asking => {
                let stored = Box::new(store.read(now));
                visit.at = store.arrival(now);
                VisitStage::Reading(stored)
            }
            VisitStage::Reading(stored) => {
                let StoredRecord {
                    record,
                    version,
                    now: store_now,
                } = *stored;
                let (request, settings) = (&visit.request, &self.settings);
                match settle(record, store_now, request, settings, self.fingerprint) {
                    Settled::Write(record, reply) => {
                        (visit.at, visit.gives_up) =
                            (store.arrival(now), SimulatedStore::timeout_at(now));
                        VisitStage::Writing {
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
                    Settled::OtherSettings => unreachable!("all workers have the same settings"),
                }
            }
            VisitStage::Writing {
                received,
                record,
                version,
                reply,
            } => {
                visit.at = store.arrival(now);
                visit.tries += 1;
                match store.replace(now, version, *record) {
                    None => VisitStage::Returning { received, reply },
                    Some(stored) => {
                        // The response carries the record of the other worker.
                        visit.sent = received;
                        VisitStage::Reading(Box::new(stored))
                    }
                }
            }
            VisitStage::Returning { received, reply } => {
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

    fn poll(&mut self, now: Time, waited: bool) -> Decision<FleetPermit> {
        if let Some(until) = self.inactive_until(now) {
            return Decision::WaitUntil(until);
        }
        match self.member.poll(now, 1, waited) {
            Poll::Grant(grant) => Decision::Send(FleetPermit(grant)),
            Poll::At(time) | Poll::AfterFeedback(time) => Decision::WaitUntil(time),
            Poll::Denied(Denial::Cooldown(pause) | Denial::CircuitOpen(pause)) => {
                Decision::WaitUntil(now + pause)
            }
            Poll::Denied(Denial::Fleet(_)) => {
                unreachable!("these workers never stop during an outage")
            }
        }
    }

    fn success(&mut self, now: Time, permit: FleetPermit) {
        let announced = std::mem::take(&mut self.announced);
        let outcome = Outcome::Success {
            announced,
            exhausted: None,
            chance: 0.0,
        };
        let _ = self.member.report(now, &permit.0, outcome);
    }

    fn backoff(&mut self, now: Time, permit: FleetPermit, hint: Option<Duration>, chance: f64) {
        let announced = std::mem::take(&mut self.announced);
        let outcome = Outcome::Refused {
            announced: announced.pausing_by_reset(hint == self.reset.take()),
            hint,
            chance,
        };
        let _ = self.member.report(now, &permit.0, outcome);
    }

    fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) {
        let exhausted = ManualReport::Exhausted {
            wait,
            by_reset: self.reset.take() == Some(wait),
            chance,
        };
        let _ = self.member.report_manually(now, exhausted);
    }

    fn announced(&mut self, _now: Time, _permit: &FleetPermit, state: &LimitState) {
        self.announced = [state.to_announced()].into_iter().collect();
        self.reset = (state.remaining == 0).then_some(state.reset_after);
    }

    fn background(&mut self, now: Time, waiting: usize) -> Option<Time> {
        if let Some(until) = self.inactive_until(now) {
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
mod fault_tests;
#[cfg(test)]
mod job_tests;
