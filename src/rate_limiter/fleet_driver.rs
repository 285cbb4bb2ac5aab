//! The store's side of a fleet's driver: a thread of its own visits the store, so that no caller has to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::fleet::{Fleet, Replaced, StoreError};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::{
    MOST_TRIES, Member, Record, Settings, Settled, SyncReply, SyncRequest, settle,
};

/// How long a store keeps the state of an unused fleet: long enough for a daily job to find it.
const KEEP: Duration = Duration::from_secs(48 * 60 * 60);

/// How long dropping the last clone waits for the final visit to the store. A normal visit takes less; a hanging one is
/// abandoned.
const FINAL_VISIT: Duration = Duration::from_millis(100);

/// The part of a fleet's driver that does not need the limiter.
#[derive(Debug)]
pub(super) struct FleetDriver {
    fleet: Fleet,
    settings: Settings,
    fingerprint: u64,
    /// The thread, once it runs.
    thread: OnceLock<Thread>,
    woken: AtomicBool,
    /// The request of the final visit, left by the limiter when it was dropped.
    final_request: Mutex<Option<Box<SyncRequest>>>,
    /// Whether the limiter was dropped.
    is_over: AtomicBool,
    /// Whether the final visit is over.
    is_finished: Mutex<bool>,
    finished: Condvar,
}

/// A visit that succeeded. The store read its clock between `sent` and `received`.
pub(super) struct Visited {
    pub(super) sent: Time,
    pub(super) received: Time,
    pub(super) reply: SyncReply,
}

/// A visit that failed.
pub(super) enum VisitFailure {
    /// The store could not be reached, or did not work.
    Store(StoreError),
    /// Other workers wrote first, each time.
    LostAllRaces,
    /// The fleet under this key has other settings.
    OtherSettings,
}

impl From<StoreError> for VisitFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl FleetDriver {
    /// Returns the driver of a worker, before its thread runs.
    pub(super) fn new(fleet: &Fleet, member: &Member) -> Self {
        Self {
            fleet: fleet.clone(),
            settings: member.settings().clone(),
            fingerprint: member.fingerprint(),
            thread: OnceLock::new(),
            woken: AtomicBool::new(false),
            final_request: Mutex::new(None),
            is_over: AtomicBool::new(false),
            is_finished: Mutex::new(false),
            finished: Condvar::new(),
        }
    }

    /// Returns the store's address, without credentials.
    pub(super) fn store_shown(&self) -> String {
        self.fleet.store.shown()
    }

    /// Remembers the thread that runs it.
    pub(super) fn runs_in(&self, thread: Thread) {
        let _ = self.thread.set(thread);
        // The thread may have gone to rest before it could be woken.
        self.wake();
    }

    /// Wakes the thread, to look for work.
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Parks the thread until it is woken, or until this time.
    pub(super) fn rest(&self, until: Option<Time>, clock: &dyn Clock) {
        clock.park_until(until, &self.woken);
    }

    /// Visits the store. A panic in a store that the user wrote counts as a failure, so that no caller waits for this
    /// thread in vain.
    pub(super) fn visit(
        &self,
        request: &mut SyncRequest,
        clock: &dyn Clock,
    ) -> Result<Visited, VisitFailure> {
        let exchange = AssertUnwindSafe(|| self.exchange(request, clock));
        catch_unwind(exchange).unwrap_or_else(|_| {
            let error = StoreError::new("the store panicked");
            Err(VisitFailure::Store(error))
        })
    }

    /// Reads the record, lets the core decide, and writes it back; again, if another worker wrote first.
    fn exchange(
        &self,
        request: &mut SyncRequest,
        clock: &dyn Clock,
    ) -> Result<Visited, VisitFailure> {
        let Fleet { store, key, .. } = &self.fleet;
        let mut sent = clock.now();
        let mut found = store.read(key)?;
        for _ in 0..MOST_TRIES {
            // Decide from what was read last.
            let received = clock.now();
            let now = found.time();
            let record = Record::read(&found.text, now);
            let settled = settle(record, now, request, &self.settings, self.fingerprint);
            let (record, reply) = match settled {
                Settled::Write(record, reply) => (record, reply),
                Settled::Keep(reply) => {
                    return Ok(Visited {
                        sent,
                        received,
                        reply,
                    });
                }
                Settled::OtherSettings => return Err(VisitFailure::OtherSettings),
            };
            // Write it. After an error it is unknown whether the store has it.
            let began = clock.now();
            let replaced = store.replace(key, found.version, &record.to_text(), KEEP);
            match replaced.inspect_err(|_| request.may_be_settled(&reply))? {
                Replaced::Done => {
                    return Ok(Visited {
                        sent,
                        received,
                        reply,
                    });
                }
                Replaced::Other(newer) => (sent, found) = (began, newer),
            }
        }
        Err(VisitFailure::LostAllRaces)
    }

    /// Waits until the limiter has left its last request, and makes the final visit.
    pub(super) fn finish(&self, clock: &dyn Clock) {
        while !self.is_over.load(Ordering::Acquire) {
            self.rest(None, clock);
        }
        // Taken out first: the lock is not held during the visit.
        let last = self.final_request.lock().take();
        if let Some(mut request) = last {
            // There is no way to report a failure any more.
            let _ = self.visit(&mut request, clock);
        }
        *self.is_finished.lock() = true;
        self.finished.notify_all();
    }

    /// Has the thread make the final visit, and waits for it a moment: the program may end right after this.
    pub(super) fn end(&self, last: Option<Box<SyncRequest>>) {
        let has_to_visit = last.is_some();
        *self.final_request.lock() = last;
        self.is_over.store(true, Ordering::Release);
        self.wake();
        // The last clone may be dropped by the driver's own thread.
        let is_own = self.thread.get().map(Thread::id) == Some(thread::current().id());
        if has_to_visit && !is_own {
            let mut is_finished = self.is_finished.lock();
            if !*is_finished {
                let _ = self.finished.wait_for(&mut is_finished, FINAL_VISIT);
            }
        }
    }
}
