//! Workers of a fleet as strategies of the simulated world: the very code that clients use, over a store whose
//! visits take their time and get in each other's way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;

use super::strategy::{Answer, Strategy};
use crate::config::ApiRateConfig;
use crate::error::Result;
use crate::limiter::{
    self, Ask, Errand, Grant, Manner, Member, Poll, Record, Reply, Settings, Settled, Time, Told,
    settle,
};
use crate::simulator::Announced;

/// The store's clock is ahead of the workers' by so much, as those of different machines are.
const STORE_AHEAD: Duration = Duration::from_secs(1_000_000);

/// One worker.
#[derive(Debug)]
pub struct FleetWorker {
    member: Member,
    settings: Settings,
    fingerprint: u64,
    hub: Rc<RefCell<Hub>>,
    visit: Visit,
    /// What an answer told of a limit, until it is known what became of the request.
    told: Told,
}

/// The permit of a request under way.
#[derive(Debug, Clone, Copy)]
pub struct FleetPermit(Grant);

/// What the store was asked, by all workers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCounts {
    /// Reads and replacements.
    pub operations: u64,
    /// Replacements in vain, as another worker was quicker.
    pub conflicts: u64,
}

/// The store and the way to it.
#[derive(Debug)]
struct Hub {
    record: Option<Record>,
    version: u64,
    counts: StoreCounts,
    /// Each leg of a visit takes so long, and up to half of it more.
    leg: Duration,
    rng: Rng,
}

/// How far a visit is.
#[derive(Debug)]
enum Visit {
    None,
    /// On its way to read.
    Asking {
        ask: Box<Ask>,
        sent: Time,
        at: Time,
    },
    /// On its way back with what is there.
    Reading {
        ask: Box<Ask>,
        sent: Time,
        at: Time,
        found: Box<(Option<Record>, u64, Time)>,
    },
    /// On its way to write.
    Writing {
        ask: Box<Ask>,
        times: [Time; 2],
        at: Time,
        record: Box<Record>,
        version: u64,
        reply: Box<Reply>,
    },
    /// On its way back from there.
    Returning {
        times: [Time; 2],
        at: Time,
        reply: Box<Reply>,
    },
}

/// As many workers as are asked for, of one fleet, each `leg` away from its store.
///
/// # Errors
///
/// [`Error::InvalidConfig`](crate::Error) for a value that breaks a rule.
pub fn fleet(
    config: &ApiRateConfig,
    workers: usize,
    leg: Duration,
    seed: u64,
) -> Result<Vec<FleetWorker>> {
    let settings = config.settings()?;
    let hub = Rc::new(RefCell::new(Hub {
        record: None,
        version: 0,
        counts: StoreCounts::default(),
        leg,
        rng: Rng::with_seed(seed),
    }));
    let manner = Manner {
        workers: 1,
        stops: false,
    };
    let worker = |_| {
        let member = Member::new(settings.clone(), manner, Time::ZERO);
        FleetWorker {
            fingerprint: member.fingerprint(),
            member,
            settings: settings.clone(),
            hub: Rc::clone(&hub),
            visit: Visit::None,
            told: Told::default(),
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

    /// One step of the visit, if it is time for it: `Err` is the time of the next one.
    fn step(&mut self, now: Time, waiting: usize) -> Result<(), Option<Time>> {
        let mut hub = self.hub.borrow_mut();
        self.visit = match std::mem::replace(&mut self.visit, Visit::None) {
            Visit::None => {
                let costs = vec![1; waiting.min(256)];
                match self.member.errand(now, &costs, hub.rng.u64(..)) {
                    Errand::Rest(until) => return Err(Some(until).filter(|it| *it < Time::MAX)),
                    Errand::Visit(ask) => Visit::Asking {
                        ask,
                        sent: now,
                        at: now + hub.way(),
                    },
                }
            }
            Visit::Asking { ask, sent, at } if at <= now => Visit::Reading {
                ask,
                sent,
                at: now + hub.way(),
                found: Box::new(hub.read(now)),
            },
            Visit::Reading {
                ask,
                sent,
                at,
                found,
            } if at <= now => {
                let (record, version, store_now) = *found;
                match settle(record, store_now, &ask, &self.settings, self.fingerprint) {
                    Settled::Write(record, reply) => Visit::Writing {
                        ask,
                        times: [sent, now],
                        at: now + hub.way(),
                        record,
                        version,
                        reply: Box::new(reply),
                    },
                    Settled::Keep(reply) => {
                        let _ = self.member.settled(sent, now, now, reply);
                        Visit::None
                    }
                    Settled::OtherSettings => unreachable!("all of them have the same settings"),
                }
            }
            Visit::Writing {
                ask,
                times,
                at,
                record,
                version,
                reply,
            } if at <= now => {
                if hub.replace(version, *record) {
                    Visit::Returning {
                        times,
                        at: now + hub.way(),
                        reply,
                    }
                } else {
                    // The other worker's is told at once.
                    let found = (hub.record.clone(), hub.version, now + STORE_AHEAD);
                    Visit::Reading {
                        ask,
                        sent: times[1],
                        at: now + hub.way(),
                        found: Box::new(found),
                    }
                }
            }
            Visit::Returning { times, at, reply } if at <= now => {
                let [sent, received] = times;
                let _ = self.member.settled(sent, received, now, *reply);
                Visit::None
            }
            underway => {
                let at = match &underway {
                    Visit::Asking { at, .. }
                    | Visit::Reading { at, .. }
                    | Visit::Writing { at, .. }
                    | Visit::Returning { at, .. } => Some(*at),
                    Visit::None => None,
                };
                self.visit = underway;
                return Err(at);
            }
        };
        Ok(())
    }
}

impl Hub {
    fn way(&mut self) -> Duration {
        self.leg.mul_f64(1.0 + self.rng.f64() / 2.0)
    }

    fn read(&mut self, now: Time) -> (Option<Record>, u64, Time) {
        self.counts.operations += 1;
        (self.record.clone(), self.version, now + STORE_AHEAD)
    }

    fn replace(&mut self, version: u64, record: Record) -> bool {
        self.counts.operations += 1;
        if version != self.version {
            self.counts.conflicts += 1;
            return false;
        }
        self.version += 1;
        self.record = Some(record);
        true
    }
}

impl Strategy for FleetWorker {
    type Permit = FleetPermit;

    fn poll(&mut self, now: Time, waited: bool) -> Answer<FleetPermit> {
        match self.member.poll(now, 1, waited) {
            Poll::Grant(grant) => Answer::Send(FleetPermit(grant)),
            Poll::At(time) | Poll::AfterFeedback(time) => Answer::At(time),
            Poll::CooldownTooLong(pause) | Poll::CircuitOpen(pause) => Answer::At(now + pause),
            Poll::Apart(_) => unreachable!("the store is always there"),
        }
    }

    fn success(&mut self, now: Time, permit: FleetPermit) {
        let told = std::mem::take(&mut self.told);
        let _ = self.member.succeeded(now, &permit.0, told, None, 0.0);
    }

    fn backoff(&mut self, now: Time, permit: FleetPermit, hint: Option<Duration>, chance: f64) {
        let told = std::mem::take(&mut self.told);
        let _ = self.member.refused(now, &permit.0, told, hint, chance);
    }

    fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) {
        let _ = self.member.exhausted(now, wait, chance);
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
