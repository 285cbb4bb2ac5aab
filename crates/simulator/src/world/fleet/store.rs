//! The simulated store of a fleet, its latency and its faults.

use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::Record;
use fastrand::Rng;

use super::fault::FleetFault;

/// Difference between the clock of the store and the clocks of the workers, which differ in reality too.
const STORE_AHEAD: Duration = Duration::from_secs(1_000_000);

/// Timeout of the library's clients for a response of a store.
const STORE_TIMEOUT: Duration = Duration::from_millis(50);

/// Counts of operations of all workers on the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCounts {
    /// Reads and replacements.
    pub operations: u64,
    /// Replacements that failed because another worker wrote first.
    pub conflicts: u64,
}

/// Content of the store at one time.
#[derive(Debug)]
pub(super) struct StoredRecord {
    pub(super) record: Option<Record>,
    pub(super) version: u64,
    /// Time by the clock of the store.
    pub(super) now: Time,
}

/// The store of a fleet and the network to it.
#[derive(Debug)]
pub(super) struct SimulatedStore {
    record: Option<Record>,
    version: u64,
    pub(super) counts: StoreCounts,
    /// Latency of each way; a random part of up to half of it is added.
    latency: Duration,
    faults: Vec<FleetFault>,
    /// Time of the last access: a wipe between it and now has not happened yet.
    last_access: Time,
    pub(super) rng: Rng,
}

impl SimulatedStore {
    pub(super) fn new(latency: Duration, faults: &[FleetFault], seed: u64) -> Self {
        Self {
            record: None,
            version: 0,
            counts: StoreCounts::default(),
            latency,
            faults: faults.to_vec(),
            last_access: Time::ZERO,
            rng: Rng::with_seed(seed),
        }
    }

    /// Returns when a message sent now arrives at its other end.
    pub(super) fn arrival(&mut self, now: Time) -> Time {
        let longer = self.faults.iter().map(|fault| match *fault {
            FleetFault::StoreSlow { from, until, by } if is_between(now, from, until) => by,
            _ => Duration::ZERO,
        });
        let latency = self.latency + longer.sum::<Duration>();
        now + latency.mul_f64(1.0 + self.rng.f64() / 2.0)
    }

    /// Returns when a worker that sends a message now gives up.
    pub(super) fn timeout_at(now: Time) -> Time {
        now + STORE_TIMEOUT
    }

    /// Returns whether the store responds.
    pub(super) fn is_up(&self, now: Time) -> bool {
        !self
            .faults
            .iter()
            .any(|it| matches!(*it, FleetFault::StoreDown { from, until } if is_between(now, from, until)))
    }

    /// Returns the size of the record.
    pub(super) fn record_bytes(&self) -> usize {
        let text = self.record.as_ref().map(Record::to_text);
        text.map_or(0, |text| text.len())
    }

    /// Reads the record.
    pub(super) fn read(&mut self, now: Time) -> StoredRecord {
        self.counts.operations += 1;
        self.content(now)
    }

    /// Replaces the record if its version is still `version`. Otherwise returns the current content.
    pub(super) fn replace(
        &mut self,
        now: Time,
        version: u64,
        record: Record,
    ) -> Option<StoredRecord> {
        self.counts.operations += 1;
        let current = self.content(now);
        if version != current.version {
            self.counts.conflicts += 1;
            return Some(current);
        }
        self.version += 1;
        self.record = Some(record);
        None
    }

    /// Returns the content, after wipes that are due.
    fn content(&mut self, now: Time) -> StoredRecord {
        let wiped = self.faults.iter().any(|fault| match *fault {
            FleetFault::StoreWiped { at } => {
                self.last_access < Time::ZERO + at && Time::ZERO + at <= now
            }
            _ => false,
        });
        self.last_access = now;
        if wiped {
            self.version += 1;
            self.record = None;
        }
        StoredRecord {
            record: self.record.clone(),
            version: self.version,
            now: now + STORE_AHEAD,
        }
    }
}

/// Returns whether `now` is from `from` to before `until`.
fn is_between(now: Time, from: Duration, until: Duration) -> bool {
    (Time::ZERO + from..Time::ZERO + until).contains(&now)
}
