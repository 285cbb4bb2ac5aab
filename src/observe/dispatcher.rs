//! Dispatcher of events: gives them to the log lines and to the observers of one limiter.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use super::attempt_record::{self, AttemptRecord};
use super::decision::Decision;
use super::event::{About, Event, Observer};
use super::log_lines::{self, LogLines, TARGET};
use super::unix_seconds;
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::error::Error;
use api_ratelimiter_core::request::Tags;

/// Sequence numbers reserved for the events of one decision. Unused numbers are left out.
const PER_DECISION: u64 = 8;

/// The API that an event is about, and the wall-clock time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventSource<'a> {
    pub(crate) api: &'a str,
    pub(crate) unix_now: Duration,
}

/// Gives events to the log lines and to observers.
#[derive(Default)]
pub(crate) struct Dispatcher {
    /// Whether there are observers besides the log lines. Checked before an event is made.
    listened: AtomicBool,
    sequence: AtomicU64,
    seats: RwLock<Subscribers>,
}

#[derive(Default, Clone)]
struct Subscribers {
    tenant: Option<Arc<str>>,
    listeners: Vec<Arc<Listener>>,
}

struct Listener {
    observer: Arc<dyn Observer>,
    /// Whether a panic of the observer was logged.
    told_on: AtomicBool,
}

impl Dispatcher {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) {
        let told_on = AtomicBool::new(false);
        let listener = Arc::new(Listener { observer, told_on });
        self.seats.write().listeners.push(listener);
        self.listened.store(true, Ordering::Release);
    }

    /// Removes an observer that was added. It hears of no event that begins after this.
    pub(crate) fn remove(&self, observer: &Arc<dyn Observer>) {
        let removed: Vec<_> = {
            let mut seats = self.seats.write();
            let listeners = std::mem::take(&mut seats.listeners).into_iter();
            let (removed, left): (Vec<_>, Vec<_>) =
                listeners.partition(|known| Arc::ptr_eq(&known.observer, observer));
            self.listened.store(!left.is_empty(), Ordering::Release);
            seats.listeners = left;
            removed
        };
        // Dropped without the lock: it may be the last copy of an observer whose drop adds another one.
        drop(removed);
    }

    /// Returns the number of observers besides the log lines.
    #[cfg(test)]
    pub(crate) fn observers(&self) -> usize {
        self.seats.read().listeners.len()
    }

    pub(crate) fn set_tenant(&self, tenant: &str) {
        self.seats.write().tenant = Some(tenant.into());
    }

    pub(crate) fn tenant(&self) -> Option<String> {
        self.seats.read().tenant.as_deref().map(str::to_owned)
    }

    /// Returns whether an event that is logged at `level` has a receiver: an observer or an enabled log line.
    /// Otherwise the event is not made.
    pub(crate) fn wants(&self, level: log::Level) -> bool {
        self.listened.load(Ordering::Acquire) || log::log_enabled!(target: TARGET, level)
    }

    /// Returns the first sequence number of a decision's events. Called in the order of decisions.
    pub(crate) fn next_number(&self) -> u64 {
        self.sequence.fetch_add(PER_DECISION, Ordering::Relaxed)
    }

    fn about(&self, speaker: EventSource<'_>, sequence: u64, tags: Option<&Tags>) -> About {
        let EventSource { api, unix_now } = speaker;
        About {
            api: api.to_owned(),
            tenant: self.tenant(),
            sequence,
            at: unix_seconds::of(unix_now),
            context: tags.map(|tags| tags.context.clone()).unwrap_or_default(),
        }
    }

    /// Gives an event to the log lines and all observers, on this thread. No lock is held, so that an observer
    /// may add another one.
    fn tell(&self, event: &Event) {
        LogLines.on_event(event);
        if !self.listened.load(Ordering::Acquire) {
            return;
        }
        let listeners = self.seats.read().listeners.clone();
        for listener in listeners {
            let told = catch_unwind(AssertUnwindSafe(|| listener.observer.on_event(event)));
            if told.is_err() && !listener.told_on.swap(true, Ordering::Relaxed) {
                log_lines::observer_panicked(&event.about().api);
            }
        }
    }
}

/// The events of a limiter and its calls.
impl Dispatcher {
    pub(crate) fn decided(&self, speaker: EventSource<'_>, tags: Option<&Tags>, news: &Decision) {
        let mut sequence = news.number;
        let about = || {
            let about = self.about(speaker, sequence, tags);
            sequence += 1;
            about
        };
        news.each(about, |event| self.tell(&event));
    }

    pub(crate) fn cooldown_ended(&self, speaker: EventSource<'_>, sequence: u64, lasted: Duration) {
        let about = self.about(speaker, sequence, None);
        self.tell(&Event::CooldownEnded { about, lasted });
    }

    /// Gives an event that is not a decision of the limiter to its receivers, if there are any.
    pub(crate) fn tell_if_wanted(
        &self,
        speaker: EventSource<'_>,
        level: log::Level,
        event: impl FnOnce(About) -> Event,
    ) {
        if self.wants(level) {
            self.tell(&event(self.about(speaker, self.next_number(), None)));
        }
    }

    pub(crate) fn attempted(&self, speaker: EventSource<'_>, heard: AttemptRecord) {
        let about = self.about(speaker, self.next_number(), heard.tags.as_deref());
        self.tell(&heard.event(about));
    }

    pub(crate) fn gave_up(&self, speaker: EventSource<'_>, attempt: &Attempt, error: &Error) {
        let tags = attempt.parts().tags.as_deref();
        let about = self.about(speaker, self.next_number(), tags);
        self.tell(&attempt_record::gave_up(about, attempt, error));
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("listened", &self.listened)
            .finish_non_exhaustive()
    }
}
