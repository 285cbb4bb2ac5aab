//! The store of a fleet and the way to it, and what goes wrong with them.

use std::time::Duration;

use fastrand::Rng;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::Record;

/// The store's clock is ahead of the workers' by so much, as those of different machines are.
const STORE_AHEAD: Duration = Duration::from_secs(1_000_000);

/// How long the library's clients wait for an answer of a store.
const PATIENCE: Duration = Duration::from_millis(50);

/// What goes wrong with a fleet; times are since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mishap {
    /// The store answers nobody.
    Away {
        /// Since when.
        from: Duration,
        /// Until when.
        until: Duration,
    },
    /// Each way to the store and back takes longer.
    Slow {
        /// Since when.
        from: Duration,
        /// Until when.
        until: Duration,
        /// By how much, each way.
        by: Duration,
    },
    /// The store forgets everything.
    Emptied {
        /// When.
        at: Duration,
    },
    /// The first workers are killed: what they wanted to say is never said.
    Killed {
        /// How many.
        workers: usize,
        /// When.
        at: Duration,
    },
    /// The last workers begin only now.
    Late {
        /// How many.
        workers: usize,
        /// When.
        at: Duration,
    },
}

/// What the store was asked, by all workers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCounts {
    /// Reads and replacements.
    pub operations: u64,
    /// Replacements in vain, as another worker was quicker.
    pub conflicts: u64,
}

/// What a store holds, and its time: the text is read only when it is needed.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) record: Option<Record>,
    pub(super) version: u64,
    pub(super) now: Time,
}

/// The store and the way to it.
#[derive(Debug)]
pub(super) struct Hub {
    record: Option<Record>,
    version: u64,
    pub(super) counts: StoreCounts,
    /// Each leg of a visit takes so long, and up to half of it more.
    leg: Duration,
    mishaps: Vec<Mishap>,
    /// Up to where what makes it forget has happened.
    emptied: Time,
    pub(super) rng: Rng,
}

impl Hub {
    pub(super) fn new(leg: Duration, mishaps: &[Mishap], seed: u64) -> Self {
        Self {
            record: None,
            version: 0,
            counts: StoreCounts::default(),
            leg,
            mishaps: mishaps.to_vec(),
            emptied: Time::ZERO,
            rng: Rng::with_seed(seed),
        }
    }

    /// When whoever sets out now is there.
    pub(super) fn arrival(&mut self, now: Time) -> Time {
        let longer = self.mishaps.iter().map(|mishap| match *mishap {
            Mishap::Slow { from, until, by } if is_between(now, from, until) => by,
            _ => Duration::ZERO,
        });
        let leg = self.leg + longer.sum::<Duration>();
        now + leg.mul_f64(1.0 + self.rng.f64() / 2.0)
    }

    /// When whoever sets out now gives up.
    pub(super) fn end_of_patience(now: Time) -> Time {
        now + PATIENCE
    }

    /// Whether it answers.
    pub(super) fn is_there(&self, now: Time) -> bool {
        !self
            .mishaps
            .iter()
            .any(|it| matches!(*it, Mishap::Away { from, until } if is_between(now, from, until)))
    }

    pub(super) fn read(&mut self, now: Time) -> Found {
        self.counts.operations += 1;
        self.found(now)
    }

    /// What is there instead, if another worker was quicker.
    pub(super) fn replace(&mut self, now: Time, version: u64, record: Record) -> Option<Found> {
        self.counts.operations += 1;
        let found = self.found(now);
        if version != found.version {
            self.counts.conflicts += 1;
            return Some(found);
        }
        self.version += 1;
        self.record = Some(record);
        None
    }

    fn found(&mut self, now: Time) -> Found {
        let forgets = self.mishaps.iter().any(|mishap| match *mishap {
            Mishap::Emptied { at } => self.emptied < Time::ZERO + at && Time::ZERO + at <= now,
            _ => false,
        });
        self.emptied = now;
        if forgets {
            self.version += 1;
            self.record = None;
        }
        Found {
            record: self.record.clone(),
            version: self.version,
            now: now + STORE_AHEAD,
        }
    }
}

fn is_between(now: Time, from: Duration, until: Duration) -> bool {
    (Time::ZERO + from..Time::ZERO + until).contains(&now)
}
